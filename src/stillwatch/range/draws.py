"""Draws over whole arrays: hashes that stand in for a generator, and weighted choices by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = 0x9E37_79B9_7F4A_7C15
_MASK = 0xFFFF_FFFF_FFFF_FFFF


def mixed(values: ArrayLike, salt: int) -> NDArray[np.uint64]:
    """Return 64 well-mixed bits for each value: equal inputs give equal bits, whatever else is drawn.

    Texts are functions of such bits, so that a prompt that is sent twice is the same to the letter.

    Args:
        values: Integers, any shape; negative ones wrap.
        salt: Tells apart draws about the same value.

    Source:
        The finaliser of SplitMix64: Steele, Lea & Flood, OOPSLA 2014.
    """
    x = np.asarray(values).astype(np.uint64, copy=True)
    x += np.uint64((salt + 1) * _GOLDEN & _MASK)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58_476D_1CE4_E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D0_49BB_1331_11EB)
    x ^= x >> np.uint64(31)
    return x


def chosen(values: ArrayLike, salt: int, size: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an index in [0, size) for each value, fixed by the value and ``salt``; ``size`` may differ by row."""
    return (mixed(values, salt) % np.asarray(size, np.uint64)).astype(np.int64)


def unit(values: ArrayLike, salt: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each value, fixed by the value and ``salt``."""
    return (mixed(values, salt) >> np.uint64(11)).astype(np.float64) / 2.0**53


def weighted(rng: np.random.Generator, weights: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of ``rows`` a column drawn with that row's weights.

    Args:
        rng: Source of randomness.
        weights: Shape (rows of the table, columns), nonnegative, with a positive sum in each row that is used.
        rows: Shape (draws,), rows of the table.

    Returns:
        Shape (draws,), each in [0, columns).
    """
    columns = weights.shape[1]
    total = weights.sum(axis=1, keepdims=True)
    ladder = np.cumsum(weights, axis=1) / np.where(total > 0, total, 1.0)
    ladder[:, -1] = 1.0
    flat = (ladder + np.arange(len(weights))[:, None]).ravel()
    place = np.searchsorted(flat, rows + rng.random(len(rows)), side="right") - rows * columns
    return np.asarray(np.clip(place, 0, columns - 1), np.int64)


def split(total: int, weights: ArrayLike) -> NDArray[np.int64]:
    """Return whole numbers in the ratio of ``weights`` that sum to ``total`` (largest remainders)."""
    share = np.asarray(weights, np.float64)
    exact = total * share / share.sum()
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - int(whole.sum())]] += 1
    return np.asarray(whole, np.int64)


def ranks(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, … within each of the runs that have ``lengths``, one after the other."""
    starts = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) - np.repeat(starts, lengths), np.int64)


def running_sums(values: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the running sum of ``values``, begun anew in each of the runs that have ``lengths``."""
    if not len(values):
        return values
    total = np.cumsum(values)
    starts = np.cumsum(lengths) - lengths
    before = np.where(starts > 0, total[np.clip(starts - 1, 0, len(values) - 1)], 0.0)
    return np.asarray(total - np.repeat(before, lengths), np.float64)
