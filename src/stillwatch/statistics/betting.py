"""Betting: a test that may be looked at after every outcome, as the wealth of a gambler who doubts the claim."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def log_wealth(outcomes: ArrayLike, bets: ArrayLike, null_mean: float) -> NDArray[np.float64]:
    """Return, after each outcome, the log-wealth of one who started with 1 and bet that outcomes exceed ``null_mean``.

    Where each outcome's mean given the past is at most ``null_mean`` and each bet was laid before its outcome, the
    wealth is a nonnegative supermartingale: the chance that it ever reaches 1/alpha is at most alpha.

    Args:
        outcomes: Shape (..., exchanges), in [0, 1], in order of time.
        bets: Same shape, in [0, 1 / null_mean).
        null_mean: In (0, 1).

    Returns:
        Shape (..., exchanges), nats; finite.

    Raises:
        ValueError: If shapes differ or a value is outside its range (NaN is).

    Source:
        Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", arXiv:2010.09686,
        section 4; Ville's inequality (1939).
    """
    x, stake = np.asarray(outcomes, np.float64), np.asarray(bets, np.float64)
    if not 0 < null_mean < 1:
        raise ValueError(f"null_mean must lie between 0 and 1, not {null_mean}")
    if x.shape != stake.shape:
        raise ValueError(f"{x.shape} outcomes do not go with {stake.shape} bets")
    if not np.all((x >= 0) & (x <= 1)):
        raise ValueError("outcomes must lie between 0 and 1")
    if not np.all((stake >= 0) & (stake * null_mean < 1)):
        raise ValueError("bets must lie in [0, 1 / null_mean)")
    return np.cumsum(np.log1p(stake * (x - null_mean)), axis=-1)


def predictable_bets(outcomes: ArrayLike, null_mean: float, caution: float = 0.5) -> NDArray[np.float64]:
    """Return bets that grow the wealth nearly as fast as hindsight could, each chosen from the outcomes before it.

    The bet is the past mean's excess over ``null_mean`` divided by the past second moment about ``null_mean``; both
    moments start from one made-up outcome, so that the first bets are small.

    Args:
        outcomes: Shape (..., exchanges), in [0, 1], in order of time.
        null_mean: In (0, 1).
        caution: In (0, 1). No bet exceeds caution / null_mean, so that no single outcome costs more than
            -log(1 - caution) nats.

    Returns:
        Shape (..., exchanges), in [0, caution / null_mean].

    Raises:
        ValueError: If a parameter is outside its range.

    Source:
        Waudby-Smith & Ramdas, arXiv:2010.09686, appendix B.3 (the approximate growth-rate-adaptive bet).
    """
    if not (0 < null_mean < 1 and 0 < caution < 1):
        raise ValueError(f"null_mean and caution must lie between 0 and 1, not {null_mean} and {caution}")
    x = np.asarray(outcomes, np.float64)
    seen = np.arange(1, x.shape[-1] + 1)
    past = np.zeros_like(x)
    past[..., 1:] = np.cumsum(x, axis=-1)[..., :-1]
    past_square = np.zeros_like(x)
    past_square[..., 1:] = np.cumsum((x - null_mean) ** 2, axis=-1)[..., :-1]
    excess = (null_mean + past) / seen - null_mean
    spread = (0.25 + past_square) / seen
    return np.clip(excess / spread, 0.0, caution / null_mean)
