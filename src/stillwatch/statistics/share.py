"""Shares: evidence that more than a stated share of an account's exchanges are of some sort."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln

_ALTERNATIVES = 16  # Alternative shares in the overdispersed mixture: each costs at most log(16) nats.
_UNDERFLOW = 1e-200  # Below this tail the expansion about the border is exact to about 1e-6.


def log_e_share_above(
    successes: ArrayLike,
    trials: ArrayLike,
    share_max: float,
    prior: tuple[float, float] = (0.5, 0.5),
) -> NDArray[np.float64]:
    """Return the log e-value against "each trial succeeds with a chance of at most ``share_max``".

    It is the mean likelihood ratio against ``share_max`` itself over alternatives from a Beta law cut off below
    ``share_max``. The ratio rises with the successes, so its mean is at most 1 for every smaller share too.

    Args:
        successes: Any shape, from 0 to ``trials``.
        trials: Same shape. No trials give 0 nats.
        share_max: In (0, 1).
        prior: The Beta law's parameters, both positive.

    Returns:
        The inputs' shape, nats; finite.

    Raises:
        ValueError: If a count, the share or the prior is outside its range.

    Source:
        Mixture martingale for a Bernoulli mean: Robbins 1970; Howard et al., arXiv:1810.08240, section 3.
    """
    k, n = _counts(successes, trials, share_max)
    a, b = prior
    if not (a > 0 and b > 0):
        raise ValueError(f"the prior's parameters must be positive, not {prior}")
    alpha, beta = a + k, b + n - k
    mass = betaln(a, b) + math.log(betaincc(a, b, share_max))
    tail = betaincc(alpha, beta, share_max)
    clear = tail > _UNDERFLOW
    at_border = k * math.log(share_max) + (n - k) * math.log1p(-share_max)
    exact = betaln(alpha, beta) + np.log(np.where(clear, tail, 1.0)) - at_border
    # Far below the border the integrand falls like an exponential from it: integrate its expansion there instead.
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (beta - 1) / (1 - share_max) - (alpha - 1) / share_max
        second = -(alpha - 1) / share_max**2 - (beta - 1) / (1 - share_max) ** 2
        third = 2 * (alpha - 1) / share_max**3 - 2 * (beta - 1) / (1 - share_max) ** 3
        bend = second / slope**2 + third / slope**3 + 3 * second**2 / slope**4
        near = (a - 1) * math.log(share_max) + (b - 1) * math.log1p(-share_max) - np.log(slope) + np.log1p(bend)
    return np.where(n == 0, 0.0, np.where(clear, exact, near) - mass)


def log_e_share_above_overdispersed(
    successes: ArrayLike,
    trials: ArrayLike,
    share_max: float,
    concentration: float,
) -> NDArray[np.float64]:
    """Return the log e-value against "accounts' shares follow a Beta law with a mean of at most ``share_max``".

    Honest accounts differ: most never have a prompt graded, and a few do nothing else. Under this claim no account
    alone can be more surprising than the Beta law's own tail, so that many exchanges of one account weigh less than
    a few exchanges of each of many.

    Args:
        successes: Any shape, from 0 to ``trials``.
        trials: Same shape. No trials give 0 nats.
        share_max: In (0, 1). The mean share over benign accounts.
        concentration: Positive: the sum of the Beta law's parameters. Small: shares near 0 and 1 are common;
            ``math.inf``: all accounts have the same share, and ``log_e_share_above`` is used.

    Returns:
        The inputs' shape, nats; finite.

    Raises:
        ValueError: If a count, the share or the concentration is outside its range.

    Guarantee:
        Exact for the stated concentration and every mean up to ``share_max``: beta-binomial laws of one
        concentration have likelihood ratios that rise with the successes. The concentration is part of the claim:
        where honest accounts differ less than it says, the mean can pass 1 (seen: 1.84).
    """
    k, n = _counts(successes, trials, share_max)
    if not concentration > 0:
        raise ValueError(f"the concentration must be positive, not {concentration}")
    if math.isinf(concentration):
        return log_e_share_above(k, n, share_max)
    border = math.log(share_max / (1 - share_max))
    # Evenly spaced in log-odds from just above the border to shares of nearly 1, within what a double can tell apart.
    odds = np.linspace(border + 0.5, max(border + 1.0, 5.0), _ALTERNATIVES)
    null = _log_beta_binomial(k, n, share_max, concentration)
    total = np.full(null.shape, -np.inf)
    for share in 1 / (1 + np.exp(-odds)):
        total = np.logaddexp(total, _log_beta_binomial(k, n, float(share), concentration) - null)
    return np.where(n == 0, 0.0, total - math.log(_ALTERNATIVES))


def _log_beta_binomial(
    k: NDArray[np.float64], n: NDArray[np.float64], mean: float, concentration: float
) -> NDArray[np.float64]:
    """Return the log chance of ``k`` of ``n``, less the binomial coefficient."""
    a, b = mean * concentration, (1 - mean) * concentration
    return np.asarray(betaln(k + a, n - k + b) - betaln(a, b), np.float64)


def _counts(
    successes: ArrayLike, trials: ArrayLike, share_max: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    if not 0 < share_max < 1:
        raise ValueError(f"share_max must lie between 0 and 1, not {share_max}")
    if not np.all((k >= 0) & (k <= n) & np.isfinite(n)):
        raise ValueError("successes must lie between 0 and trials")
    return k, n
