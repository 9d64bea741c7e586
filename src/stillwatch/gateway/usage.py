"""How many tokens an answer says it took, read on the way past without parsing more than says so.

Source: ``usage`` of OpenAI's chat completions, completions and responses and of Anthropic's messages. Streamed, it
stands in the last chunk, in ``response.completed``, or in ``message_start`` and ``message_delta`` together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from stillwatch.exchange.formats.messages import usage_columns

EVENT_BYTES_MAX = 4 << 20
_NAME = b'"usage"'


def _of_document(document: Any) -> Mapping[str, Any]:
    """Return the usage that a document states about itself, or of the answer that it holds; empty for none."""
    if not isinstance(document, dict):
        return {}
    for holder in (document, document.get("response"), document.get("message")):
        if isinstance(holder, dict) and isinstance(found := holder.get("usage"), dict):
            return found
    return {}


def _tokens(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    columns = usage_columns(usage)
    read, written = columns["input_tokens"], columns["output_tokens"]
    return _count(read), _count(written)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def usage_of(body: bytes) -> tuple[int | None, int | None]:
    """Return the tokens read and written that a whole JSON answer states; None for what it does not."""
    if _NAME not in body:
        return None, None
    try:
        return _tokens(_of_document(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return None, None


class UsageWatch:
    """Watches a streamed answer go by for what it says of its tokens.

    Only lines that hold the word are parsed. What a model writes cannot be mistaken for it: within a JSON string the
    quotation marks around the word are escaped.
    """

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._rest = b""
        self._usage: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> None:
        """Look at the next piece of the stream."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            if len(self._rest) + len(chunk) <= EVENT_BYTES_MAX:  # Of an endless line nothing is known.
                self._rest += chunk
            return
        whole = self._rest + chunk[:end] if self._rest else chunk[:end]
        self._rest = chunk[end:]
        if _NAME in whole:
            self._read(whole)

    def _read(self, lines: bytes) -> None:
        at = 0
        while (found_at := lines.find(_NAME, at)) >= 0:
            begin = lines.find(b"{", lines.rfind(b"\n", 0, found_at) + 1, found_at)
            at = lines.find(b"\n", found_at)
            at = len(lines) if at < 0 else at
            if begin < 0:
                continue
            try:
                found = _of_document(orjson.loads(lines[begin:at]))
            except orjson.JSONDecodeError:
                continue
            self._usage.update({name: value for name, value in found.items() if value is not None})

    def tokens(self) -> tuple[int | None, int | None]:
        """Return the tokens read and written, as far as the stream has told."""
        if self._rest:
            self._read(self._rest)
            self._rest = b""
        return _tokens(self._usage)
