"""Hugging Face's SynthID: a linear congruential hash of window and layer key, looked up in a table of coins."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.functions.mersenne import coin_table
from stillwatch.statistics.compiled import compiled

VERSION = "transformers-5.23-cpu-mt19937"
_MULTIPLIER = np.uint64(6_364_136_223_846_793_005)
_ONE = np.uint64(1)


@lru_cache(maxsize=8)
def table(seed: int, size: int) -> NDArray[np.uint8]:
    """Return the table of coins that a configuration draws once, shape (size,)."""
    return coin_table(seed, size)


@compiled
def _hashed(window: NDArray[np.int64], token: np.int64) -> np.uint64:
    """Return the hash of a window and the token after it, before a layer's key is added."""
    state = _ONE
    for before in window:
        state = (state + np.uint64(before)) * _MULTIPLIER + _ONE
    return np.uint64((state + np.uint64(token)) * _MULTIPLIER + _ONE)


@compiled
def _g_values(
    keys: NDArray[np.uint64], windows: NDArray[np.int64], tokens: NDArray[np.int64], coins: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    pairs = len(windows)
    size = np.int64(len(coins))
    found = np.empty((pairs, len(keys)), np.uint8)
    for pair in range(pairs):
        state = _hashed(windows[pair], tokens[pair])
        for layer in range(len(keys)):
            hashed = np.int64((state + keys[layer]) * _MULTIPLIER + _ONE)
            place = hashed % size  # The remainder has the divisor's sign, as torch's has.
            found[pair, layer] = coins[place]
    return found


def g_values(
    keys: tuple[int, ...], contexts: NDArray[np.int64], tokens: NDArray[np.int64], coins: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return each layer's coin for each token after its context.

    Args:
        keys: One whole number a layer, each in [0, 2**63).
        contexts: Shape (pairs, n-gram length - 1), oldest token first.
        tokens: Shape (pairs,).
        coins: The configuration's table.

    Returns:
        Shape (pairs, layers), 0 or 1.

    Source:
        transformers 5.23.0, ``SynthIDTextWatermarkLogitsProcessor``; checked against vectors. Dathathri et al.,
        "Scalable watermarking for identifying large language model outputs", Nature 634, 2024.
    """
    return _g_values(
        np.array(keys, np.uint64),
        np.ascontiguousarray(contexts, np.int64),
        np.ascontiguousarray(tokens, np.int64),
        coins,
    )


@compiled
def _entry_weights(
    keys: NDArray[np.uint64],
    windows: NDArray[np.int64],
    tokens: NDArray[np.int64],
    weights: NDArray[np.float64],
    layer_weights: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    found = np.zeros(size, np.float64)
    pairs = len(windows)
    mask = np.int64(size - 1)
    whole = size & (size - 1) == 0  # For a power of two the remainder is a mask, which is several times faster.
    for pair in range(pairs):
        state = _hashed(windows[pair], tokens[pair])
        for layer in range(len(keys)):
            hashed = np.int64((state + keys[layer]) * _MULTIPLIER + _ONE)
            place = hashed & mask if whole else hashed % np.int64(size)
            found[place] += weights[pair] * layer_weights[layer]
    return found


def entry_weights(
    keys: tuple[int, ...],
    contexts: NDArray[np.int64],
    tokens: NDArray[np.int64],
    weights: NDArray[np.float64],
    layer_weights: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    """Return the summed weight with which each entry of the table is read, a layer counting 1 / layers.

    Args:
        weights: Shape (pairs,).
        layer_weights: Shape (layers,).
        size: Of the table.

    Returns:
        Shape (size,). Windows that agree in the lower bits of their hash read the same entries in every layer.
    """
    return _entry_weights(
        np.array(keys, np.uint64),
        np.ascontiguousarray(contexts, np.int64),
        np.ascontiguousarray(tokens, np.int64),
        np.ascontiguousarray(weights, np.float64),
        np.ascontiguousarray(layer_weights / len(keys), np.float64),
        size,
    )
