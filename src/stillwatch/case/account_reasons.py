"""What the account-level detectors say of flagged accounts, each on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.registry import DETECTORS
from stillwatch.footprint.footprints import Footprints

NATS_LEAST = 1.0  # Weaker evidence of one account is left out of its reasons.

Reason = tuple[str, str, float]
"""The detector, plain words, nats."""


def account_reasons(footprints: Footprints, rows: NDArray[np.int64]) -> list[list[Reason]]:
    """Return the reasons of each account in ``rows``, strongest first.

    They stand beside what ties the account to its group and are not added to it: an honest account can be
    automated, and a campaign's account alone seldom proves anything.

    Args:
        footprints: Everyone's: some detectors compare an account with its own kind.
        rows: The accounts asked for.
    """
    found: list[list[Reason]] = [[] for _ in rows]
    few = footprints.take(rows)
    for detector in DETECTORS:
        whole = detector.claim.population
        evidence = detector(footprints if whole else few)
        places = rows if whole else np.arange(len(rows))
        log_e = evidence.log_e[places]
        for k in np.flatnonzero(np.nan_to_num(log_e, nan=0.0) >= NATS_LEAST):
            found[k].append((detector.claim.detector, evidence.reason(int(places[k])), float(log_e[k])))
    return [sorted(reasons, key=lambda reason: -reason[2]) for reasons in found]
