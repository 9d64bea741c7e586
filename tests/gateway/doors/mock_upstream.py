"""A model server for tests and the bench: answers at once, in both APIs' shapes, and tells what it has seen."""

from __future__ import annotations

import json
from typing import Any

_SEEN: list[dict[str, Any]] = []
_SEEN_MOST = 200
_USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
_JSON = [("content-type", "application/json")]
_EVENTS = [("content-type", "text/event-stream")]
_LOGPROBS = {"content": [{"token": "Four", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None}
WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "mock",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Four.", "reasoning_content": "SECRET thought"},
                "logprobs": _LOGPROBS,
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
    }
).encode()


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "mock"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


STREAM = b"".join(
    [
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"reasoning_content": "SECRET "}),
        _chunk({"reasoning_content": "thought"}),
        _chunk({"content": "Four"}, logprobs=_LOGPROBS),
        _chunk({"content": "."}),
        _chunk({}, "stop"),
        b"data: [DONE]\n\n",
    ]
)
MESSAGE = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": [
            {"type": "thinking", "thinking": "SECRET thought", "signature": "c2ln"},
            {"type": "text", "text": "Four."},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 5},
    }
).encode()


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


STREAM_MESSAGE = b"".join(
    [
        _event("message_start", message={**json.loads(MESSAGE), "content": [], "stop_reason": None}),
        _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "SECRET thought"}),
        _event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "U0VDUkVU"}),
        _event("content_block_stop", index=0),
        _event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
        _event("content_block_delta", index=1, delta={"type": "text_delta", "text": "Four."}),
        _event("content_block_stop", index=1),
        _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 5}),
        _event("message_stop"),
    ]
)


async def app(scope: Any, exchange: Any) -> None:
    if scope.proto != "http":
        return
    if scope.path == "/seen":
        exchange.response_bytes(200, _JSON, json.dumps(_SEEN).encode())
        return
    if scope.path == "/forget":
        _SEEN.clear()
        exchange.response_empty(204, [])
        return
    body = await exchange()
    try:
        asked = json.loads(body) if body else {}
    except ValueError:
        asked = {}
    if len(_SEEN) < _SEEN_MOST:
        _SEEN.append({"path": scope.path, "headers": dict(scope.headers.items()), "body": asked})
    if scope.path.endswith("/messages"):
        streams = bool(asked.get("stream"))
        exchange.response_bytes(200, _EVENTS if streams else _JSON, STREAM_MESSAGE if streams else MESSAGE)
    elif asked.get("stream"):
        exchange.response_bytes(200, _EVENTS, STREAM)
    else:
        exchange.response_bytes(200, _JSON, WHOLE)
