"""Counters in this process, saved to SQLite so that a restart forgets little."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from stillwatch.response.counters import NO_LIMITS, Charge, Limit

_SHARDS = 256  # Swept one at a time, so that no request waits for a sweep of all.
_SWEEP_EVERY = 2_048  # Charges between two sweeps of a shard.
ROUNDING_US = 0.5  # Microseconds since 1970 as floating point are exact to a quarter.
_HALF, _WHOLE = 1 << 63, 1 << 64
_FULL = (0.0, 0)


class MemoryCounters:
    """Holds of each bucket that is not full how long it takes to be so again, and since when.

    For a bucket time never goes back: a request from before its last charge counts as one of that instant. Clocks are
    set back, and replayed requests overtake each other; neither may cost an account what it has not spent.

    Over any time of T seconds, what is charged to a limit is at most burst + rate × T, plus the excess of a single
    request that costs more than the burst. May be used by several threads.

    Args:
        keys_most: Buckets held at once. Beyond it, those that are nearest to full are forgotten, which gives at most
            what they still lacked; some 160 bytes each.

    Source:
        Generic cell rate algorithm, ITU-T I.371; as virtual scheduling.
    """

    def __init__(self, keys_most: int = 1 << 22) -> None:
        """Begin with every bucket full."""
        self._shard_most = max(2, keys_most // _SHARDS)
        self._shards: list[dict[int, tuple[float, int]]] = [{} for _ in range(_SHARDS)]
        self._changed: set[int] = set()
        self._saving = False  # Only once somebody saves, changed keys are remembered.
        self._lock = threading.Lock()
        self._charges = 0

    def __len__(self) -> int:
        """Count the buckets held, full ones that were not swept yet included."""
        return sum(map(len, self._shards))

    def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        """Charge all of ``limits`` or none, as ``Counters.charge``."""
        if not limits:
            return NO_LIMITS
        with self._lock:
            held: list[tuple[float, int]] = []
            blocking: Limit | None = None
            wait_us = 0.0
            for limit in limits:
                lacking_us, since_us = self._lacking(limit.key, now_us)
                held.append((lacking_us, since_us))
                # A request larger than the bucket waits for a full one.
                over = lacking_us + (min(limit.cost, limit.burst) - limit.burst) / limit.rate_per_s * 1e6
                if over > wait_us + ROUNDING_US:
                    wait_us, blocking = over, limit
            if blocking is None:
                held = [
                    self._put(limit, lacking_us, since_us)
                    for limit, (lacking_us, since_us) in zip(limits, held, strict=True)
                ]
        empty_s = [lacking_us / 1e6 for lacking_us, _ in held]
        return Charge(
            blocking is None,
            blocking,
            tuple([limit.burst - lacking * limit.rate_per_s for limit, lacking in zip(limits, empty_s, strict=True)]),
            tuple(empty_s),
            wait_us / 1e6,
        )

    def settle(self, limits: Sequence[Limit], now_us: int) -> None:
        """Charge without asking for room, as ``Counters.settle``."""
        with self._lock:
            for limit in limits:
                self._put(limit, *self._lacking(limit.key, now_us))

    def save(self, path: Path, now_us: int) -> None:
        """Write what changed since the last call to an SQLite file, in one transaction.

        After a crash, each bucket is given back at most what was charged to it since then. Requests go on meanwhile.

        Raises:
            sqlite3.Error: If it cannot be written; the next call tries the same again.
        """
        with self._lock:
            keys = self._changed if self._saving else {key for shard in self._shards for key in shard}
            self._changed, self._saving = set(), True
            rows = [(_signed(key), sum(self._shards[key % _SHARDS].get(key, _FULL))) for key in keys]
        try:
            with closing(sqlite3.connect(path)) as file, file:
                file.execute("CREATE TABLE IF NOT EXISTS buckets (key INTEGER PRIMARY KEY, full_us REAL NOT NULL)")
                file.executemany("INSERT OR REPLACE INTO buckets VALUES (?, ?)", rows)
                file.execute("DELETE FROM buckets WHERE full_us <= ?", (now_us,))
        except sqlite3.Error:
            with self._lock:
                self._changed |= keys
            raise

    def restore(self, path: Path, now_us: int) -> None:
        """Take over what was saved, where it is stricter than what is held; nothing if there is no such file.

        Raises:
            sqlite3.Error: If the file is not one that ``save`` wrote.
        """
        if not path.exists():
            return
        with closing(sqlite3.connect(path)) as file:
            rows = file.execute("SELECT key, full_us FROM buckets WHERE full_us > ?", (now_us,)).fetchall()
        with self._lock:
            for signed, full in rows:
                key = signed % _WHOLE
                shard = self._shards[key % _SHARDS]
                shard[key] = max((full - now_us, now_us), shard.get(key, _FULL), key=sum)

    def _lacking(self, key: int, now_us: int) -> tuple[float, int]:
        """Return the microseconds that a bucket takes to be full, and since when; no earlier than it was charged."""
        lacking_us, since_us = self._shards[key % _SHARDS].get(key, _FULL)
        return (max(0.0, lacking_us - (now_us - since_us)), now_us) if now_us > since_us else (lacking_us, since_us)

    def _put(self, limit: Limit, lacking_us: float, since_us: int) -> tuple[float, int]:
        """Charge a bucket and return how it then stands."""
        shard, key = self._shards[limit.key % _SHARDS], limit.key
        shard[key] = charged = max(0.0, lacking_us + limit.cost / limit.rate_per_s * 1e6), since_us
        if self._saving:
            self._changed.add(key)
        if len(shard) > self._shard_most:
            self._sweep(key % _SHARDS, since_us)
            if len(shard) > self._shard_most:
                for held in sorted(shard, key=lambda each: sum(shard[each]))[: len(shard) // 2]:
                    del shard[held]
        self._charges += 1
        if self._charges % _SWEEP_EVERY == 0:
            self._sweep(self._charges // _SWEEP_EVERY % _SHARDS, since_us)
        return charged

    def _sweep(self, place: int, now_us: int) -> None:
        shard = self._shards[place]
        for key in [key for key, held in shard.items() if sum(held) <= now_us]:
            del shard[key]


def _signed(key: int) -> int:
    """Return the 64 bits of ``key`` as SQLite holds whole numbers."""
    return key - _WHOLE if key >= _HALF else key
