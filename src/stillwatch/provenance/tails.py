"""How likely a total is under the null: exact tails in logarithms, and bounds that hold at any sample size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import log_ndtr

_UNDERFLOW = (
    -600.0
)  # Below, tails in double precision lose digits: the Chernoff bound, which is above them, takes over.


def log_binomial_tail(successes: int, trials: int, rate: float) -> float:
    """Return the log of the chance of at least ``successes`` of ``trials`` independent trials.

    Exact down to e**-600, below it the Chernoff-Hoeffding bound, which is never smaller than the tail.
    """
    if trials == 0 or successes <= 0:
        return 0.0
    tail = float(stats.binom.logsf(successes - 1, trials, rate))
    if tail > _UNDERFLOW:
        return min(0.0, tail)
    share = successes / trials
    if share <= rate:
        return 0.0
    rest = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - rate))
    return -trials * (share * math.log(share / rate) + rest)


def log_gamma_tail(total: float, terms: int) -> float:
    """Return the log of the chance that ``terms`` independent exponentials of mean 1 sum to ``total`` or more.

    Exact down to e**-600, below it the Chernoff bound, which is never smaller than the tail.
    """
    if terms == 0 or total <= 0:
        return 0.0
    tail = float(stats.gamma.logsf(total, terms))
    if tail > _UNDERFLOW:
        return min(0.0, tail)
    return 0.0 if total <= terms else -(total - terms - terms * math.log(total / terms))


def log_sub_gaussian_tail(z: ArrayLike) -> NDArray[np.float64]:
    """Return -z**2 / 2 for z above 0, else 0: the log of the bound on the tail of a standard sub-Gaussian variable."""
    positive = np.maximum(np.asarray(z, np.float64), 0.0)
    return np.asarray(-0.5 * positive**2, np.float64)


def bernoulli_proxy(rate: float) -> float:
    """Return the smallest variance of a Gaussian whose moment-generating function is above a coin's, at most 1/4.

    Args:
        rate: The coin's, in (0, 1).

    Source:
        Kearns & Saul 1998; Buldygin & Moskvichova 2013: (1 - 2 rate) / (2 log((1 - rate) / rate)).
    """
    if not 0 < rate < 1:
        raise ValueError("a rate lies between 0 and 1")
    if abs(rate - 0.5) < 1e-6:
        return 0.25
    return (1 - 2 * rate) / (2 * math.log((1 - rate) / rate))


def log_e_one_sided(total: ArrayLike, variance: ArrayLike, scale: float) -> NDArray[np.float64]:
    """Return the log of an e-value against "the total has drifted upwards by chance alone".

    For a sum of differences, each sub-Gaussian given what came before with a known proxy, exp(a S - a**2 V / 2) is a
    supermartingale from 1 for every a > 0. Mixing it over a half-normal a with variance ``scale`` keeps that, so
    that exp of what is returned ever reaches 1 / level with chance at most the level, however V came about.

    Args:
        total: S, any shape.
        variance: V, the sum of the proxies, at least 0.
        scale: Fixed before the data are seen; strongest where V is of the order of 1 to 30 divided by it.

    Source:
        Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon, arXiv:1810.08240, proposition 6 (one-sided mixture).
    """
    if scale <= 0:
        raise ValueError("the scale is above 0")
    shrunk = scale / (1 + scale * np.asarray(variance, np.float64))
    amount = np.asarray(total, np.float64)
    normal = amount * np.sqrt(shrunk)
    found = math.log(2) + 0.5 * np.log(shrunk / scale) + 0.5 * normal**2 + log_ndtr(normal)
    return np.asarray(found, np.float64)


def holm(log_p: ArrayLike) -> NDArray[np.float64]:
    """Return the logs of Holm's adjusted p-values: reject those at most the level, and any wrong rejection is as rare.

    Args:
        log_p: Shape (hypotheses,).

    Returns:
        Shape (hypotheses,), at most 0. Holds under any dependence.

    Source:
        Holm 1979.
    """
    values = np.asarray(log_p, np.float64)
    order = np.argsort(values, kind="stable")
    times = np.log(np.arange(len(values), 0, -1))
    found = np.empty_like(values)
    found[order] = np.minimum(np.maximum.accumulate(values[order] + times), 0.0)
    return found
