"""Reliability: how often a stated error level is passed, with the interval that so many trials leave open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv


@dataclass(frozen=True, slots=True)
class Reliability:
    """How many of some trials passed what at most a share ``level`` of them should pass.

    Attributes:
        level: In (0, 1).
        passed: How many did.
        trials: Of how many.
        low: Lower end of the interval of the true share.
        high: Upper end.
    """

    level: float
    passed: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share that passed; NaN of no trials."""
        return self.passed / self.trials if self.trials else math.nan

    @property
    def exceeds(self) -> bool:
        """Whether the whole interval lies above the level."""
        return self.low > self.level


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the chance behind ``successes`` of ``trials`` independent trials.

    Whatever the chance is, it lies in the interval with a probability of at least ``confidence``; each end is missed
    with at most half of the rest. Trials that depend on each other make it too narrow.

    Args:
        successes: From 0 to ``trials``.
        trials: Not negative; none give (0, 1).
        confidence: In (0, 1).

    Raises:
        ValueError: If an argument is outside its range.

    Source:
        Clopper & Pearson, Biometrika 26, 1934; the ends as quantiles of Beta laws.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must lie between 0 and {trials}, not {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie between 0 and 1, not {confidence}")
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def reliability(log_e: ArrayLike, levels: tuple[float, ...], confidence: float = 0.95) -> tuple[Reliability, ...]:
    """Return how often e-values reach 1 / level, level by level.

    Where each e-value has mean at most 1, at most a share ``level`` of them reaches 1 / level (Markov's inequality).

    Args:
        log_e: Shape (trials,), nats; NaN (no data) is no trial.
        levels: Each in (0, 1).
        confidence: Of the intervals, in (0, 1).

    Raises:
        ValueError: If a level or the confidence is outside its range.
    """
    values = np.asarray(log_e, np.float64)
    known = values[~np.isnan(values)]
    found = []
    for level in levels:
        if not 0 < level < 1:
            raise ValueError(f"a level must lie between 0 and 1, not {level}")
        passed = int((known >= -math.log(level)).sum())
        found.append(Reliability(level, passed, len(known), *clopper_pearson(passed, len(known), confidence)))
    return tuple(found)
