"""vLLM's keyed function: Philox4x32-10 over the context, then over the token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

VERSION = "philox4x32-10-v1"
_MASK = np.uint64(0xFFFF_FFFF)
_MULTIPLIER_0 = np.uint64(0xD251_1F53)
_MULTIPLIER_1 = np.uint64(0xCD9E_8D57)
_WEYL_0 = np.uint64(0x9E37_79B9)
_WEYL_1 = np.uint64(0xBB67_AE85)
_CONTEXT_DOMAIN = np.uint64(0x574D_4358)  # Keeps the two uses of the function apart.
_TOKEN_DOMAIN = np.uint64(0x574D_544B)
_HALF = np.uint64(32)


@compiled
def philox4x32_10(
    counter_0: np.uint64,
    counter_1: np.uint64,
    counter_2: np.uint64,
    counter_3: np.uint64,
    key_0: np.uint64,
    key_1: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four 32-bit words of one block, each argument being a 32-bit word too.

    Source:
        Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    a, b, c, d, k, m = counter_0, counter_1, counter_2, counter_3, key_0, key_1
    for _ in range(10):
        first = _MULTIPLIER_0 * a
        second = _MULTIPLIER_1 * c
        a, b, c, d = (second >> _HALF) ^ b ^ k, second & _MASK, (first >> _HALF) ^ d ^ m, first & _MASK
        k = (k + _WEYL_0) & _MASK
        m = (m + _WEYL_1) & _MASK
    return a, b, c, d


@compiled
def _uniforms(key: np.uint64, contexts: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    pairs, width = contexts.shape
    key_0, key_1 = key & _MASK, key >> _HALF
    found = np.empty(pairs, np.float64)
    block = np.empty(4, np.uint64)
    s0, s1, s2, s3 = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for pair in range(pairs):
        known = pair > 0
        if known:
            for column in range(width):
                if contexts[pair, column] != contexts[pair - 1, column]:
                    known = False
                    break
        if not known:
            s0, s1, s2, s3 = _CONTEXT_DOMAIN, np.uint64(width), np.uint64(0), np.uint64(0)
            for offset in range(0, width, 4):
                for word in range(4):
                    place = offset + word
                    if place < width:
                        block[word] = np.uint64(contexts[pair, place]) & _MASK
                    else:
                        block[word] = _MASK - np.uint64(word)
                s0, s1, s2, s3 = philox4x32_10(
                    s0 ^ block[0],
                    s1 ^ block[1],
                    s2 ^ block[2],
                    s3 ^ block[3],
                    key_0 ^ np.uint64(offset),
                    key_1,
                )
        token = np.uint64(tokens[pair]) & _MASK
        w0, w1, w2, w3 = philox4x32_10(token >> np.uint64(2), s0, s1, s2, (key_0 ^ s3) & _MASK, key_1 ^ _TOKEN_DOMAIN)
        lane = token & np.uint64(3)
        word32 = w0
        if lane == 1:
            word32 = w1
        elif lane == 2:
            word32 = w2
        elif lane == 3:
            word32 = w3
        # The engine hands out single precision, made from the upper 24 bits.
        found[pair] = np.float64(np.float32((np.float64(word32 >> np.uint64(8)) + 1.0) / 16777217.0))
    return found


def uniforms(key: int, contexts: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the uniform that vLLM 0.33 gives each token after its context.

    Sorting equal contexts next to each other saves half of the work.

    Args:
        key: In [0, 2**64).
        contexts: Shape (pairs, width), token ids, oldest first; -1 where a text has no token yet.
        tokens: Shape (pairs,).

    Returns:
        Shape (pairs,), in (0, 1): one of 2**24 values.

    Raises:
        ValueError: If the key or a shape is wrong.

    Source:
        vLLM 0.33.0, ``vllm/v1/watermarking/prfs/philox.py``; checked against vectors made with that file.
    """
    if not 0 <= key < 2**64:
        raise ValueError("a Philox key is a whole number from 0 to 2**64 - 1")
    if contexts.ndim != 2 or tokens.shape != contexts.shape[:1] or contexts.shape[1] < 1:
        raise ValueError("contexts have the shape (pairs, width), tokens (pairs,)")
    return _uniforms(np.uint64(key), np.ascontiguousarray(contexts, np.int64), np.ascontiguousarray(tokens, np.int64))
