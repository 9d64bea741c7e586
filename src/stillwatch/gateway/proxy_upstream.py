"""The model server as the proxy sees it: one pool of connections, asked without retrying, answers read as they come."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from stillwatch.gateway.proxy_upstream_connection import BrokenError, UnreachableError, UpstreamConnection
from stillwatch.gateway.settings import SettingsError

_LOOKS_A_LIMIT = 4  # How often a limit of time is looked at before it is over.
_LOOK_S_MAX = 1.0
_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS"})
_HAVE_A_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Where the model server is, and how long it may take.

    Attributes:
        url: Scheme, host, port and perhaps a path.
        connect_s: To connect.
        silence_s: Between two pieces of an answer, and before the first.
        idle_s: How long an idle connection is kept. Below what the server keeps it for: a request that meets a
            closing connection fails, and is not sent again, since it may have been read.
        connections_most: At once; 0 for no bound.
    """

    url: str
    connect_s: float = 5.0
    silence_s: float = 600.0
    idle_s: float = 4.0
    connections_most: int = 0

    def parts(self) -> SplitResult:
        """Return the address in its parts.

        Raises:
            SettingsError: If it is none that can be asked.
        """
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment or parts.username:
            raise SettingsError(f"the upstream {self.url!r} is no address (write for instance http://127.0.0.1:8000)")
        return parts


class Upstream:
    """Asks the model server. To be made and used within one running event loop.

    Args:
        settings: Where it is.
    """

    def __init__(self, settings: UpstreamSettings) -> None:
        """Open the pool; nothing is connected yet."""
        parts = settings.parts()
        self.path = parts.path.rstrip("/")
        self._host = parts.hostname or ""
        self._encrypts = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._encrypts else 80)
        self._named = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
        self._settings = settings
        self._idle: dict[UpstreamConnection, None] = {}
        self._all: set[UpstreamConnection] = set()
        self._room = asyncio.Semaphore(settings.connections_most) if settings.connections_most else None
        self._looking = asyncio.ensure_future(self._look())

    async def ask(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | AsyncIterator[bytes] | None
    ) -> UpstreamConnection:
        """Send a request and return the connection as soon as the answer's header is there.

        The caller ends with ``release``, whatever happens to the answer. Only a request without a body that changes
        nothing is sent again, where the server closed a kept connection before it answered.

        Raises:
            UnreachableError: If the server takes no connection.
            BrokenError: If it gives no answer.
            TimeoutError: If that takes too long.
            ValueError: If a field cannot be written.
        """
        head, chunked = self._head(method, target, headers, body)
        if self._room is not None:
            await self._room.acquire()
        while True:
            try:
                connection, kept = await self._connection()
            except BaseException:
                self._leave()
                raise
            try:
                connection.send(head, b"" if body is None else body, chunked=chunked, bodiless=method == "HEAD")
                await connection.head()
            except BaseException as error:
                connection.abort()
                again = kept and isinstance(error, BrokenError) and connection.untouched
                if again and body is None and method in _SAFE_TO_REPEAT:
                    continue
                self._leave()
                raise
            return connection

    def release(self, connection: UpstreamConnection) -> None:
        """End an exchange; a connection whose answer was not read to its end is closed."""
        connection.finish()
        self._leave()

    def _leave(self) -> None:
        if self._room is not None:
            self._room.release()

    def _head(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | AsyncIterator[bytes] | None
    ) -> tuple[bytes, bool]:
        """Return a request's header, and whether its body goes in chunks."""
        lines = [
            f"{method} {target} HTTP/1.1",
            f"host: {self._named}",
            *[f"{name}: {value}" for name, value in headers],
        ]
        chunked = False
        if isinstance(body, bytes):
            lines.append(f"content-length: {len(body)}")
        elif body is None:
            if method in _HAVE_A_BODY:
                lines.append("content-length: 0")
        elif not any(name == "content-length" for name, _ in headers):
            chunked = True
            lines.append("transfer-encoding: chunked")
        text = "\r\n".join(lines)
        ends = len(lines) - 1
        if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
            raise ValueError("a field holds the end of a line")
        return f"{text}\r\n\r\n".encode(), chunked

    async def _connection(self) -> tuple[UpstreamConnection, bool]:
        """Return a connection, and whether it has been used before: the one used last, so that the others go."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.usable:
                return connection, True
        try:
            async with asyncio.timeout(self._settings.connect_s):
                _, made = await asyncio.get_running_loop().create_connection(
                    lambda: UpstreamConnection(self._keep, self._forget),
                    self._host,
                    self._port,
                    ssl=self._encrypts,
                    server_hostname=self._host if self._encrypts else None,
                )
        except TimeoutError:
            raise
        except OSError as error:
            raise UnreachableError(str(error)) from None
        self._all.add(made)
        return made, False

    def _keep(self, connection: UpstreamConnection) -> None:
        self._idle[connection] = None

    def _forget(self, connection: UpstreamConnection) -> None:
        self._idle.pop(connection, None)
        self._all.discard(connection)

    async def _look(self) -> None:
        """End what is silent or idle for too long. One look at all costs less than a timer for each."""
        settings = self._settings
        period_s = min(_LOOK_S_MAX, settings.silence_s / _LOOKS_A_LIMIT, settings.idle_s / _LOOKS_A_LIMIT)
        while True:
            await asyncio.sleep(period_s)
            for connection in list(self._all):
                connection.quiet_s = 0.0 if connection.heard else connection.quiet_s + period_s
                connection.heard = False
                if connection.usable:
                    if connection.quiet_s >= settings.idle_s - period_s:
                        connection.abort()
                elif connection.waited_for and connection.quiet_s >= settings.silence_s:
                    connection.fail(TimeoutError())

    async def close(self) -> None:
        """Close all connections."""
        self._looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._looking
        for connection in list(self._all):
            connection.abort()
