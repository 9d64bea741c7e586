"""Concentration: how often two exchanges of one account agree, told from counts in a few hashed buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln


def collision_share(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the share of pairs of exchanges that fell into the same bucket.

    It is the unbiased estimate of the sum of squared probabilities, whatever the number of exchanges.

    Args:
        counts: Shape (..., buckets), whole numbers, none negative.

    Returns:
        Shape (...), in [0, 1]; NaN for fewer than two exchanges.
    """
    c = np.asarray(counts, np.float64)
    n = c.sum(axis=-1)
    pairs = np.where(n >= 2, n * (n - 1), np.nan)
    return np.asarray((c * (c - 1)).sum(axis=-1) / pairs, np.float64)


def value_collision_share(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the share of pairs with the same value, less the pairs that merely share a bucket.

    Different values meet in one of B buckets with a chance of 1/B, so the buckets' collision share is c + (1 - c)/B.

    Args:
        counts: Shape (..., buckets), at least two buckets.

    Returns:
        Shape (...), at most 1 and somewhat below 0 by chance where all values differ; NaN for fewer than two
        exchanges.

    Raises:
        ValueError: If there are fewer than two buckets.
    """
    c = np.asarray(counts, np.float64)
    buckets = c.shape[-1]
    if buckets < 2:
        raise ValueError("one bucket cannot tell values apart")
    return np.asarray((collision_share(c) - 1 / buckets) / (1 - 1 / buckets), np.float64)


def effective_values(counts: ArrayLike) -> NDArray[np.float64]:
    """Return how many equally common values would collide as often: 1 for a single value, inf for no collisions.

    Args:
        counts: Shape (..., buckets), at least two buckets.

    Returns:
        Shape (...), at least 1; NaN for fewer than two exchanges.
    """
    with np.errstate(divide="ignore"):  # No collisions: infinitely many values.
        return np.maximum(1 / np.maximum(value_collision_share(counts), 0.0), 1.0)


def log_e_more_concentrated(counts: ArrayLike, collision_max: ArrayLike) -> NDArray[np.float64]:
    """Return the log e-value against "bucket shares vary by account as a Dirichlet law that collides this often".

    The claim is a Dirichlet-multinomial law: an account draws its own bucket shares, the same for all buckets, and
    two of its exchanges agree with a mean chance of ``collision_max``. It is set against the laws that collide in
    a quarter, a half and three quarters of what then remains up to 1, with equal weights.

    Args:
        counts: Shape (accounts, buckets), at least two buckets.
        collision_max: Shape (accounts,) or a number, in (1 / buckets, 1).

    Returns:
        Shape (accounts,), nats; finite. 0 for fewer than two exchanges.

    Raises:
        ValueError: If ``collision_max`` is outside its range.

    Guarantee:
        Exact for the stated collision chance; checked by enumeration for smaller ones.
    """
    c = np.asarray(counts, np.float64)
    buckets = c.shape[-1]
    limit = np.broadcast_to(np.asarray(collision_max, np.float64), c.shape[:-1])
    if not np.all((limit > 1 / buckets) & (limit < 1)):
        raise ValueError(f"collision_max must lie between 1/{buckets} and 1")
    null = _log_dirichlet_multinomial(c, limit)
    total = np.full(limit.shape, -np.inf)
    for step in (0.25, 0.5, 0.75):
        total = np.logaddexp(total, _log_dirichlet_multinomial(c, limit + step * (1 - limit)) - null)
    return np.where(c.sum(axis=-1) >= 2, total - np.log(3), 0.0)


def _log_dirichlet_multinomial(c: NDArray[np.float64], collision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log chance of the counts ``c``, less the multinomial coefficient."""
    buckets = c.shape[-1]
    # Two draws agree with chance (alpha + 1) / (buckets * alpha + 1); solved for alpha.
    alpha = (1 - collision) / (buckets * collision - 1)
    n = c.sum(axis=-1)
    each = gammaln(c + alpha[..., None]).sum(axis=-1) - buckets * gammaln(alpha)
    return np.asarray(gammaln(buckets * alpha) - gammaln(n + buckets * alpha) + each, np.float64)
