"""Student accuracy as a function of exchanges: fitted at some sizes, told at others.

The model counts what must be learnt. If a piece of knowledge is learnt from n exchanges with chance
s(n) = 1 - exp(-(n / n0)^k) and an answer needs three pieces in a row, accuracy is guess + (top - guess) s(n)^3. With
k = 1 pieces arrive one by one at random; larger k says that below a number of exchanges nothing generalises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

_PIECES = 3
_TOP = 5.0  # Log-odds of the top that the fit leans to: 99.3 % of the way from guessing to 100 %.
_PRIOR = 1e-3  # Weight of a mild preference for k = 1, so that two points already give a curve.
_DRAWS = 40  # Refits of a forecast: enough for the ends of a 90 % range.


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted curve; ``at`` gives accuracies in [0, 1]."""

    guess: float
    top: float
    exchanges_scale: float
    steepness: float

    def at(self, exchanges: ArrayLike) -> NDArray[np.float64]:
        """Return the accuracy after so many exchanges; 0 exchanges give the guess."""
        size = np.asarray(exchanges, np.float64)
        learnt = -np.expm1(-((size / self.exchanges_scale) ** self.steepness))
        return self.guess + (self.top - self.guess) * learnt**_PIECES


@dataclass(frozen=True, slots=True)
class Forecast:
    """An accuracy that was told before it was measured, with a 90 % range over resampled measurements."""

    exchanges: int
    mean: float
    low: float
    high: float


def fit(exchanges: Sequence[int], accuracies: Sequence[float], guess: float) -> Curve:
    """Return the curve that is nearest to the measured accuracies, in squared points.

    Args:
        exchanges: Sizes, at least two different ones; repeats are other seeds.
        accuracies: Measured, in [0, 1].
        guess: Accuracy without any exchange.

    Raises:
        ValueError: If there are fewer than two sizes, or the lengths differ.
    """
    sizes = sorted(set(exchanges))
    starts = [np.array([np.log(size), np.log(steep), _TOP]) for size in sizes for steep in (1.0, 3.0)]
    return _curve(_nearest(exchanges, accuracies, guess, starts), guess)


def _curve(free: Floats, guess: float) -> Curve:
    """Return the curve of three free numbers: logarithms of scale and steepness, and the top's log-odds."""
    top = guess + (1.0 - guess) / (1.0 + np.exp(-free[2]))
    return Curve(guess, float(top), float(np.exp(free[0])), float(np.exp(free[1])))


def _nearest(exchanges: Sequence[int], accuracies: Sequence[float], guess: float, starts: Sequence[Floats]) -> Floats:
    sizes, measured = np.asarray(exchanges, np.float64), np.asarray(accuracies, np.float64)
    if sizes.shape != measured.shape or len(set(sizes.tolist())) < 2:
        raise ValueError("a curve needs accuracies at two sizes or more, one accuracy a size and seed")

    def loss(free: Any) -> float:
        missed = _curve(free, guess).at(sizes) - measured
        return float((missed**2).mean() + _PRIOR * (free[1] ** 2 + 0.01 * (free[2] - _TOP) ** 2))

    options: Any = {"xatol": 1e-4, "fatol": 1e-9, "maxiter": 2000}
    found = [minimize(loss, start, method="Nelder-Mead", options=options) for start in starts]
    return np.asarray(min(found, key=lambda result: float(result.fun)).x, np.float64)


def forecast(
    exchanges: Sequence[int],
    accuracies: Sequence[float],
    problems: int,
    guess: float,
    sizes: Sequence[int],
    rng: np.random.Generator,
) -> list[Forecast]:
    """Return what accuracy to expect at ``sizes``.

    The range comes from refitting measurements that were drawn again: which of them, and how many of ``problems`` each
    student solved. It knows nothing of whether the curve's form is right; held-out sizes tell that.

    Raises:
        ValueError: As ``fit``.
    """
    curve = fit(exchanges, accuracies, guess)
    odds = (curve.top - guess) / max(1.0 - curve.top, 1e-9)
    start = np.log([curve.exchanges_scale, curve.steepness, odds])
    measured, asked = np.asarray(accuracies, np.float64), np.asarray(exchanges)
    told = []
    rows = [np.flatnonzero(asked == size) for size in sorted(set(exchanges))]
    for _ in range(_DRAWS):
        seeds = np.concatenate([rng.choice(same, len(same)) for same in rows])
        drawn = rng.binomial(problems, np.clip(measured[seeds], 0.0, 1.0)) / problems
        told.append(_curve(_nearest(asked[seeds].tolist(), drawn.tolist(), guess, [start]), guess).at(sizes))
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    mean = curve.at(sizes)
    return [
        Forecast(int(size), float(middle), float(min(least, middle)), float(max(most, middle)))
        for size, middle, least, most in zip(sizes, mean, low, high, strict=True)
    ]
