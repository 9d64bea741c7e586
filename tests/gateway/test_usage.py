"""Token counts read in passing: every API's shape, streamed and not, however the stream is cut."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.usage import UsageWatch, usage_of

OPENAI = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}}
ANTHROPIC = {"type": "message", "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 9}}
STREAMS = {
    "chat": (
        b'data: {"choices":[1],"usage":null}\n\ndata: ' + json.dumps(OPENAI).encode() + b"\n\ndata: [DONE]\n\n",
        (3, 9),
    ),
    "continuous": (
        b'data: {"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n' * 2 + b"data: " + json.dumps(OPENAI).encode(),
        (3, 9),
    ),
    "anthropic": (
        b'data: {"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9,"input_tokens":null}}\r\n\r\n',
        (3, 9),
    ),
    "responses": (
        b'data: {"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":9}}}\n\n',
        (3, 9),
    ),
    "none": (b'data: {"choices":[{"delta":{"content":"\\"usage\\": {\\"prompt_tokens\\": 7}"}}]}\n\n', (None, None)),
    "broken": (b'data: {"usage": {"prompt_tokens": 3\n\ndata: "usage"\n\n', (None, None)),
}


@pytest.mark.parametrize("name", sorted(STREAMS))
@given(cuts=st.lists(st.integers(0, 300)))
def test_streamed_usage_is_read_however_the_stream_is_cut(name: str, cuts: list[int]) -> None:
    stream, want = STREAMS[name]
    places = [0, *sorted({min(cut, len(stream)) for cut in cuts}), len(stream)]
    watch = UsageWatch()
    for a, b in itertools.pairwise(places):
        watch.feed(stream[a:b])
    assert watch.tokens() == want


def test_whole_answers() -> None:
    assert usage_of(json.dumps(OPENAI).encode()) == (3, 9)
    assert usage_of(json.dumps(ANTHROPIC).encode()) == (7, 9)
    assert usage_of(b'{"choices":[]}') == (None, None)
    assert usage_of(b'{"usage": ') == (None, None)
    assert usage_of(b'["usage"]') == (None, None)
    assert usage_of(b'{"usage":{"prompt_tokens":-1,"completion_tokens":true}}') == (None, None)
