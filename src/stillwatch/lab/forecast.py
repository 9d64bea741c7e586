"""Student accuracy as a function of exchanges: fitted at some sizes, told at others.

The model counts what must be learnt. If a piece of knowledge is learnt from n exchanges with chance
s(n) = 1 - exp(-(n / n0)^k) and an answer needs three pieces in a row, accuracy is guess + (top - guess) s(n)^3. With
k = 1 pieces arrive one by one at random; larger k says that below a number of exchanges nothing generalises. How far
other laws that fit as well would differ is in the range of a forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, ndtr

Floats = NDArray[np.float64]
Law = Callable[[Floats], Floats]

_PIECES = 3
_TOP = 5.0  # Log-odds of the top that the fit leans to: 99.3 % of the way from guessing to 100 %.
_PRIOR = 1e-3  # Weight of a mild preference for k = 1, so that two points already give a curve.
_SCATTER = 0.1  # Of exchanges: by how much students of like exchanges differ.
_LAWS: tuple[Law, ...] = (  # Of growth, from 0 to 1, over steepness times the logarithm of exchanges.
    lambda log_size: np.asarray((-np.expm1(-np.exp(log_size))) ** _PIECES, np.float64),
    lambda log_size: np.asarray(expit(log_size), np.float64),
    lambda log_size: np.asarray(np.exp(-np.exp(-log_size)), np.float64),  # Gompertz.
)


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
    """An accuracy that was told before it was measured, with a 90 % range for one student."""

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
) -> list[Forecast]:
    """Return what accuracy to expect at ``sizes``, for one student more.

    The mean is that of ``fit``. The range asks other laws of growth as well, each with every scale, steepness and top
    on a grid, and weighs them by how likely they make the measurements: where sizes on both sides leave open how
    steeply a curve rises between them, the range is wide, and says so.

    Assumes that the accuracies of students scatter by the chance of their ``problems``, and as if one had learned from
    a tenth more or fewer exchanges than another.

    Raises:
        ValueError: As ``fit``.
    """
    mean = fit(exchanges, accuracies, guess).at(sizes)
    ranges = _ranges(np.asarray(exchanges, np.float64), np.asarray(accuracies), problems, guess, sizes)
    return [
        Forecast(int(size), float(middle), float(min(low, middle)), float(max(high, middle)))
        for size, middle, (low, high) in zip(sizes, mean, ranges, strict=True)
    ]


def _ranges(
    exchanges: Floats, accuracies: Floats, problems: int, guess: float, sizes: Sequence[int]
) -> Iterator[tuple[float, float]]:
    scale, steepness, odds = (
        free.ravel()
        for free in np.meshgrid(
            np.linspace(np.log(exchanges.min() / 4), np.log(exchanges.max() * 4), 80),
            np.geomspace(0.5, 8.0, 40),
            np.linspace(1.0, 7.0, 9),
            indexing="ij",
        )
    )
    gain = (1.0 - guess) / (1.0 + np.exp(-odds))

    def told(size: float, law: Law) -> tuple[Floats, Floats]:
        """Return the accuracy at a size and the variance of students about it, for each point of the grid."""
        log_size = steepness * (np.log(size) - scale)
        reached = guess + gain * law(log_size)
        spread = gain * (law(log_size + 0.5 * _SCATTER * steepness) - law(log_size - 0.5 * _SCATTER * steepness))
        chance = np.maximum(reached * (1.0 - reached), 1.0 / problems) / problems  # As if one problem were missed.
        return reached, chance + spread**2

    log_likelihoods = np.zeros((len(_LAWS), len(scale)))
    for row, law in zip(log_likelihoods, _LAWS, strict=True):
        for size, accuracy in zip(exchanges, accuracies, strict=True):
            reached, variance = told(size, law)
            row -= 0.5 * ((accuracy - reached) ** 2 / variance + np.log(variance))
    weights = np.exp(log_likelihoods - log_likelihoods.max())
    weights /= weights.sum()
    for size in sizes:
        means, variances = np.moveaxis(np.array([told(size, law) for law in _LAWS]), 1, 0)
        yield _end(0.05, weights, means, np.sqrt(variances)), _end(0.95, weights, means, np.sqrt(variances))


def _end(share: float, weights: Floats, means: Floats, deviations: Floats) -> float:
    """Return the accuracy below which that share of a mixture of normal laws lies, in [0, 1]."""

    def beyond(accuracy: float) -> float:
        return float((weights * ndtr((accuracy - means) / deviations)).sum()) - share

    return float(np.clip(brentq(beyond, -1.0, 2.0, xtol=1e-4), 0.0, 1.0))
