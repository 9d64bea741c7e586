"""Taking reasoning and log-probabilities out of streamed answers, wherever the network cuts the stream.

Events that hold nothing to hide go on byte for byte. The output is a function of the bytes that came, not of how they
were cut into chunks.

Source: server-sent events, WHATWG HTML Living Standard, section 9.2.6 (interpreting an event stream).
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from stillwatch.gateway.redaction import Hiding, hide_in_document, parsed, written
from stillwatch.gateway.redaction_anthropic import BlockHiding
from stillwatch.gateway.redaction_openai import ChunkHiding
from stillwatch.gateway.redaction_responses import ItemHiding

EVENT_BYTES_MAX = 16 << 20
_END_OF_EVENT = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_MARK = b"\xef\xbb\xbf"  # A byte-order mark may stand before the first event and is no part of it.
# Without any of these an event names nothing that hiding edits or takes note of. Names can be spelled in other ways by
# escapes of letters and by encodings with zero bytes only.
_TELLING = (b'"type"', b'"role"', b"reasoning", b"thinking", b"meta_info", b"\\u", b"\0")


class EndlessEventError(ValueError):
    """An event longer than ``EVENT_BYTES_MAX``: it can be neither held nor checked."""


class StreamRedactor(Protocol):
    """Takes a stream in pieces and gives it on in pieces."""

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes and return those that can go on.

        Raises:
            EndlessEventError: If an event has no end.
        """

    def finish(self) -> bytes:
        """Take note that the stream has ended, and return what was held back of it."""


def redactor_of(content_type: str, hiding: Hiding) -> StreamRedactor | None:
    """Return the redactor of a streamed answer of this media type, or None for one that is no stream of JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return EventRedactor(hiding)
    if media_type in ("application/x-ndjson", "application/jsonl", "application/x-jsonlines"):
        return LineRedactor(hiding)
    return None


class Documents(Protocol):
    """Hides in one stream's documents."""

    def hide(self, document: Any) -> tuple[bool, bool]:
        """Edit a document in place; return whether it changed, and whether it is to be passed on."""


class _Documents:
    """Hides in one stream's documents, whichever API they belong to."""

    def __init__(self, hiding: Hiding) -> None:
        self._hiding = hiding
        self._chunks = ChunkHiding(hiding.reasoning, hiding.logprobs)
        self._blocks = BlockHiding()
        self._items = ItemHiding(hiding.reasoning, hiding.logprobs)

    def hide(self, document: Any) -> tuple[bool, bool]:
        """Edit a document in place; return whether it changed, and whether it is to be passed on."""
        if not isinstance(document, dict):
            return hide_in_document(document, self._hiding), True
        if isinstance(document.get("choices"), list):
            return self._chunks.hide(document)
        kind = document.get("type")
        if isinstance(kind, str):
            if kind.startswith("response."):
                return self._items.hide(document)
            if kind.startswith(("content_block_", "message_")):
                return self._blocks.hide(document) if self._hiding.reasoning else (False, True)
        return hide_in_document(document, self._hiding), True


class EventRedactor:
    """Redacts server-sent events.

    Args:
        hiding: What to take out.
        documents: What does so; by default whatever knows the APIs' fields.
    """

    def __init__(self, hiding: Hiding, documents: Documents | None = None) -> None:
        """Begin before the first byte."""
        self._documents = documents or _Documents(hiding)
        self._screens = documents is None
        self._held = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes and return the events that they complete."""
        held = self._held
        held += chunk
        out: list[bytes] = []
        begin, at = 0, self._searched
        while (found := _END_OF_EVENT.search(held, at)) is not None:
            at = found.end()
            if at == len(held) and held[-1] == 13:  # A line feed may follow that belongs to this line's end.
                at = found.start()
                break
            out.append(self._event(bytes(held[begin:at])))
            begin = at
        del held[:begin]
        self._searched = max(0, len(held) - 3)
        if len(held) > EVENT_BYTES_MAX:
            raise EndlessEventError(f"an event has more than {EVENT_BYTES_MAX >> 20} MiB")
        return b"".join(out)

    def finish(self) -> bytes:
        """Return the last event, which no empty line ended, unless it was cut in the middle of its document."""
        rest = bytes(self._held)
        self._held.clear()
        return self._event(rest, whole=False) if rest else b""

    def _event(self, event: bytes, whole: bool = True) -> bytes:
        """Return an event as it goes on: unchanged, with another document, or not at all."""
        if self._screens and whole and says_nothing_hidden(event):
            return event
        mark = _MARK if event.startswith(_MARK) else b""
        lines = _lines(event[len(mark) :])
        data = [k for k, (line, _) in enumerate(lines) if line.startswith(b"data:") or line == b"data"]
        if not data:
            return event
        text = b"\n".join(lines[k][0][5:].removeprefix(b" ") for k in data)
        try:
            document = parsed(text)
        except ValueError:
            # A piece of a document may hold the beginning of what is to be hidden; clients drop such an event.
            return event if whole or text.strip() == b"[DONE]" else b""
        changed, passes = self._documents.hide(document)
        if not passes:
            return mark
        if not changed:
            return event
        put = [
            (b"data: " + written(document), lines[data[-1]][1]) if k == data[0] else lines[k] for k in range(len(lines))
        ]
        return mark + b"".join(line + end for k, (line, end) in enumerate(put) if k == data[0] or k not in data)


def says_nothing_hidden(event: bytes) -> bool:
    """Tell of most events that go on as they are that they do, by their bytes: a tenth of what parsing one costs."""
    for word in _TELLING:
        if word in event:
            return False
    named = event.count(b"logprobs")
    return not named or named == event.count(b'logprobs":null') + event.count(b'logprobs": null')


def _lines(event: bytes) -> list[tuple[bytes, bytes]]:
    """Return an event's lines, each with what ended it; the last may have been ended by nothing."""
    if 13 not in event:
        *ended, rest = event.split(b"\n")
        return [(line, b"\n") for line in ended] + ([(rest, b"")] if rest else [])
    lines, begin = [], 0
    for found in _END_OF_LINE.finditer(event):
        lines.append((event[begin : found.start()], found.group()))
        begin = found.end()
    return [*lines, (event[begin:], b"")] if begin < len(event) else lines


class LineRedactor:
    """Redacts lines of JSON, one document each.

    Args:
        hiding: What to take out.
        documents: What does so; by default whatever knows the APIs' fields.
    """

    def __init__(self, hiding: Hiding, documents: Documents | None = None) -> None:
        """Begin before the first byte."""
        self._documents = documents or _Documents(hiding)
        self._held = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes and return the lines that they complete."""
        end = chunk.rfind(b"\n")
        if end < 0:
            self._held += chunk
            if len(self._held) > EVENT_BYTES_MAX:
                raise EndlessEventError(f"a line has more than {EVENT_BYTES_MAX >> 20} MiB")
            return b""
        whole = bytes(self._held) + chunk[: end + 1]
        self._held = bytearray(chunk[end + 1 :])
        return b"".join(self._line(line + b"\n") for line in whole[:-1].split(b"\n"))

    def finish(self) -> bytes:
        """Return the last line, which no line feed ended, if it is a whole document."""
        rest = bytes(self._held)
        self._held.clear()
        return self._line(rest, whole=False) if rest else b""

    def _line(self, line: bytes, whole: bool = True) -> bytes:
        text = line.strip()
        if not text:
            return line
        try:
            document = parsed(text)
        except ValueError:
            return line if whole else b""
        changed, passes = self._documents.hide(document)
        if not passes:
            return b""
        return written(document) + line[len(line.rstrip(b"\r\n")) :] if changed else line
