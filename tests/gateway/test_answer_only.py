"""Answer only: what is left of a text, the same streamed and whole, in every shape, however the network cuts it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.answer_only import answer_of
from stillwatch.gateway.answer_only_stream import events_of, redactor_with
from stillwatch.gateway.redaction import Hiding, redacted
from stillwatch.gateway.redaction_stream import EVENT_BYTES_MAX, EndlessEventError
from stillwatch.response.ladder import Rung

ONLY = Hiding(reasoning=True, logprobs=True, answer_only=True)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Paris.", "Paris."),
        ("<think>Capital of France?\nParis.</think>\n\nParis.", "Paris."),
        ("Capital of France? Paris.</think>\nParis.", "Paris."),  # The opening tag stood in the prompt.
        ("<THINKING>a</THINKING>b<scratchpad>c</scratchpad>d", "bd"),
        ("<think>cut off in the mid", ""),
        ("3 + 4 = 7\n7 * 6 = 42\n#### 42", "#### 42"),
        ("Step 1: add.\n**Final answer:** 42", "**Final answer:** 42"),
        ("The final answer: 1?\nNo.\nThe final answer: 42\nas shown", "The final answer: 42\nas shown"),
        ("Because of this.\nAnswer: yes", "Answer: yes"),
        # A list of questions, a page with headings, code and JSON are no worked steps.
        ("Q: a\nAnswer: b\nQ: c\nAnswer: d", "Q: a\nAnswer: b\nQ: c\nAnswer: d"),
        ("# Title\n#### Part 1\ntext\n#### Part 2\ntext", "# Title\n#### Part 1\ntext\n#### Part 2\ntext"),
        ('{\n  "answer": 42\n}', '{\n  "answer": 42\n}'),
        ("#### 1\ntext", "#### 1\ntext"),
        ("if a < b: think(a)", "if a < b: think(a)"),
    ],
)
def test_what_is_left_of_a_text(text: str, left: str) -> None:
    assert answer_of(text) == left


WORDS = ["<think>", "</think>", "<scratchpad>", "Final answer: ", "Answer:", "#### 7", "\n", "so ", "4 ", "<", "x", "–"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


@given(TEXT)
def test_nothing_is_ever_added(text: str) -> None:
    left = iter(text)
    assert all(sign in left for sign in answer_of(text))  # A subsequence: left out from, and nothing else.


def sse(documents: list[dict[str, Any]], *, named: bool = False) -> bytes:
    def head(document: dict[str, Any]) -> str:
        return f"event: {document['type']}\n" if named else ""

    return "".join(f"{head(each)}data: {json.dumps(each)}\n\n" for each in documents).encode()


def chat(pieces: list[str]) -> bytes:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    said = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": each}) for each in pieces)]
    return sse([*said, chunk({}, "stop"), {"choices": [], "usage": {"prompt_tokens": 1}}]) + b"data: [DONE]\n\n"


def completion(pieces: list[str]) -> bytes:
    said = [{"choices": [{"index": 0, "text": each, "finish_reason": None}]} for each in pieces]
    return sse([*said, {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}])


def message(pieces: list[str]) -> bytes:
    said = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}} for t in pieces]
    return sse(
        [
            {"type": "message_start", "message": {"type": "message", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *said,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_stop"},
        ],
        named=True,
    )


def response(pieces: list[str]) -> bytes:
    text = "".join(pieces)
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": {"object": "response", "output": []}},
        *({"type": "response.output_text.delta", "delta": each, **place} for each in pieces),
        {"type": "response.output_text.done", "text": text, **place},
        {"type": "response.content_part.done", "part": item["content"][0], **place},
        {"type": "response.output_item.done", "item": item, "output_index": 0},
        {"type": "response.completed", "response": {"object": "response", "output": [item]}},
    ]
    return sse([{**each, "sequence_number": k} for k, each in enumerate(events)], named=True)


def ollama(pieces: list[str]) -> bytes:
    said = [{"message": {"role": "assistant", "content": each}, "done": False} for each in pieces]
    lines = [*said, {"message": {"role": "assistant", "content": ""}, "done": True}]
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def documents(stream: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in stream.splitlines()]
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def of_chat(held: list[Any]) -> str:
    return "".join(c["delta"].get("content") or "" for each in held for c in each["choices"])


def of_completion(held: list[Any]) -> str:
    return "".join(choice["text"] for each in held for choice in each["choices"])


def of_message(held: list[Any]) -> str:
    return "".join(each["delta"]["text"] for each in held if each["type"] == "content_block_delta")


def of_response(held: list[Any]) -> str:
    assert [each["sequence_number"] for each in held] == list(range(len(held)))
    told = "".join(each["delta"] for each in held if each["type"] == "response.output_text.delta")
    done = [each["text"] for each in held if each["type"] == "response.output_text.done"]
    parts = [each["response"]["output"][0]["content"][0]["text"] for each in held if each["type"].endswith("completed")]
    assert done == parts == [told]
    return told


def of_ollama(held: list[Any]) -> str:
    return "".join(each["message"]["content"] for each in held)


SSE, NDJSON = "text/event-stream", "application/x-ndjson"
SHAPES: dict[str, tuple[str, Callable[[list[str]], bytes], Callable[[list[Any]], str]]] = {
    "chat": (SSE, chat, of_chat),
    "completion": (SSE, completion, of_completion),
    "message": (SSE, message, of_message),
    "response": (SSE, response, of_response),
    "ollama": (NDJSON, ollama, of_ollama),
}


def through(kind: str, stream: bytes, cuts: list[int]) -> bytes:
    redactor = redactor_with(kind, ONLY)
    assert redactor is not None
    places = [0, *sorted({min(cut, len(stream)) for cut in cuts}), len(stream)]
    return b"".join(redactor.feed(stream[a:b]) for a, b in itertools.pairwise(places)) + redactor.finish()


@given(st.sampled_from(sorted(SHAPES)), st.lists(TEXT, min_size=1, max_size=6), st.lists(st.integers(0, 3000)))
def test_streamed_is_what_whole_is_whatever_the_cuts(shape: str, pieces: list[str], cuts: list[int]) -> None:
    kind, made, read = SHAPES[shape]
    out = through(kind, made(pieces), cuts)
    assert out == through(kind, made(pieces), [])
    assert read(documents(out)) == answer_of("".join(pieces))


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{"message": {"role": "assistant", "content": "TEXT"}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": "TEXT"}]}}]},
        {"choices": [{"text": "TEXT", "finish_reason": "stop"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "TEXT"}]},
        {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": "TEXT"}]}]},
        {"message": {"role": "assistant", "content": "TEXT"}, "done": True},
        {"response": "TEXT", "done": True},
        {"text": "TEXT", "meta_info": {}},
        [{"text": "TEXT", "meta_info": {}}],
    ],
)
def test_whole_answers_of_every_shape(document: Any) -> None:
    body = json.dumps(document).replace("TEXT", "<think>INNER</think>\\n42").encode()
    assert json.loads(redacted(body, ONLY)) == json.loads(json.dumps(document).replace("TEXT", "42"))
    assert redacted(body, Hiding(reasoning=True)) == body


def test_a_users_own_words_stay() -> None:
    body = json.dumps({"object": "list", "data": [{"type": "message", "role": "user", "content": "<think>a</think>b"}]})
    assert redacted(body.encode(), ONLY) == body.encode()


def test_tool_calls_and_two_choices_stream_on() -> None:
    call = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "<think>a</th"}, "finish_reason": None}]},
        {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": call, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "ink>c"}, "finish_reason": "tool_calls"}]},
        {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
    ]
    held = documents(through(SSE, sse(chunks), []))
    assert held[0] == chunks[2] and len(held) == 3
    assert [each["choices"][0]["delta"].get("content") for each in held[1:]] == ["c", "b"]


def test_sglang_streams_the_text_so_far_or_what_is_new() -> None:
    for texts in (["<think>a", "<think>a</think>b"], ["<think>a", "</think>b"]):
        ends = (None, {"type": "stop"})
        stream = sse([{"text": t, "meta_info": {"finish_reason": e}} for t, e in zip(texts, ends, strict=True)])
        assert [each["text"] for each in documents(through(SSE, stream, []))] == ["b"]


def test_an_endless_text_is_not_held_for_ever() -> None:
    redactor, piece = events_of(ONLY), chat(["x" * (1 << 20)])
    with pytest.raises(EndlessEventError):
        for _ in range((EVENT_BYTES_MAX >> 20) + 2):
            redactor.feed(piece.partition(b'"finish_reason": "stop"')[0].rpartition(b"data: ")[0])


def test_through_the_proxy_whole_and_streamed(model_server: Any, wall_tools: Any, tmp_path: Path) -> None:
    text = wall_tools.POLICY.replace("ladder:\n", "ladder:\n  hide: {reasoning: false, answer_only: true}\n")
    (tmp_path / "policy.yaml").write_text(text)
    wall_tools.write_rungs(tmp_path / "standings", {"sk-hide": Rung.HIDE})
    options = ("--policy", str(tmp_path / "policy.yaml"), "--standings", str(tmp_path / "standings"))
    gateway = wall_tools.start_gateway(tmp_path, model_server.port, *options)
    whole, streamed = (wall_tools.post(gateway.port, key="sk-hide", test=test) for test in ("think", "think-sse"))
    other = wall_tools.post(gateway.port, key="sk-none", test="think-sse")
    assert gateway.stop() == 0, gateway.said
    assert whole.json()["choices"][0]["message"] == {"role": "assistant", "content": "42"}
    assert streamed.whole and of_chat(documents(streamed.body)) == "42" and streamed.body.endswith(b"data: [DONE]\n\n")
    assert b"INNER" not in whole.body + streamed.body
    assert b"".join(each["choices"][0]["delta"]["content"].encode() for each in documents(other.body)[1:6]) == (
        b"<think>INNER-VOICE</think>42"
    )
