"""Leaving the answer only of streamed answers: texts are held back until they are whole, everything else streams on.

What a client reads is what it would have read of the whole answer; it comes in one piece, since where a thought ends is
known only then.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from stillwatch.gateway.answer_only import answer_of, leave_answers
from stillwatch.gateway.redaction import Hiding, written
from stillwatch.gateway.redaction_openai import ChunkHiding
from stillwatch.gateway.redaction_stream import (
    EVENT_BYTES_MAX,
    EndlessEventError,
    EventRedactor,
    LineRedactor,
    StreamRedactor,
    redactor_of,
)


def redactor_with(content_type: str, hiding: Hiding) -> StreamRedactor | None:
    """Return what ``redactor_of`` does, and after it what leaves the answer only, if that is asked for."""
    first = redactor_of(content_type, hiding)
    if first is None or not hiding.answer_only:
        return first
    return _Both(first, LineRedactor(hiding, _Held()) if isinstance(first, LineRedactor) else _AnswerEvents(hiding))


def events_of(hiding: Hiding) -> StreamRedactor:
    """Return the redactor of server-sent events."""
    return _Both(EventRedactor(hiding), _AnswerEvents(hiding)) if hiding.answer_only else EventRedactor(hiding)


class _Both:
    """One redactor after the other."""

    def __init__(self, first: StreamRedactor, second: StreamRedactor) -> None:
        self._first, self._second = first, second

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes and return those that can go on."""
        return self._second.feed(self._first.feed(chunk))

    def finish(self) -> bytes:
        """Return what was held back of both."""
        return self._second.feed(self._first.finish()) + self._second.finish()


class _Held:
    """The documents of one stream, whose texts are gathered.

    Attributes:
        before: Documents that have to go before the one that was just looked at.
    """

    def __init__(self) -> None:
        self.before: list[dict[str, Any]] = []
        self._texts: dict[Hashable, str] = {}
        self._length = 0
        self._chunks = ChunkHiding(False, False)
        self._left_out = 0

    def hide(self, document: Any) -> tuple[bool, bool]:
        """Edit a document in place; return whether it changed, and whether it is to be passed on."""
        if not isinstance(document, dict):
            return leave_answers(document), True
        if isinstance(document.get("choices"), list):
            return self._chunk(document)
        kind = document.get("type")
        if isinstance(kind, str) and kind.startswith("response."):
            return self._of_response(kind, document)
        if isinstance(kind, str) and kind.startswith("content_block_"):
            return self._of_block(kind, document)
        if isinstance(document.get("done"), bool):
            return self._line(document, document["done"])
        if isinstance(document.get("meta_info"), dict) and isinstance(document.get("text"), str):
            return self._growing(document)
        return leave_answers(document), True

    def _gather(self, key: Hashable, piece: str) -> None:
        self._length += len(piece)
        if self._length > EVENT_BYTES_MAX:
            raise EndlessEventError(f"a streamed text has more than {EVENT_BYTES_MAX >> 20} million signs")
        self._texts[key] = self._texts.get(key, "") + piece

    def _chunk(self, chunk: dict[str, Any]) -> tuple[bool, bool]:
        changed, telling = False, not chunk["choices"] or chunk.get("usage") is not None
        for choice in chunk["choices"]:
            if isinstance(choice, dict):
                changed |= self._choice(choice)
            telling |= self._chunks.tells(choice)
        return changed, telling or not changed

    def _choice(self, choice: dict[str, Any]) -> bool:
        changed, place = leave_answers({"message": choice.get("message")}), str(choice.get("index"))
        for holder, name in ((choice.get("delta"), "content"), (choice, "text")):
            if isinstance(holder, dict) and isinstance(holder.get(name), str):
                self._gather((name, place), holder[name])
                holder[name], changed = "", True
        if choice.get("finish_reason") is not None:
            if text := self._texts.pop(("content", place), ""):
                delta = choice.get("delta")
                choice["delta"] = {**(delta if isinstance(delta, dict) else {}), "content": answer_of(text)}
                changed = True
            if text := self._texts.pop(("text", place), ""):
                choice["text"], changed = answer_of(text), True
        return changed

    def _of_block(self, kind: str, event: dict[str, Any]) -> tuple[bool, bool]:
        delta, index = event.get("delta"), event.get("index")
        if isinstance(delta, dict) and delta.get("type") == "text_delta" and isinstance(delta.get("text"), str):
            self._gather(("block", str(index)), delta["text"])
            return True, False
        if kind == "content_block_stop" and (text := answer_of(self._texts.pop(("block", str(index)), ""))):
            told = {"type": "text_delta", "text": text}
            self.before.append({"type": "content_block_delta", "index": index, "delta": told})
        return False, True

    def _of_response(self, kind: str, event: dict[str, Any]) -> tuple[bool, bool]:
        if kind == "response.output_text.delta":
            self._left_out += 1
            return True, False
        changed = False
        if kind == "response.output_text.done" and isinstance(event.get("text"), str):
            event["text"] = answer_of(event["text"])
            changed = True
            if self._left_out and event["text"]:
                told = {**event, "type": "response.output_text.delta", "delta": event["text"]}
                del told["text"]
                if isinstance(event.get("sequence_number"), int):
                    told["sequence_number"] = event["sequence_number"] - self._left_out
                self._left_out -= 1
                self.before.append(told)
        part = {"type": "message", "content": [event.get("part")]}
        changed |= leave_answers([{"output": [event.get("item"), part]}, event.get("response")])
        if self._left_out and isinstance(event.get("sequence_number"), int):
            event["sequence_number"] -= self._left_out
            changed = True
        return changed, True

    def _line(self, line: dict[str, Any], ended: bool) -> tuple[bool, bool]:
        message = line.get("message")
        holder, name = (message, "content") if isinstance(message, dict) else (line, "response")
        if not isinstance(holder.get(name), str):
            return False, True
        self._gather("line", holder[name])
        holder[name] = answer_of(self._texts.pop("line")) if ended else ""
        return True, ended or (holder is message and bool(holder.keys() - {"role", name}))

    def _growing(self, document: dict[str, Any]) -> tuple[bool, bool]:
        """SGLang streams either the text so far or what is new of it, as it was started."""
        before, text = self._texts.get("text", ""), document["text"]
        if text.startswith(before):
            text = text[len(before) :]
        self._gather("text", text)
        if document["meta_info"].get("finish_reason") is None:
            return True, False
        document["text"] = answer_of(self._texts["text"])
        return True, True


class _AnswerEvents(EventRedactor):
    """Server-sent events, among which there may be new ones."""

    def __init__(self, hiding: Hiding) -> None:
        self._texts = _Held()
        super().__init__(hiding, self._texts)

    def _event(self, event: bytes, whole: bool = True) -> bytes:
        out = super()._event(event, whole)
        before, self._texts.before = self._texts.before, []
        return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), written(each)) for each in before) + out
