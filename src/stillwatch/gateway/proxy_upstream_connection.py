"""One connection to the model server: a request is written, its answer is parsed as it comes and read piece by piece.

llhttp parses, as in Node.js. What no reader has taken yet is bounded: the model server is held back beyond that.

Source: RFC 9112; httptools.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

from httptools import HttpParserError, HttpResponseParser

HEAD_BYTES_MAX = 128 << 10
_HELD_BYTES_MAX = 256 << 10


class UnreachableError(ConnectionError):
    """The model server takes no connection."""


class BrokenError(ConnectionError):
    """The model server's answer broke off, or is none."""


@lru_cache(1024)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one exchange at a time.

    Args:
        idles: Is told when an answer has been read to its end and the connection can carry another request.
        lost: Is told when the connection is gone.

    Attributes:
        status: Of the answer; 0 before its header is there.
        headers: Of the answer, names in lower case.
        heard: Something came, or went, since this was last set to False.
        quiet_s: Kept by whoever looks for silence.
    """

    def __init__(self, idles: Callable[[UpstreamConnection], None], lost: Callable[[UpstreamConnection], None]) -> None:
        """Begin before the connection is made."""
        self._loop = asyncio.get_running_loop()
        self._idles = idles
        self._lost = lost
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._upload: asyncio.Future[None] | None = None
        self._gone = False
        self._busy = False
        self._clear(False)

    def _clear(self, bodiless: bool) -> None:
        self.status = 0
        self.headers: list[tuple[str, bytes]] = []
        self.heard, self.quiet_s = True, 0.0
        self._bodiless = bodiless
        self._head_bytes = 0
        self._framed = False  # Its end is told by more than the connection's.
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._paused = False
        self._ended = False
        self._reusable = False
        self._failure: BaseException | None = None

    # What the exchange calls.

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return not (self._gone or self._busy or self._transport.is_closing())

    @property
    def untouched(self) -> bool:
        """Whether nothing of an answer has come."""
        return self._head_bytes == 0

    @property
    def waited_for(self) -> bool:
        """Whether it is the model server's turn, and not that of a client who sends or reads slowly."""
        uploads = self._upload is not None and not self._upload.done() and self._writable is None
        return self._busy and not (self._ended or self._paused or uploads)

    def send(self, head: bytes, body: bytes | AsyncIterator[bytes], *, chunked: bool, bodiless: bool) -> None:
        """Begin an exchange.

        Args:
            head: The request's header, its last line end included.
            body: Whole, or as it comes.
            chunked: Frame the pieces of the body, whose length is not known.
            bodiless: The answer has no body, whatever its header says: it answers HEAD.
        """
        self._clear(bodiless)
        self._busy = True
        if isinstance(body, bytes):
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._upload = asyncio.ensure_future(self._send_pieces(body, chunked))

    async def _send_pieces(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        try:
            async for piece in body:
                self.heard = True
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # Whatever is wrong with the body, who waits for the answer has to know.
            self.fail(error)

    async def head(self) -> None:
        """Wait for the header of the answer.

        Raises:
            BrokenError: If none comes, or it cannot be parsed.
            TimeoutError: If that takes too long.
        """
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self._more()

    async def read(self) -> bytes:
        """Return the next piece of the answer's body, empty at its end.

        Raises:
            BrokenError: If the answer breaks off.
            TimeoutError: If the server is silent for too long.
        """
        while not self._pieces:
            if self._ended:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._more()
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held_bytes = 0
        if self._paused:
            self._paused, self.heard = False, True
            self._transport.resume_reading()
        return piece

    async def _more(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def finish(self) -> None:
        """End the exchange: the connection is kept if the answer was read to its end and nothing forbids it."""
        uploads = self._upload is not None and not self._upload.done()
        if self._gone or not (self._ended and self._reusable) or self._pieces or uploads:
            self.abort()
            return
        self._busy, self._upload = False, None
        self._idles(self)

    def abort(self) -> None:
        """Give the connection up at once."""
        if self._upload is not None:
            self._upload.cancel()
        self._gone = True
        self._transport.abort()

    def fail(self, error: BaseException) -> None:
        """End the exchange with an error, which its reader gets."""
        if not self._ended and self._failure is None:
            self._failure = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if not self._busy or self._ended:
            self.abort()  # Nobody asked: what comes now could be taken for the next answer.
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._reusable = False
            self.fail(BrokenError(str(error)))
        if not self.status:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.fail(BrokenError("the answer's header is too long"))
                self._transport.abort()
        else:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone, which ends some answers and breaks others off."""
        self._gone = True
        if exc is None and self.status and not self._framed:
            self._ended = True
        self.fail(BrokenError("the connection was closed"))
        self._wake()
        self.resume_writing()
        self._lost(self)

    def pause_writing(self) -> None:
        """Hold an upload back."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let it go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._ended:
            self._reusable = False
            raise BrokenError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header; those after the body are dropped."""
        if not self.status:
            self.headers.append((_name(name), value))

    def on_headers_complete(self) -> None:
        """Take the status, unless it is that of a header before the true one."""
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            return
        self.status = status
        self._framed = any(name in ("content-length", "transfer-encoding") for name, _ in self.headers)
        if self._bodiless:  # The parser waits for a body that will not come: it is of no more use.
            self._ended = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece, and hold the server back where too many wait."""
        self._pieces.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > _HELD_BYTES_MAX and not self._paused and not self._gone:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.status:
            self._ended = True
            self._reusable = self._parser.should_keep_alive()
