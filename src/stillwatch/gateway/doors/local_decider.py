"""A decider made from files: policy, standings and the key; the heavy imports of a door, all in one place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.gateway.doors.decisions import LocalDecisions
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.response.counters import AsyncCounters
from stillwatch.response.decision import Decider
from stillwatch.response.policy_file import load_policy
from stillwatch.response.policy_watch import PolicyWatch
from stillwatch.response.standing import Reloading, StandingSource

_TABLE_WAIT_S = 30.0  # A table of millions takes its time over a network.
_SHARED = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class DeciderFiles:
    """What a decider is made from.

    Attributes:
        key_file: Holds the key of the pseudonyms; the scan that made the standings must have used the same.
        standings: The snapshot's path, which may come to exist later, or the server that holds one, ``redis://…``.
        policy: None for the one that comes with the program, which enforces nothing.
        counters: The server of counters that gateways share, ``redis://…``; empty to count in this process.
    """

    key_file: Path
    standings: str
    policy: Path | None = None
    counters: str = ""


def now_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


def shared(place: str) -> bool:
    """Tell whether a place is a server that several gateways share, and no file."""
    return place.startswith(_SHARED)


def standing_source(place: str) -> StandingSource:
    """Return the watched snapshot at a path or on a server.

    Raises:
        SnapshotError: If a snapshot is there and cannot be read.
        ImportError: If the package for the server is absent.
    """
    if shared(place):
        from stillwatch.response.redis_counters import redis_client
        from stillwatch.response.redis_standings import RedisStandings

        return RedisStandings(redis_client(place, _TABLE_WAIT_S))
    return Reloading(Path(place))


def local_decisions(files: DeciderFiles) -> LocalDecisions:
    """Return decisions of a decider in this process.

    Raises:
        SourceError, PolicyError, SnapshotError: If a file cannot be used; each names it.
        ImportError: If the package for a server is absent.
    """
    key = load_key(files.key_file)
    pseudonyms = Pseudonyms(key)
    counters: AsyncCounters | None = None
    if files.counters:
        from stillwatch.response.redis_counters import AsyncRedisCounters, redis_client

        counters = AsyncRedisCounters(redis_client(files.counters, asynchronous=True))
    decider = Decider(load_policy(files.policy), standing_source(files.standings))
    poll = PolicyWatch(files.policy, decider).poll if files.policy is not None else None
    return LocalDecisions(
        decider, lambda name: pseudonyms.hash_one("account_id", name), now_us, Tickets(key).make, counters, poll
    )
