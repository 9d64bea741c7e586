"""Dispersion of counts over time: steadier than chance allows, as a queue that is dealt out, or moving together."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.statistics.compiled import compiled
from stillwatch.statistics.e_value import log_e_from_rank

THINNINGS = (0.9, 0.6, 0.3)  # Shares of a steady queue that are seen; each alternative costs log(3) nats.
MEMORIES_H = (6.0, 48.0)  # How far back, in bins, the pace is learnt: one keeps up with pauses, one is precise.
_SLIP = 0.05  # Chance that a bin is Poisson after all, so that a pause costs log(20) nats and not the whole wealth.
_QUIET = 5.0  # Exchanges missed in a row before betting rests: e**-5 for a Poisson account, a pause for a queue.
_LEAST_PACE = 1e-3  # Exchanges a bin: keeps the mean positive when the memory has faded.
_LOG_FACTORIAL = np.array([math.lgamma(k + 1.0) for k in range(4096)])


def log_e_steadier_than_poisson(
    counts: ArrayLike, expected: ArrayLike, thinnings: tuple[float, ...] = THINNINGS
) -> NDArray[np.float64]:
    """Return the log e-value against "the counts are Poisson, or more dispersed", for steadier ones.

    A queue dealt out evenly and seen in a share q varies like a binomial count, with (1 - q) of the Poisson variance.
    The e-value is the mean over q of the product over bins of binomial to Poisson likelihoods of the same mean.

    Args:
        counts: Shape (..., bins), whole numbers, none negative.
        expected: Same shape or broadcast to it, positive: means fixed without a look at these counts.
        thinnings: Each in (0, 1).

    Returns:
        Shape (...), nats; finite.

    Raises:
        ValueError: If a count, a mean or a thinning is outside its range.

    Guarantee:
        The mean of exp(log_e) is at most 1 for every Poisson process, whatever its rates and even if those are random
        (Cox): under rate r a binomial-to-Poisson ratio built for mean m has the mean
        exp(m - r) * (1 - q + q * r / m)**(m / q), which is at most 1. So wrong ``expected`` costs power only.
    """
    c = np.asarray(counts)
    mean = np.broadcast_to(np.asarray(expected, np.float64), c.shape)
    if not np.all((c >= 0) & (np.floor(c) == c)):
        raise ValueError("counts must be whole numbers, none negative")
    if not np.all((mean > 0) & np.isfinite(mean)):
        raise ValueError("expected counts must be positive")
    flat = np.ascontiguousarray(c.reshape(-1, c.shape[-1]), np.int64)
    flat_mean = np.ascontiguousarray(mean.reshape(-1, c.shape[-1]))
    result: NDArray[np.float64] = _given_pace(flat, flat_mean, _checked(thinnings), _LOG_FACTORIAL)
    return result.reshape(c.shape[:-1])


def log_e_steadier_than_own_pace(
    counts: NDArray[np.uint16] | NDArray[np.int64],
    warm_up: int = 24,
    memories: tuple[float, ...] = MEMORIES_H,
    thinnings: tuple[float, ...] = THINNINGS,
) -> NDArray[np.float64]:
    """Return the log e-value of ``log_e_steadier_than_poisson`` where each bin's mean is learnt from the bins before.

    Betting begins once ``warm_up`` exchanges have been seen, and rests after empty bins in which ``_QUIET`` exchanges
    were expected, until the account returns: a night, a ban or an early end then costs a few nats. As all of this is
    decided before the count it concerns is seen, the guarantee is the same.

    Args:
        counts: Shape (accounts, bins).
        warm_up: Exchanges seen before the first bet; an account with fewer has 0 nats.
        memories: Bins over which the weight of the past falls by a factor of e; each positive.
        thinnings: Each in (0, 1).

    Returns:
        Shape (accounts,), nats; finite.

    Raises:
        ValueError: If a parameter is outside its range.
    """
    if counts.ndim != 2:
        raise ValueError(f"counts must have shape (accounts, bins), not {counts.shape}")
    if warm_up < 1 or not memories or not all(memory > 0 for memory in memories):
        raise ValueError("warm_up and memories must be positive")
    decays = np.exp(-1 / np.asarray(memories, np.float64))
    result: NDArray[np.float64] = _own_pace(
        np.ascontiguousarray(counts), warm_up, decays, _checked(thinnings), _LOG_FACTORIAL
    )
    return result


def log_e_synchronised(
    counts: ArrayLike,
    generator: np.random.Generator,
    background: ArrayLike | None = None,
    shift_bins: int = 24,
    shifts: int = 199,
) -> float:
    """Return the log e-value against "each member keeps its own days", for members that move together.

    Each member's counts are rolled around by a random number of whole days, which keeps its volume, its hours of the
    day and its bursts, and breaks what it has in common with the others hour by hour. Under the claim the true
    alignment is one among many, so its rank among the rolled ones is uniform.

    Args:
        counts: Shape (members, bins), at least two members; bins a multiple of ``shift_bins``, at least two shifts.
            Take a span over which all members were open, or their openings are what is found.
        generator: Source of the shifts.
        background: Shape (bins,), none negative: all accounts' exchanges. What weekends, outages and growth do to
            everybody is taken out before the comparison. Without it only the hours of the day are.
        shift_bins: Bins of one shift: 24 hours where a bin is an hour.
        shifts: Random alignments. 199 allow 3.5 nats, 9,999 allow 6.9.

    Returns:
        Nats, from the rank by ``log_e_from_rank``.

    Raises:
        ValueError: If a shape or a parameter is wrong.

    Assumptions:
        Under the claim each member's days are exchangeable in a circle and members are independent given
        ``background``.
    """
    c = np.asarray(counts, np.float64)
    if c.ndim != 2 or len(c) < 2 or shift_bins < 1 or c.shape[1] % shift_bins or c.shape[1] < 2 * shift_bins:
        raise ValueError(f"counts of shape {c.shape} do not divide into members and at least two shifts")
    if shifts < 1:
        raise ValueError("at least one shift is needed")
    standard = _standardised(c, background, shift_bins)
    days = c.shape[1] // shift_bins
    by_day = standard.reshape(len(c), days, shift_bins)
    observed = float((by_day.sum(axis=0) ** 2).sum())
    beyond = 1
    for _ in range(shifts):
        offset = generator.integers(days, size=len(c))
        together = _rolled_sum(by_day, offset)
        beyond += float((together**2).sum()) >= observed * (1 - 1e-12)
    return float(log_e_from_rank(beyond, shifts + 1))


def _standardised(c: NDArray[np.float64], background: ArrayLike | None, shift_bins: int) -> NDArray[np.float64]:
    """Return each member's excess over its own hours of the day times the background, in its own Poisson spreads."""
    days = c.shape[1] // shift_bins
    shape = np.ones(c.shape[1])
    if background is not None:
        shape = np.asarray(background, np.float64)
        if shape.shape != (c.shape[1],) or not np.all(shape >= 0):
            raise ValueError(f"the background must be {c.shape[1]} numbers, none negative")
    by_hour = shape.reshape(days, shift_bins)
    hourly = by_hour.sum(axis=0)
    weight = np.where(hourly > 0, by_hour / np.where(hourly > 0, hourly, 1.0), 0.0)
    own = c.reshape(len(c), days, shift_bins).sum(axis=1)
    mean = (own[:, None, :] * weight[None]).reshape(c.shape)
    # Members count alike whatever their volume, or the busiest pair would decide for all.
    scale = np.sqrt(np.maximum(c.sum(axis=1, keepdims=True) / c.shape[1], 1.0 / c.shape[1]))
    return np.asarray((c - mean) / scale, np.float64)


@compiled
def _rolled_sum(by_day: NDArray[np.float64], offset: NDArray[np.int64]) -> NDArray[np.float64]:
    members, days, bins = by_day.shape
    total = np.zeros((days, bins))
    for member in range(members):
        for day in range(days):
            source = by_day[member, (day + offset[member]) % days]
            for at in range(bins):
                total[day, at] += source[at]
    return total


def _checked(thinnings: tuple[float, ...]) -> NDArray[np.float64]:
    array = np.asarray(thinnings, np.float64)
    if not len(array) or not np.all((array > 0) & (array < 1)):
        raise ValueError(f"thinnings must lie between 0 and 1, not {thinnings}")
    return array


@compiled
def _log_factorial(k: float, table: NDArray[np.float64]) -> float:
    return float(table[int(k)]) if k < table.size else math.lgamma(k + 1.0)


@compiled
def _log_ratio(count: float, mean: float, thinning: float, table: NDArray[np.float64]) -> float:
    """Return the log of (1 - slip) * binomial / Poisson + slip for a binomial of the same mean."""
    # The queue holds a whole number, so that the share seen gives way to keep the mean.
    queue = math.ceil(mean / thinning)
    if count > queue:
        return math.log(_SLIP)
    seen = mean / queue
    binomial = _log_factorial(queue, table) - _log_factorial(queue - count, table)
    binomial += -count * math.log(queue) + (queue - count) * math.log1p(-seen) + mean
    return math.log((1 - _SLIP) * math.exp(binomial) + _SLIP)


@compiled
def _log_mean_exp(values: NDArray[np.float64]) -> float:
    greatest = values.max()
    return float(greatest + math.log(np.exp(values - greatest).mean()))


@compiled
def _given_pace(
    counts: NDArray[np.int64],
    expected: NDArray[np.float64],
    thinnings: NDArray[np.float64],
    table: NDArray[np.float64],
) -> NDArray[np.float64]:
    rows, bins = counts.shape
    result = np.zeros(rows)
    wealth = np.zeros(thinnings.size)
    for row in range(rows):
        wealth[:] = 0.0
        for at in range(bins):
            for bet in range(thinnings.size):
                wealth[bet] += _log_ratio(float(counts[row, at]), expected[row, at], thinnings[bet], table)
        result[row] = _log_mean_exp(wealth)
    return result


@compiled
def _own_pace(
    counts: NDArray[np.int64],
    warm_up: int,
    decays: NDArray[np.float64],
    thinnings: NDArray[np.float64],
    table: NDArray[np.float64],
) -> NDArray[np.float64]:
    rows, bins = counts.shape
    result = np.zeros(rows)
    wealth = np.zeros((decays.size, thinnings.size))
    past = np.zeros(decays.size)
    weight = np.zeros(decays.size)
    for row in range(rows):
        seen, total = 0, 0
        for at in range(bins):
            total += counts[row, at]
        if total < warm_up:
            continue
        wealth[:] = 0.0
        past[:] = 0.0
        weight[:] = 0.0
        missed = 0.0
        for at in range(bins):
            count = float(counts[row, at])
            resting = missed > _QUIET
            if count > 0:
                missed = 0.0
            elif seen == 0 or resting:
                continue
            else:
                missed += past[0] / weight[0]
            for memory in range(decays.size):
                if seen >= warm_up and not resting:
                    mean = max(past[memory] / weight[memory], _LEAST_PACE)
                    for bet in range(thinnings.size):
                        wealth[memory, bet] += _log_ratio(count, mean, thinnings[bet], table)
                past[memory] = past[memory] * decays[memory] + count
                weight[memory] = weight[memory] * decays[memory] + 1.0
            seen += counts[row, at]
        result[row] = _log_mean_exp(wealth.ravel())
    return result
