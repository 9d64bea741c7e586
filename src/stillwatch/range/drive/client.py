"""Sends requests over kept connections, each once, and says what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stillwatch.range.drive.loopback import loopback

LOST = 0  # No whole answer came: the connection broke, or nothing was said in time.
_HEAD_BYTES_MAX = 1 << 16
_IDLE_S = 2.0  # Less than servers wait: a request on a connection that is just being closed would be lost.
_REASONING = b'"reasoning_content"'
_KNOCK_S = 0.1


class BrokenError(Exception):
    """An answer that did not come whole."""


@dataclass(slots=True)
class Pace:
    """A clock of the simulation, which waits for nothing unless it is told to.

    Attributes:
        speed: Simulated seconds in a second; infinity for as fast as answers come.
    """

    speed: float = float("inf")
    _begun_s: float = 0.0
    _begun_us: int = -1

    def set(self, speed: float, at_us: int) -> None:
        """Go on at another speed from the simulated instant ``at_us``."""
        self.speed, self._begun_s, self._begun_us = speed, time.monotonic(), at_us

    def wait_s(self, at_us: int) -> float:
        """Return the seconds until the simulated instant ``at_us``."""
        if self.speed == float("inf"):
            return 0.0
        if self._begun_us < 0:
            self.set(self.speed, at_us)
        return (at_us - self._begun_us) / 1e6 / self.speed - (time.monotonic() - self._begun_s)


@dataclass(slots=True)
class Sender:
    """Some kept connections to one gateway on this machine.

    Args:
        url: Where it is; anything but this machine is refused.
        connections: Requests under way at once.
        answer_s: An answer that takes longer is lost.

    Raises:
        ValueError: If the address is not this machine's.
    """

    url: str
    connections: int = 32
    answer_s: float = 60.0
    _host: str = ""
    _port: int = 0
    _idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse other machines."""
        self._host, self._port = loopback(self.url)

    async def send(
        self,
        requests: Iterator[tuple[int, int, bytes]],
        told: Callable[[int, int, bool], None],
        pace: Pace,
        stop: asyncio.Event | None = None,
    ) -> None:
        """Send requests in their order until there are no more, or until ``stop``.

        Args:
            requests: (row, simulated time in microseconds, bytes); one that was taken is sent.
            told: Is told row, status (``LOST`` for no whole answer) and whether the answer showed reasoning.
            pace: When each is due.
            stop: Ends the sending before the next request.
        """

        async def worker() -> None:
            while stop is None or not stop.is_set():
                taken = next(requests, None)
                if taken is None:
                    return
                row, at_us, raw = taken
                while (wait_s := pace.wait_s(at_us)) > 0:
                    await asyncio.sleep(min(wait_s, 0.2))
                told(row, *await self.one(raw))

        await asyncio.gather(*(worker() for _ in range(self.connections)))

    async def one(self, raw: bytes) -> tuple[int, bool]:
        """Send one request, once, and return its status and whether the answer showed reasoning."""
        try:
            async with asyncio.timeout(self.answer_s):
                reader, writer = await self._connection()
                try:
                    writer.write(raw)
                    status, body, keeps = await answer(reader)
                except BaseException:
                    writer.close()
                    raise
        except (BrokenError, OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return LOST, False
        if keeps:
            self._idle.append((time.monotonic(), reader, writer))
        else:
            writer.close()
        return status, _REASONING in body

    async def close(self) -> None:
        """Close the connections."""
        for _, _, writer in self._idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since_s, reader, writer = self._idle.pop()
            if time.monotonic() - since_s < _IDLE_S and not reader.at_eof():
                return reader, writer
            writer.close()
        while True:
            try:
                return await asyncio.open_connection(self._host, self._port, limit=_HEAD_BYTES_MAX)
            except ConnectionRefusedError:  # Nobody is there, and nothing was sent: a gateway that starts again.
                await asyncio.sleep(_KNOCK_S)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Return status and body of the next answer on a connection, and whether the connection is kept.

    Raises:
        BrokenError: If it is not whole, or no HTTP.
        asyncio.IncompleteReadError: Likewise.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not first.startswith("http/1.1 ") or not first[9:12].isdecimal():
        raise BrokenError(first[:40])
    status, keeps = int(first[9:12]), "close" not in fields.get("connection", "")
    if fields.get("transfer-encoding") == "chunked":
        pieces = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return status, b"".join(pieces), keeps
    if "content-length" in fields:
        return status, await reader.readexactly(int(fields["content-length"])), keeps
    if status in (204, 304):
        return status, b"", keeps
    raise BrokenError("an answer of no known length")
