"""What the account-level detectors say of flagged accounts, each on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.baseline import Habits, weigh
from stillwatch.footprint.footprints import Footprints

NATS_LEAST = 1.0  # Weaker evidence of one account is left out of its reasons.

Reason = tuple[str, str, float]
"""The detector, plain words, nats."""


def account_reasons(
    footprints: Footprints, rows: NDArray[np.int64], habits: tuple[Habits, ...] = ()
) -> list[list[Reason]]:
    """Return the reasons of each account in ``rows``, strongest first.

    They stand beside what ties the account to its group and are not added to it: an honest account can be
    automated, and a campaign's account alone seldom proves anything.

    Args:
        footprints: Everyone's: some detectors compare an account with its own kind.
        rows: The accounts asked for.
        habits: What each kind of account is held to; the shipped limits where empty.
    """
    found: list[list[Reason]] = [[] for _ in rows]
    for evidence in weigh(footprints, habits, rows):
        log_e = evidence.log_e[rows]
        for k in np.flatnonzero(np.nan_to_num(log_e, nan=0.0) >= NATS_LEAST):
            found[k].append((evidence.claim.detector, evidence.reason(int(rows[k])), float(log_e[k])))
    return [sorted(reasons, key=lambda reason: -reason[2]) for reasons in found]
