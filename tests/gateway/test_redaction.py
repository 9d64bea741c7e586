"""What is hidden in whole answers, what stays, and that unknown shapes go through untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.redaction import Hiding, redacted

BOTH = Hiding(reasoning=True, logprobs=True)
SECRET = "INNER-VOICE"

CHAT = {
    "id": "c",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "42", "reasoning_content": SECRET, "reasoning": SECRET},
            "logprobs": {"content": [{"token": "42", "logprob": -0.1, "bytes": [52], "top_logprobs": []}]},
            "finish_reason": "stop",
        }
    ],
    "prompt_logprobs": [None, {"1": {"logprob": -1}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": SECRET, "signature": "x"},
        {"type": "redacted_thinking", "data": SECRET},
        {"type": "text", "text": "42"},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 5},
}
RESPONSE = {
    "object": "response",
    "reasoning": {"effort": "high", "summary": "auto"},
    "output": [
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": SECRET}],
            "encrypted_content": "e",
        },
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "42", "logprobs": [{"token": "4", "logprob": -1}]}],
        },
    ],
}


def after(document: Any, hiding: Hiding = BOTH) -> Any:
    return json.loads(redacted(json.dumps(document).encode(), hiding))


def test_a_chat_completion_loses_reasoning_and_logprobs_and_nothing_else() -> None:
    got = after(CHAT)
    assert SECRET not in json.dumps(got)
    assert got["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "42"},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert got["prompt_logprobs"] is None
    assert got["usage"] == CHAT["usage"] and got["id"] == "c"


def test_only_what_is_asked_for_is_hidden() -> None:
    assert SECRET in json.dumps(after(CHAT, Hiding(logprobs=True)))
    assert after(CHAT, Hiding(reasoning=True))["choices"][0]["logprobs"] is not None
    assert after(RESPONSE, Hiding(logprobs=True))["output"][0]["type"] == "reasoning"
    assert after(MESSAGE, Hiding(logprobs=True)) == MESSAGE


def test_a_message_keeps_its_text_only() -> None:
    assert after(MESSAGE)["content"] == [{"type": "text", "text": "42"}]


def test_a_response_keeps_its_settings() -> None:
    got = after(RESPONSE)
    assert got["reasoning"] == RESPONSE["reasoning"]
    assert [item["type"] for item in got["output"]] == ["message"]
    assert got["output"][0]["content"][0]["logprobs"] == []


@pytest.mark.parametrize(
    "holder",
    [
        {"choices": [{"text": "4", "reasoning": SECRET, "logprobs": {"tokens": ["4"], "token_logprobs": [-1]}}]},
        {"choices": [{"message": {"content": [{"type": "thinking", "thinking": [SECRET]}, {"type": "text"}]}}]},
        {"choices": [{"message": {"content": "4", "provider_specific_fields": {"reasoning_content": SECRET}}}]},
        {"choices": [{"message": {"content": "4", "thinking_blocks": [{"thinking": SECRET}]}}]},
        {"object": "list", "data": [{"type": "reasoning", "summary": SECRET}, {"type": "message", "content": []}]},
        {"object": "list", "data": [CHAT, CHAT]},
        {"message": {"role": "assistant", "content": "4", "thinking": SECRET}, "done": True},
        {"model": "m", "response": "4", "thinking": SECRET},
        [CHAT, MESSAGE, RESPONSE],
        {"text": "4", "meta_info": {"output_token_logprobs": [[-1, 3, SECRET]], "id": "k"}},
    ],
)
def test_other_known_places_are_found(holder: Any) -> None:
    got = after(holder)
    assert SECRET not in json.dumps(got)
    assert "-1" not in json.dumps(got)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"cut": ',
        b'{ "spaces" : 1.0 }',
        b'{"choices": "none"}',
        b'{"choices": [1, null, "x", {"message": 3, "delta": []}]}',
        b'{"output": "text"}',
        b'{"type": "message", "content": "plain"}',
        b'{"reasoning": "of a shape nobody knows"}',
        b"[" * 5000,
        b'{"choices":[{"message":{"content":"reasoning_content"},"logprobs":null}]}',
    ],
)
def test_unknown_and_clean_shapes_go_through_byte_for_byte(body: bytes) -> None:
    assert redacted(body, BOTH) == body


def test_lenient_json_is_redacted_too_and_becomes_strict() -> None:
    got = redacted(b'{"choices":[{"message":{"reasoning":"INNER-VOICE","content":"\\ud800"},"x":NaN}]}', BOTH)
    assert SECRET.encode() not in got
    json.loads(got)


KEYS = st.sampled_from(
    ["choices", "message", "delta", "content", "reasoning", "type", "output", "logprobs", "object", "data", "a"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["thinking", "reasoning", "list", "message"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_any_json_stays_json_and_hiding_twice_is_hiding_once(document: Any) -> None:
    once = redacted(json.dumps(document).encode(), BOTH)
    json.loads(once)
    assert json.loads(redacted(once, BOTH)) == json.loads(once)
