"""Fits of what most accounts do, which a few accounts of another kind cannot bend far."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, stdtrit

CENSORED_SHARE = 0.1  # Of the accounts: of so many with the greatest shares only that they are great is believed.
TRIALS_MOST = 32  # More of one account say little more of how accounts differ.
TRIALS_LEAST = 8
_NO_CHANCE = -1e4  # Finite, so that nothing of it becomes NaN.
PRIOR_ACCOUNTS = 2.0  # What the law that the fit begins with counts for.


@dataclass(frozen=True, slots=True)
class ShareLaw:
    """A Beta law of accounts' shares.

    Attributes:
        mean: In (0, 1).
        concentration: Positive: the sum of the law's parameters.
    """

    mean: float
    concentration: float


def fit_shares(successes: ArrayLike, trials: ArrayLike, start: ShareLaw) -> ShareLaw:
    """Return the Beta law of accounts' shares, as most of the accounts show it.

    Accounts with fewer than ``TRIALS_LEAST`` trials are left out; of one with more than ``TRIALS_MOST`` that many are
    drawn, in expectation over all draws, so that nothing is random. The tenth of the accounts with the greatest shares
    and the tenth with the least are *censored*: they count as "beyond the decile", however far. So one account's pull
    is bounded, and the breakdown point is ``CENSORED_SHARE`` of the accounts: where more of them are of another kind,
    the decile itself is theirs.

    Args:
        successes: Shape (accounts,), from 0 to ``trials``.
        trials: Shape (accounts,).
        start: Where the fit begins; it weighs as much as ``PRIOR_ACCOUNTS`` accounts, and decides where the accounts
            say nothing (a concentration, say, where hardly anybody has any success).

    Raises:
        ValueError: If the shapes differ or a count is outside its range.
    """
    k, n = np.asarray(successes, np.int64), np.asarray(trials, np.int64)
    if k.shape != n.shape or k.ndim != 1:
        raise ValueError("successes and trials must have one shape (accounts,)")
    if np.any((k < 0) | (k > n)):
        raise ValueError("successes must lie between 0 and trials")
    used = n >= TRIALS_LEAST
    k, n = k[used], n[used]
    if not len(k):
        return start
    least = float(np.quantile(k / n, CENSORED_SHARE, method="lower"))
    most = float(np.quantile(k / n, 1 - CENSORED_SHARE, method="higher"))
    size, count, weight = _cells(k, n)
    counts, sizes = np.arange(TRIALS_MOST + 1)[None, :], np.arange(TRIALS_MOST + 1)[:, None]
    below, above = counts < np.ceil(least * sizes - 1e-9), counts > np.floor(most * sizes + 1e-9)

    def loss(at: NDArray[np.float64]) -> float:
        chance = _log_chances(_law(at))
        # What lies beyond a decile has the chance of all counts there.
        for beyond in (below, above):
            tail = np.logaddexp.reduce(np.where(beyond, chance, _NO_CHANCE), axis=1, keepdims=True)
            chance = np.where(beyond, tail, chance)
        pull = PRIOR_ACCOUNTS * float(((at - begin) ** 2).sum()) / 2
        return pull - float(weight @ chance[size, count])

    begin = np.array([math.log(start.mean / (1 - start.mean)), math.log(start.concentration)])
    found = minimize(loss, begin, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 600})
    return _law(found.x)


def _law(at: NDArray[np.float64]) -> ShareLaw:
    odds, concentration = np.clip(at, -14.0, 14.0)
    return ShareLaw(float(1 / (1 + np.exp(-odds))), float(np.exp(np.clip(concentration, -4.0, 6.0))))


def _cells(
    k: NDArray[np.int64], n: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return trials, successes and accounts of each cell; an account with many trials is spread over the draws."""
    table = np.zeros((TRIALS_MOST + 1, TRIALS_MOST + 1))
    few = n <= TRIALS_MOST
    np.add.at(table, (n[few], k[few]), 1.0)
    pairs, times = np.unique(np.stack([k[~few], n[~few]]), axis=1, return_counts=True)
    if pairs.shape[1]:
        drawn = np.arange(TRIALS_MOST + 1)[:, None]
        table[TRIALS_MOST] += _drawn_of(drawn, pairs[0], pairs[1]) @ times
    size, count = np.nonzero(table > 1e-12)
    return size, count, table[size, count]


def _drawn_of(drawn: NDArray[np.int64], k: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the hypergeometric chance of so many successes among ``TRIALS_MOST`` trials drawn of ``n``."""
    rest, failures = TRIALS_MOST - drawn, n - k
    there = (drawn <= k) & (rest <= failures)
    a, b = np.where(there, drawn, 0), np.where(there, rest, 0)
    ways = _log_ways(k, a) + _log_ways(failures, b) - _log_ways(n, np.full_like(a, TRIALS_MOST))
    return np.where(there, np.exp(ways), 0.0)


def _log_ways(n: NDArray[np.int64], k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(np.maximum(n - k, 0) + 1.0))


def _log_chances(law: ShareLaw) -> NDArray[np.float64]:
    """Return the log beta-binomial chance of each count, shape (trials, counts)."""
    a, b = law.mean * law.concentration, (1 - law.mean) * law.concentration
    n, k = np.arange(TRIALS_MOST + 1)[:, None], np.arange(TRIALS_MOST + 1)[None, :]
    there = k <= n
    left = np.where(there, n - k, 0)
    return np.where(there, _log_ways(n, n - left) + betaln(k + a, left + b) - betaln(a, b), _NO_CHANCE)


def fit_freedom(excess: ArrayLike) -> float:
    """Return the degrees of freedom of Student's t law whose upper decile stands to its quartile as that of ``excess``.

    Both are quantiles: what a tenth of the values does beyond the upper decile changes nothing.

    Args:
        excess: Any shape: values about their median 0. NaN is left out.

    Returns:
        In [1, 30]; 30 where the tail is no longer than a normal law's.
    """
    values = np.asarray(excess, np.float64)
    values = values[~np.isnan(values)]
    quartile, decile = np.quantile(values, [0.75, 0.9]) if len(values) else (1.0, 0.0)
    if quartile <= 0:
        return 1.0
    grid = np.geomspace(1.0, 30.0, 200)
    ratio = stdtrit(grid, 0.9) / stdtrit(grid, 0.75)  # Falls as the freedom grows.
    return float(grid[int(np.abs(ratio - decile / quartile).argmin())])
