"""Requests an account: what a plain limit sees."""

from __future__ import annotations

import numpy as np
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids, exchanges

SOURCE = "the limits by key of common gateways"


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Count exchanges, in all and on the busiest day."""
    del seed  # Nothing is drawn.
    accounts = len(account_ids(labelled))
    total = np.zeros(accounts, np.int64)
    by_day: dict[int, np.ndarray] = {}
    for owner, table in exchanges(labelled, ["timestamp"]):
        total += np.bincount(owner, minlength=accounts)
        days = table["timestamp"].cast("int64").to_numpy() // 86_400_000_000
        for day in np.unique(days):
            counted = np.bincount(owner[days == day], minlength=accounts)
            by_day[int(day)] = by_day.get(int(day), 0) + counted
    busiest = np.max(list(by_day.values()), axis=0)
    return [
        Verdict("requests", "exchanges in all; no threshold of its own", total.astype(np.float64)),
        Verdict("requests on the busiest day", "UTC days; no threshold of its own", busiest.astype(np.float64)),
    ]
