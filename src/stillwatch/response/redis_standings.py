"""Standings in a Redis or Valkey server: published once, taken over by every gateway, with the overlay beside them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from stillwatch.response.overlay import Entry, Overlay, SnapshotError, overlay_of_bytes
from stillwatch.response.standing import Renewed, Standings, standings_of_bytes

_PREFIX = "{stillwatch}:standings:"
_OLD_S = 600  # A replaced table stays so long for gateways that are just loading it.


def publish_standings(client: Any, standings: Standings, prefix: str = _PREFIX) -> str:
    """Put a table in place of the one that is there, for all gateways at once, and return its version.

    The table is written whole under a key of its own before the version names it.
    """
    version = secrets.token_hex(8)
    before = client.get(prefix + "version")
    client.set(f"{prefix}table:{version}", standings.to_bytes())
    client.set(prefix + "version", version)
    if before:
        client.expire(f"{prefix}table:{before.decode()}", _OLD_S)
    return version


def publish_entries(client: Any, entries: Mapping[int, Entry], prefix: str = _PREFIX) -> None:
    """Put accounts' entries into the shared overlay, all in one step; gateways see them at their next look."""
    with client.pipeline(transaction=True) as steps:
        for account, entry in entries.items():
            steps.hset(prefix + "overlay", str(account), Overlay({account: entry}).to_bytes())
        steps.set(prefix + "overlay-version", secrets.token_hex(8))
        steps.execute()


class RedisStandings(Renewed):
    """Watches a server for a new table or overlay, and swaps each whole; the table itself is held in memory.

    A server that is away leaves what was read before in force, and ``error`` says so.

    Args:
        client: A ``redis.Redis`` with timeouts long enough for a table (62 bytes an account).
        poll_s: How often to look; one small request.
        in_background: Look in a thread; else in ``poll``.
    """

    def __init__(self, client: Any, poll_s: float = 1.0, *, prefix: str = _PREFIX, in_background: bool = True) -> None:
        """Load what is there; a server that is away is tried again at the next look."""
        super().__init__(poll_s, in_background)
        self._client, self._prefix = client, prefix
        self._versions: tuple[Any, Any] = (None, None)
        self._lock.acquire()
        self._reload()

    def _reload(self) -> None:
        import redis

        try:
            self._load()
            self.error = ""
        except (redis.exceptions.RedisError, SnapshotError, OSError) as error:
            self.error = f"standings were not renewed: {error}"
        finally:
            self._lock.release()

    def _load(self) -> None:
        prefix = self._prefix
        table, overlay = self._client.mget(prefix + "version", prefix + "overlay-version")
        if overlay != self._versions[1]:
            lines = self._client.hvals(prefix + "overlay")
            self.overlay = overlay_of_bytes(b"".join(lines), "the shared overlay")
            self._versions = (self._versions[0], overlay)
        if table is not None and table != self._versions[0]:
            raw = self._client.get(f"{prefix}table:{table.decode()}")
            if raw is None:
                raise SnapshotError("the server names a table that it no longer holds; publish it again")
            self.standings = standings_of_bytes(raw, "the shared table")
            self._versions = (table, self._versions[1])
