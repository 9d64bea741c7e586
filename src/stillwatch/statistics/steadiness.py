"""A queue drained at a steady pace leaves counts that vary less than chance allows."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from stillwatch.statistics.compiled import compiled

STRENGTHS = (0.5, 2.0, 8.0)
"""How strongly the alternative draws neighbouring counts together; each is as likely as the others beforehand."""
DISTURBED = 0.2
"""The share of pairs that the alternative lets be as the claim has them: shifts, pauses and bursts of a few members."""
_TABLE = 1024


def log_e_steady(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return evidence that neighbouring counts agree better than independent arrivals would.

    If arrivals in two neighbouring hours are independent and equally frequent, then of their sum s each fell into the
    first hour with probability 1/2. The alternative weighs each split y by exp(-b (2y - s)^2 / s), normalised by its
    exact mean under the claim, so that the ratio has mean 1. Rates that differ between the two hours, sessions and
    bursts all pull the counts apart and only lower the evidence, each pair by no more than log(1/DISTURBED).

    Args:
        first: Shape (groups, pairs). Counts of the first hour of each pair.
        second: Shape (groups, pairs). Counts of the hour after it.

    Returns:
        Shape (groups,), nats.

    Raises:
        ValueError: If the shapes differ or a count is negative.

    Source:
        Conditional test of equal Poisson rates (Przyborowski & Wilenski 1940), turned into a likelihood ratio.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"both must have one shape (groups, pairs), not {first.shape} and {second.shape}")
    if first.size and min(first.min(), second.min()) < 0:
        raise ValueError("counts cannot be negative")
    tables = np.stack([_log_means(strength) for strength in STRENGTHS])
    parts = _sums_of_ratios(first, second, np.array(STRENGTHS), tables)
    return np.asarray(logsumexp(parts, axis=0) - np.log(len(STRENGTHS)))


@compiled
def _sums_of_ratios(
    first: NDArray[np.integer[Any]],
    second: NDArray[np.integer[Any]],
    strengths: NDArray[np.float64],
    tables: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return each alternative's evidence of each group, shape (strengths, groups)."""
    out = np.zeros((len(strengths), len(first)))
    for group in range(len(first)):
        for pair in range(first.shape[1]):
            both = np.int64(first[group, pair]) + np.int64(second[group, pair])
            if both == 0:
                continue
            gap = float(np.int64(first[group, pair]) - np.int64(second[group, pair]))
            for k in range(len(strengths)):
                # Above the table the exact mean is below this bound, which only takes away from the evidence.
                above = -0.5 * np.log1p(2 * strengths[k]) + 1.0 / both
                mean = tables[k, both] if both < tables.shape[1] else above
                ratio = np.exp(-strengths[k] * gap * gap / both - mean)
                out[k, group] += np.log(DISTURBED + (1 - DISTURBED) * ratio)
    return out


@cache
def _log_means(strength: float) -> NDArray[np.float64]:
    out = np.zeros(_TABLE)
    for total in range(1, _TABLE):
        split = np.arange(total + 1)
        log_chance = gammaln(total + 1) - gammaln(split + 1) - gammaln(total - split + 1) - total * np.log(2)
        out[total] = logsumexp(log_chance - strength * np.square(2.0 * split - total) / total)
    return out
