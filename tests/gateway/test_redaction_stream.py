"""Streams: any cut gives the same output, clean events go byte for byte, nothing hidden leaks, numbers have no gaps."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway import redaction_stream
from stillwatch.gateway.redaction import Hiding
from stillwatch.gateway.redaction_openai import REASONING_FIELDS
from stillwatch.gateway.redaction_stream import (
    EVENT_BYTES_MAX,
    EndlessEventError,
    EventRedactor,
    LineRedactor,
    redactor_of,
    says_nothing_hidden,
)

BOTH = Hiding(reasoning=True, logprobs=True)
SECRET = "INNER-VOICE"


def event(document: Any, name: str | None = None) -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}


CHAT = b"".join(
    [
        event(chunk({"role": "assistant", "content": ""})),
        event(chunk({"reasoning_content": SECRET})),
        b": keep-alive\n\n",
        event(chunk({"role": "assistant", "content": None, "reasoning": SECRET})),
        event(chunk({"content": "4"}, logprobs={"content": [{"token": "4", "logprob": -1}]})),
        event(chunk({"content": "2"})),
        event(chunk({}, finish_reason="stop") | {"usage": None}),
        event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}}),
        b"data: [DONE]\n\n",
    ]
)


def anthropic() -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"type": "message", "content": [], "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": SECRET}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SECRET}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": SECRET}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "42"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "t", "input": {}}},
        {"type": "content_block_stop", "index": 3},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return b"".join(event(each, each["type"]) for each in events)


def responses() -> bytes:
    item = {"type": "reasoning", "id": "rs", "summary": []}
    part = {"type": "output_text", "text": "42", "logprobs": [{"token": "4", "logprob": -1}]}
    message = {"type": "message", "content": [part]}
    whole = {
        "object": "response",
        "reasoning": {"effort": "low"},
        "output": [item, message],
        "usage": {"input_tokens": 1},
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"object": "response", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.reasoning_summary_part.added", "output_index": 0, "part": {"type": "summary_text"}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": SECRET},
        {"type": "response.content_part.added", "output_index": 0, "part": {"type": "reasoning_text", "text": SECRET}},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "encrypted_content": SECRET}},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "42", "logprobs": [{"logprob": -1}]},
        {"type": "response.content_part.done", "output_index": 1, "part": part},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.completed", "response": whole},
    ]
    return b"".join(event({**each, "sequence_number": k}, each["type"]) for k, each in enumerate(events))


STREAMS = {"chat": CHAT, "anthropic": anthropic(), "responses": responses()}


def through(stream: bytes, hiding: Hiding = BOTH, cuts: tuple[int, ...] = ()) -> bytes:
    redactor = EventRedactor(hiding)
    places = [0, *sorted({min(cut, len(stream)) for cut in cuts}), len(stream)]
    pieces = [redactor.feed(stream[a:b]) for a, b in itertools.pairwise(places)]
    return b"".join(pieces) + redactor.finish()


def documents(stream: bytes) -> list[Any]:
    lines = [line for line in stream.splitlines() if line.startswith(b"data: ") and b"[DONE]" not in line]
    return [json.loads(line[6:]) for line in lines]


def with_ends(stream: bytes, end: bytes) -> bytes:
    return stream.replace(b"\n", end)


@pytest.mark.parametrize("name", sorted(STREAMS))
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_single_cut_gives_the_same_output(name: str, end: bytes) -> None:
    stream = with_ends(STREAMS[name], end)
    whole = through(stream)
    assert SECRET.encode() not in whole and b'"logprob"' not in whole
    for cut in range(len(stream)):
        assert through(stream, cuts=(cut,)) == whole
    assert through(stream, cuts=tuple(range(len(stream)))) == whole


@given(st.sampled_from(sorted(STREAMS)), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 4000)))
def test_any_cuts_give_the_same_output(name: str, end: bytes, cuts: list[int]) -> None:
    stream = with_ends(STREAMS[name], end)
    assert through(stream, cuts=tuple(cuts)) == through(stream)


LINES = (b"\r", b"\n", b"\r\n", b"data:", b"data: ", b"event: x", b":c", b"data", b"\xef\xbb\xbf", b"\xff")
TEXTS = (b"{", b"}", b'"choices":', b"[]", b'{"choices":[{"delta":{"reasoning":"x"}}]}', b"[DONE]", b'{"choices":[]}')
PIECES = st.lists(st.sampled_from(LINES + TEXTS), max_size=40)


@given(PIECES, st.lists(st.integers(0, 300)))
def test_any_bytes_cut_anywhere_give_the_same_output(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    assert through(stream, cuts=tuple(cuts)) == through(stream)


@given(st.lists(st.binary(max_size=20)))
def test_streams_without_anything_to_hide_go_byte_for_byte(pieces: list[bytes]) -> None:
    stream = b"".join(pieces) + b"\n\n"
    assert through(stream) == stream


SINGLE: list[Any] = [
    chunk({"content": 'a "logprobs":null b'}),
    chunk({"content": "a"}, logprobs=None),
    *(chunk({"content": "a"}, **{name: value}) for name in ("logprobs", "prompt_logprobs") for value in (None, [1])),
    *(chunk(role | {name: "x"}) for name in REASONING_FIELDS for role in ({"role": "assistant"}, {})),
    chunk({"content": [{"type": "thinking", "text": "x"}, {"type": []}]}),
    {"type": "content_block_start", "content_block": {"type": {}}, "delta": {"type": []}},
    {"type": "response.content_part.added", "part": {"type": []}, "item": {"type": {}}},
    [chunk({"reasoning": "x"})],
    {"meta_info": {"output_token_logprobs": None}},
    {"message": {"content": "a", "thinking": "x"}, "logprobs": None},
]


def spelled(document: Any, way: int) -> bytes:
    """Write a document as servers may: compact or not, with letters as escapes, in another encoding."""
    text = json.dumps(document, separators=(",", ":") if way % 2 else None)
    if way == 2:
        text = text.replace("o", "\\u006f").replace("hi", "\\u0068i")
    return b"data: " + text.encode("utf-16-le" if way == 3 else "utf-8") + b"\n\n"


@given(
    st.sampled_from([documents(stream) for stream in STREAMS.values()]),
    st.sets(st.integers(0, 14)),
    st.lists(st.sampled_from(SINGLE), max_size=3),
    st.integers(0, 3),
    st.sampled_from([BOTH, Hiding(reasoning=True), Hiding(logprobs=True)]),
)
def test_events_that_are_not_parsed_are_those_that_parsing_leaves_alone(
    told: list[Any], kept: set[int], more: list[Any], way: int, hiding: Hiding
) -> None:
    chosen = [document for k, document in enumerate(told) if k in kept]
    stream = b"".join(spelled(document, way) for document in chosen + more)
    quick = through(stream, hiding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction_stream, "says_nothing_hidden", lambda _event: False)
        assert through(stream, hiding) == quick


@pytest.mark.parametrize(
    "ends", ['"logprobs":null', '"logprobs": null,"prompt_logprobs":null', '"finish_reason":"stop"']
)
def test_what_most_events_say_needs_no_parsing(ends: str) -> None:
    assert says_nothing_hidden(b'data: {"choices":[{"delta":{"content":"a\\n"},%b}]}\n\n' % ends.encode())


def test_a_clean_stream_goes_byte_for_byte_and_at_once() -> None:
    redactor = EventRedactor(BOTH)
    for each in (b'data: {"choices":[{"delta":{"content": "a"}}]}\n\n', b"data: [DONE]\n\n"):
        assert redactor.feed(each) == each


def test_a_chat_keeps_its_role_its_text_and_its_end() -> None:
    got = documents(through(CHAT))
    assert [c["delta"] for d in got for c in d["choices"]] == [
        {"role": "assistant", "content": ""},
        {"content": "4"},
        {"content": "2"},
        {},
    ]
    assert got[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 9}
    assert b": keep-alive\n\n" in through(CHAT) and through(CHAT).endswith(b"data: [DONE]\n\n")


def test_blocks_are_numbered_from_zero_without_gaps() -> None:
    got = documents(through(STREAMS["anthropic"]))
    assert [(d["type"], d["index"]) for d in got if "index" in d] == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_stop", 1),
    ]


def test_items_and_events_of_a_response_are_numbered_without_gaps() -> None:
    got = documents(through(STREAMS["responses"]))
    assert [d["sequence_number"] for d in got] == list(range(len(got)))
    assert {d["output_index"] for d in got if "output_index" in d} == {0}
    assert got[-1]["response"]["reasoning"] == {"effort": "low"}
    assert [item["type"] for item in got[-1]["response"]["output"]] == ["message"]


def test_hiding_logprobs_only_leaves_every_event_in_its_place() -> None:
    only = through(STREAMS["responses"], Hiding(logprobs=True))
    assert [d["sequence_number"] for d in documents(only)] == list(range(11))
    assert SECRET.encode() in only and b'"logprob"' not in only
    assert through(STREAMS["anthropic"], Hiding(logprobs=True)) == STREAMS["anthropic"]


def test_what_a_cut_stream_left_half_written_is_not_passed_on() -> None:
    stream = event(chunk({"content": "4"})) + b'data: {"choices":[{"delta":{"reasoning":"INNER-VO'
    assert through(stream) == event(chunk({"content": "4"}))
    assert through(b"data: [DONE]") == b"data: [DONE]"
    assert SECRET.encode() not in through(event(chunk({"reasoning": SECRET, "content": "4"})).rstrip())


def test_an_event_without_end_is_refused() -> None:
    redactor = EventRedactor(BOTH)
    with pytest.raises(EndlessEventError):
        for _ in range(EVENT_BYTES_MAX // (1 << 20) + 1):
            redactor.feed(b"x" * (1 << 20))


@given(st.lists(st.integers(0, 200)))
def test_lines_of_json_are_redacted_however_they_are_cut(cuts: list[int]) -> None:
    stream = b'{"message":{"content":"4","thinking":"INNER-VOICE"}}\n\n{"message":{"content":"2"}}\r\n{"done":true}'
    places = [0, *sorted({min(cut, len(stream)) for cut in cuts}), len(stream)]
    redactor = LineRedactor(BOTH)
    got = b"".join(redactor.feed(stream[a:b]) for a, b in itertools.pairwise(places)) + redactor.finish()
    assert got == b'{"message":{"content":"4"}}\n\n{"message":{"content":"2"}}\r\n{"done":true}'


def test_the_media_type_decides_how_a_stream_is_read() -> None:
    assert isinstance(redactor_of("text/event-stream; charset=utf-8", BOTH), EventRedactor)
    assert isinstance(redactor_of("Application/X-NDJSON", BOTH), LineRedactor)
    assert redactor_of("application/json", BOTH) is None
