"""What is done to an answer on its way to the client: nothing, or hiding; and reading what it says of its tokens."""

from __future__ import annotations

import zlib
from functools import lru_cache

from stillwatch.gateway.answer_only_stream import redactor_with
from stillwatch.gateway.redaction import Hiding, redacted
from stillwatch.gateway.redaction_stream import EndlessEventError, StreamRedactor
from stillwatch.gateway.usage import UsageWatch, usage_of

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_STREAMS = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/x-jsonlines")


class UncheckedError(Exception):
    """An answer from which something is to be hidden and that cannot be read: it must not be passed on."""


@lru_cache(256)
def _shape(content_type: str) -> str:
    """Return whether a media type is a whole document of JSON, a stream of some, or neither ("")."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        return "whole"
    return "stream" if media_type in _STREAMS else ""


class Answer:
    """Treats one answer.

    Args:
        content_type: As the model server states it.
        content_encoding: Likewise; "" or "identity" for none.
        hiding: What to take out.
        counts: Whether to read token counts.
        bytes_max: Longest answer that is held whole.

    Raises:
        UncheckedError: If something is to be hidden and the encoding is one that cannot be undone here.
    """

    def __init__(self, content_type: str, content_encoding: str, hiding: Hiding, counts: bool, bytes_max: int) -> None:
        """Decide how the answer is treated."""
        shape, encoding = _shape(content_type), content_encoding.strip().lower()
        encoded = encoding not in ("", "identity")
        self.whole = shape == "whole" or (not shape and bool(hiding) and not content_type)
        streams = shape == "stream"
        self._hiding = hiding if self.whole or streams else Hiding()
        self._bytes_max = bytes_max
        self.decodes = bool(self._hiding) and encoded
        if self.decodes and encoding not in ("gzip", "x-gzip", "deflate"):
            raise UncheckedError(f"encoding {encoding!r}")
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB) if self.decodes else None
        self._redactor: StreamRedactor | None = redactor_with(content_type, self._hiding) if self._hiding else None
        self._counts = counts and (not encoded or self.decodes)
        self._watch = UsageWatch() if self._counts and streams else None
        self._tokens: tuple[int | None, int | None] = (None, None)

    @property
    def changes(self) -> bool:
        """Whether the bytes may differ from the model server's."""
        return bool(self._hiding)

    def body(self, body: bytes) -> bytes:
        """Return a whole answer as it goes on.

        Raises:
            UncheckedError: If it cannot be decoded, or is too long.
        """
        if self._decoder is not None:
            body = self._decoded(body, self._bytes_max)
            if not self._decoder.eof:
                raise UncheckedError("cut off, or too long")
        if self._counts:
            self._tokens = usage_of(body)
        return redacted(body, self._hiding) if self._hiding else body

    def feed(self, chunk: bytes) -> bytes:
        """Return what goes on of a streamed answer after its next piece.

        Raises:
            UncheckedError: If it cannot be decoded, or an event has no end.
        """
        if self._decoder is not None:
            chunk = self._decoded(chunk, 0)
        if self._watch is not None:
            self._watch.feed(chunk)
        if self._redactor is None:
            return chunk
        try:
            return self._redactor.feed(chunk)
        except EndlessEventError as error:
            raise UncheckedError(str(error)) from None

    def finish(self) -> bytes:
        """Return what was held back of a streamed answer that has ended."""
        return self._redactor.finish() if self._redactor is not None else b""

    def tokens(self) -> tuple[int | None, int | None]:
        """Return the tokens read and written, None where the answer has not told."""
        return self._watch.tokens() if self._watch is not None else self._tokens

    def _decoded(self, data: bytes, most: int) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decompress(data, most)
        except zlib.error:
            raise UncheckedError("cannot be decoded") from None
