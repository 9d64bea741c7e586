"""Hiding in the answers that LiteLLM hands to a plug-in: objects of its own, plain JSON, or bytes of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from stillwatch.gateway.answer_only import leave_answers
from stillwatch.gateway.answer_only_stream import events_of
from stillwatch.gateway.redaction import Hiding, hide_in_document

_PREFIX, _END = b"data: ", b"\n\n"
_CARRIED = ("_hidden_params", "_response_headers")  # What LiteLLM hangs on its objects besides their fields.


def hidden(answer: Any, hiding: Hiding) -> Any:
    """Return a whole answer without what is to be hidden: the same object if it holds none of it.

    Args:
        answer: A pydantic object of LiteLLM's, or a JSON object.
        hiding: What to take out.
    """
    if isinstance(answer, dict):
        _edited(answer, hiding)
        return answer
    document = _document(answer)
    if document is None or not _edited(document, hiding):
        return answer
    return _rebuilt(answer, document)


def _edited(document: dict[str, Any], hiding: Hiding) -> bool:
    changed = hide_in_document(document, hiding)
    return changed | leave_answers(document) if hiding.answer_only else changed


async def hidden_stream(answers: AsyncIterator[Any], hiding: Hiding) -> AsyncIterator[Any]:
    """Pass a stream on without what is to be hidden; pieces that hold nothing else are left out.

    Objects go through the same redactor as the bytes of a stream do, as one event each.

    Raises:
        EndlessEventError: If a stream of bytes has an event without an end.
    """
    objects, events = events_of(hiding), events_of(hiding)
    async for piece in answers:
        if isinstance(piece, str):
            if passed := events.feed(piece.encode("utf-8", "surrogatepass")):
                yield passed.decode("utf-8", "surrogatepass")
        elif isinstance(piece, bytes | bytearray):
            if passed := events.feed(bytes(piece)):
                yield passed
        else:
            document = piece if isinstance(piece, dict) else _document(piece)
            if document is None:
                yield piece
                continue
            event = _PREFIX + orjson.dumps(document) + _END
            passed = objects.feed(event)
            if passed == event:
                yield piece
            elif passed:
                left = orjson.loads(passed[len(_PREFIX) : -len(_END)])
                yield left if isinstance(piece, dict) else _rebuilt(piece, left)
    if rest := events.finish():
        yield rest


def _document(answer: Any) -> dict[str, Any] | None:
    dump = getattr(answer, "model_dump", None)
    dumped = dump(mode="json", exclude_none=True) if callable(dump) else None
    return dumped if isinstance(dumped, dict) else None


def _rebuilt(answer: Any, document: dict[str, Any]) -> Any:
    built = type(answer)(**document)
    for name in _CARRIED:
        if hasattr(answer, name):
            setattr(built, name, getattr(answer, name))
    return built
