"""E-values: nonnegative numbers whose mean is at most 1 where the benign claim holds, kept as logarithms in nats.

They are what evidence is counted in here, because they join by plain arithmetic: independent ones multiply, and any
whatever average, however they depend on each other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, logsumexp


def combine_product(log_e: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """Return the log of the product of e-values along ``axis``.

    The product is an e-value where the factors are independent, or each is one given those before it. NaN (no data)
    counts as the factor 1; where all are NaN, so is the product.

    Args:
        log_e: Any shape, nats; -inf allowed.
        axis: The axis to combine over.

    Returns:
        ``log_e``'s shape without ``axis``, nats.
    """
    values = np.asarray(log_e, np.float64)
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(known.any(axis=axis), total, np.nan)


def combine_mean(log_e: ArrayLike, weights: ArrayLike | None = None, axis: int = 0) -> NDArray[np.float64]:
    """Return the log of the weighted mean of e-values along ``axis``: an e-value however they depend on each other.

    NaN (no data) takes its weight out, which keeps the guarantee as long as what is known does not depend on the
    values: a column is there or it is not. Where all are NaN, so is the mean.

    Args:
        log_e: Any shape, nats; -inf allowed.
        weights: Shape (entries along axis,), not negative, some positive; equal where None.
        axis: The axis to combine over.

    Returns:
        ``log_e``'s shape without ``axis``, nats.

    Raises:
        ValueError: If the weights have the wrong shape, are negative or sum to 0.

    Source:
        Vovk & Wang, "E-values: calibration, combination and applications", Annals of Statistics 2021, section 3.
    """
    values = np.moveaxis(np.asarray(log_e, np.float64), axis, 0)
    chosen = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if chosen.shape != (len(values),) or not np.all(chosen >= 0) or not chosen.sum() > 0:
        raise ValueError(f"weights must be {len(values)} numbers, none negative and some positive")
    known = ~np.isnan(values)
    share = known * chosen.reshape((-1,) + (1,) * (values.ndim - 1))
    weight = share.sum(axis=0)
    with np.errstate(divide="ignore"):  # An e-value of 0 is a fair outcome; its log is -inf.
        total = logsumexp(np.where(known, values, -np.inf), axis=0, b=share)
        mean = np.asarray(total) - np.log(np.where(weight > 0, weight, 1.0))
    return np.where(weight > 0, mean, np.nan)


def log_calibrated(p: ArrayLike, kappa: float) -> NDArray[np.float64]:
    """Return the log of the e-value kappa * p**(kappa - 1) that a p-value is worth.

    A small ``kappa`` pays more for very small p-values and less for middling ones.

    Args:
        p: Any shape, in [0, 1]; NaN stays NaN.
        kappa: In (0, 1).

    Returns:
        ``p``'s shape, nats; inf where p is 0.

    Raises:
        ValueError: If a p-value or ``kappa`` is outside its range.

    Source:
        Shafer, Shen, Vereshchagin & Vovk, "Test martingales, Bayes factors and p-values", 2011, section 5.
    """
    if not 0 < kappa < 1:
        raise ValueError(f"kappa must lie between 0 and 1, not {kappa}")
    return math.log(kappa) + (1 - kappa) * _surprise(p)


def log_calibrated_mixture(p: ArrayLike) -> NDArray[np.float64]:
    """Return the log of (1 - p + p log p) / (p log(p)**2): the mean of kappa * p**(kappa - 1) over kappa in (0, 1).

    Args:
        p: Any shape, in [0, 1]; NaN stays NaN.

    Returns:
        ``p``'s shape, nats; inf where p is 0, and log(1/2) where it is 1.

    Raises:
        ValueError: If a p-value is outside [0, 1].

    Source:
        Vovk & Wang 2021, appendix B; as ``log_calibrated``.
    """
    t = _surprise(p)
    # In t = -log p the mean is (exp(t) - 1 - t) / t**2, whose series stands in where the quotient would cancel.
    near = t < 1e-2
    series = np.log(0.5 + t / 6 + t**2 / 24 + t**3 / 120)
    far = np.where(near | ~np.isfinite(t), 1.0, t)
    value = far - 2 * np.log(far) + np.log1p(-(1 + far) * np.exp(-far))
    return np.where(near, series, np.where(np.isfinite(t), value, t))


def log_e_from_rank(rank: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the log of size / (rank * harmonic(size)): what it is worth that a value stands at ``rank`` from the top.

    Among exchangeable values each rank is equally likely, and the weights 1 / rank then have mean 1. Unlike a
    calibrated p-value this spends nothing on ranks that cannot occur.

    Args:
        rank: Whole numbers from 1, the greatest value, to ``size``. Ties take the greater rank.
        size: Same shape or broadcast to it: how many values there are, the ranked one among them.

    Returns:
        Nats, at most log(size / harmonic(size)).

    Raises:
        ValueError: If a rank is outside its range.
    """
    place, among = np.broadcast_arrays(np.asarray(rank, np.float64), np.asarray(size, np.float64))
    if not np.all((place >= 1) & (place <= among)):
        raise ValueError("ranks run from 1 to size")
    harmonic = digamma(among + 1) + np.euler_gamma
    return np.asarray(np.log(among) - np.log(place) - np.log(harmonic), np.float64)


def p_value(log_e: ArrayLike) -> NDArray[np.float64]:
    """Return min(1, 1/e): the p-value that an e-value is worth, by Markov's inequality. NaN stays NaN."""
    return np.exp(-np.maximum(np.asarray(log_e, np.float64), 0.0))


def log_widened(log_e: ArrayLike, eccentric_share: float) -> NDArray[np.float64]:
    """Return the log e-value against a wider claim: all but a few benign accounts satisfy the old one.

    No benign claim holds for every honest account. Where a share of at most ``eccentric_share`` of them may do
    anything at all, min(w * e, M) with M = 1 / (4 * share) and w = (1 - share * M) / (1 - share) still has mean at
    most 1: the price is 0.29 nats, and that no account alone can count for more than log M.

    Args:
        log_e: Any shape, nats; NaN stays NaN.
        eccentric_share: In (0, 1/4).

    Returns:
        ``log_e``'s shape, nats, at most log(1 / (4 * eccentric_share)).

    Raises:
        ValueError: If the share is outside its range.
    """
    if not 0 < eccentric_share < 0.25:
        raise ValueError(f"the share of eccentric accounts must lie between 0 and 1/4, not {eccentric_share}")
    most = 1 / (4 * eccentric_share)
    weight = (1 - eccentric_share * most) / (1 - eccentric_share)
    return np.minimum(np.asarray(log_e, np.float64) + math.log(weight), math.log(most))


def _surprise(p: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(p, np.float64)
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p-values lie between 0 and 1")
    with np.errstate(divide="ignore"):  # p = 0 is worth an infinite e-value.
        return np.abs(np.log(values))
