"""SGLang's keyed function: MurmurHash3 (x86, 32 bits) over the context, then over key, context and token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

VERSION = "murmurhash3-x86-32"
_MASK = np.uint64(0xFFFF_FFFF)
_BODY_1 = np.uint64(0xCC9E_2D51)
_BODY_2 = np.uint64(0x1B87_3593)
_STEP = np.uint64(0xE654_6B64)
_FINAL_1 = np.uint64(0x85EB_CA6B)
_FINAL_2 = np.uint64(0xC2B2_AE35)
_FIVE, _B13, _B15, _B16, _B17, _B19, _B32 = (np.uint64(n) for n in (5, 13, 15, 16, 17, 19, 32))


@compiled
def mixed(state: np.uint64, word: np.uint64) -> np.uint64:
    """Return the state after one 32-bit word of the body."""
    value = (word * _BODY_1) & _MASK
    value = ((value << _B15) | (value >> _B17)) & _MASK
    value = (value * _BODY_2) & _MASK
    state = state ^ value
    state = ((state << _B13) | (state >> _B19)) & _MASK
    return (state * _FIVE + _STEP) & _MASK


@compiled
def finished(state: np.uint64, bytes_read: np.uint64) -> np.uint64:
    """Return the hash of a state after ``bytes_read`` bytes."""
    state = state ^ bytes_read
    state = state ^ (state >> _B16)
    state = (state * _FINAL_1) & _MASK
    state = state ^ (state >> _B13)
    state = (state * _FINAL_2) & _MASK
    return state ^ (state >> _B16)


@compiled
def _context_hashes(contexts: NDArray[np.int64]) -> NDArray[np.uint64]:
    pairs, width = contexts.shape
    found = np.empty(pairs, np.uint64)
    for pair in range(pairs):
        state = np.uint64(0)
        for column in range(width):
            state = mixed(state, np.uint64(contexts[pair, column]) & _MASK)
        found[pair] = finished(state, np.uint64(4 * width))
    return found


@compiled
def _token_hashes(key: np.uint64, hashes: NDArray[np.uint64], tokens: NDArray[np.int64]) -> NDArray[np.uint64]:
    found = np.empty(len(tokens), np.uint64)
    start = mixed(mixed(np.uint64(0), key & _MASK), key >> _B32)
    for pair in range(len(tokens)):
        state = mixed(mixed(start, hashes[pair]), np.uint64(tokens[pair]) & _MASK)
        found[pair] = finished(state, np.uint64(16))
    return found


@compiled
def _coins(key_a: np.uint64, key_b: np.uint64, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found = np.empty(len(hashes), np.uint64)
    start = mixed(mixed(np.uint64(0), key_a & _MASK), key_a >> _B32)
    start = mixed(mixed(start, key_b & _MASK), key_b >> _B32)
    for pair in range(len(hashes)):
        found[pair] = finished(mixed(start, hashes[pair]), np.uint64(20))
    return found


def context_hashes(contexts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the 32-bit hash of each context, shape (pairs, width), oldest token first; no key enters it."""
    return _context_hashes(np.ascontiguousarray(contexts, np.int64))


def uniforms(key: int, contexts: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the uniform that SGLang 0.5.23 gives each token after its context.

    Args:
        key: In [0, 2**64).
        contexts: Shape (pairs, width), token ids, oldest first.
        tokens: Shape (pairs,).

    Returns:
        Shape (pairs,), in (0, 1): (hash + 1/2) / 2**32.

    Raises:
        ValueError: If the key is out of range.

    Source:
        SGLang 0.5.23, ``sglang/srt/sampling/watermarking/detector.py``; checked against vectors made with that file.
    """
    if not 0 <= key < 2**64:
        raise ValueError("a key is a whole number from 0 to 2**64 - 1")
    hashes = context_hashes(contexts)
    found = _token_hashes(np.uint64(key), hashes, np.ascontiguousarray(tokens, np.int64))
    return np.asarray((found.astype(np.float64) + 0.5) / 2.0**32, np.float64)


def uses_key_b(key_a: int, key_b: int, contexts: NDArray[np.int64], share_a: float = 0.5) -> NDArray[np.bool_]:
    """Return which contexts SGLang's dual-key mode marks with the second key, shape (pairs,).

    Args:
        share_a: The engine's ``mixing_probability``: the share of contexts that the first key marks.
    """
    coins = _coins(np.uint64(key_a), np.uint64(key_b), context_hashes(contexts))
    return np.asarray(coins >= np.uint64(int(share_a * 2.0**32)), np.bool_)
