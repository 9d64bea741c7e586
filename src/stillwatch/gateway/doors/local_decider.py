"""A decider made from files: policy, standings and the key; the heavy imports of a door, all in one place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.gateway.doors.decisions import LocalDecisions
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.response.decision import Decider
from stillwatch.response.policy_file import load_policy
from stillwatch.response.standing import Reloading


@dataclass(frozen=True, slots=True)
class DeciderFiles:
    """What a decider is made from.

    Attributes:
        key_file: Holds the key of the pseudonyms; the scan that made the standings must have used the same.
        standings: The snapshot; may come to exist later.
        policy: None for the one that comes with the program, which enforces nothing.
    """

    key_file: Path
    standings: Path
    policy: Path | None = None


def now_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


def local_decisions(files: DeciderFiles) -> LocalDecisions:
    """Return decisions of a decider with counters of this process.

    Raises:
        SourceError, PolicyError, SnapshotError: If a file cannot be used; each names it.
    """
    key = load_key(files.key_file)
    pseudonyms = Pseudonyms(key)
    decider = Decider(load_policy(files.policy), Reloading(files.standings))
    return LocalDecisions(decider, lambda name: pseudonyms.hash_one("account_id", name), now_us, Tickets(key).make)
