"""The model server as the proxy sees it: one pool of connections, asked without retrying, answers read as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from stillwatch.gateway.settings import SettingsError

_FIELD_BYTES_MAX = 64 << 10


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

    def base(self) -> str:
        """Return the address without a slash at its end.

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
        return self.url.rstrip("/")


class Upstream:
    """Asks the model server. To be made and used within one running event loop.

    Args:
        settings: Where it is.
    """

    def __init__(self, settings: UpstreamSettings) -> None:
        """Open the pool; nothing is connected yet."""
        self.base = settings.base()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.connections_most, keepalive_timeout=settings.idle_s, ttl_dns_cache=30
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_s, sock_read=settings.silence_s),
            max_line_size=_FIELD_BYTES_MAX,
            max_field_size=_FIELD_BYTES_MAX,
        )

    async def ask(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | AsyncIterator[bytes] | None
    ) -> aiohttp.ClientResponse:
        """Send a request and return its answer as soon as the header is there.

        Raises:
            aiohttp.ClientError: If it cannot be sent, or the answer is none.
            TimeoutError: If that takes too long.
        """
        return await self._session.request(
            method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
