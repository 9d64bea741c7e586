"""A provider's own baseline: what its accounts do, and how much evidence its honest communities carry by themselves."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stillwatch.evidence.baseline import Habits

COMMUNITIES_LEAST = 40  # Of fewer communities a ninth decile says nothing.
UPPER_SHARES = (0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)  # Where the tail is read; what lies beyond may be campaigns.


@dataclass(frozen=True, slots=True)
class CommunityTail:
    """How much evidence the communities of a history carry, the greatest tenth of them left aside.

    Attributes:
        communities: How many there were.
        quantiles: (share of communities, nats that so many of them reach), from the median to the ninth decile.
        offset_nats: At least 0: what is taken off a community's evidence so that, in the part that was read, at most a
            share exp(-x) of the communities has more than x nats.
        headroom_nats: By how much they stay below that, at the place where they come closest. It is not spent.
    """

    communities: int
    quantiles: tuple[tuple[float, float], ...]
    offset_nats: float
    headroom_nats: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was learnt from a history; it names no account, and no kind of which there are only few.

    Attributes:
        stillwatch_version: Of the program that learnt it.
        learnt_at: When.
        first_seen: Of the history.
        last_seen: Of the history.
        exchanges: Of the history.
        accounts: Of the history.
        habits: Everyone's first, then those of each kind of account.
        communities: Of the last look at the history.
    """

    stillwatch_version: str
    learnt_at: dt.datetime
    first_seen: dt.datetime
    last_seen: dt.datetime
    exchanges: int
    accounts: int
    habits: tuple[Habits, ...]
    communities: CommunityTail

    def level(self, level: float) -> float:
        """Return the level at which e-values are to be judged so that the communities' offset is paid.

        e-BH asks for log(K / (level * k)) nats; an offset taken off every e-value is the same as a level that is
        smaller by exp(-offset). It is never greater than the level asked for.

        Args:
            level: In (0, 1).
        """
        return level * math.exp(-self.communities.offset_nats)


def community_tail(log_e: ArrayLike) -> CommunityTail:
    """Return the tail of communities' evidence, read between its median and its ninth decile.

    Under the benign claims at most a share exp(-x) of honest communities has more than x nats. Where the history shows
    more, the excess is the offset. It is read where at least a tenth of the communities lie, since the few beyond may
    be campaigns: up to a tenth of them moves what is read by one tenth's quantile at most, and upwards only, so that
    contamination makes a later scan more cautious. Less than exp(-x) is no licence to accuse on less: from the ninth
    decile nobody can tell where honest tails end, so headroom is told and not spent.

    Args:
        log_e: Shape (communities,), nats. With fewer than ``COMMUNITIES_LEAST`` nothing is learnt.
    """
    values = np.asarray(log_e, np.float64)
    if len(values) < COMMUNITIES_LEAST:
        return CommunityTail(len(values), (), 0.0, 0.0)
    reached = np.quantile(values, [1 - share for share in UPPER_SHARES])
    above = [float(nats) + math.log(share) for share, nats in zip(UPPER_SHARES, reached, strict=True)]
    most = max(above)
    quantiles = tuple((share, round(float(nats), 3)) for share, nats in zip(UPPER_SHARES, reached, strict=True))
    return CommunityTail(len(values), quantiles, round(max(most, 0.0), 3), round(max(-most, 0.0), 3))
