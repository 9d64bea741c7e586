"""Torch's processor generator, as far as the Hugging Face marks use it: MT19937, ``randperm`` and ``randint``.

On a GPU torch draws from another generator, and the same configuration then marks other tokens. What is here reads
marks made with ``device="cpu"``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

_WORDS = 624
_MIDDLE = 397
_MASK = np.uint32(0xFFFF_FFFF)
_UPPER = np.uint32(0x8000_0000)
_LOWER = np.uint32(0x7FFF_FFFF)
_TWIST = np.uint32(0x9908_B0DF)
_TEMPER_1 = np.uint32(0x9D2C_5680)
_TEMPER_2 = np.uint32(0xEFC6_0000)
_GROWTH = np.uint64(1_812_433_253)
_LOW_32 = np.uint64(0xFFFF_FFFF)
_U1, _U7, _U11, _U15, _U18 = (np.uint32(n) for n in (1, 7, 11, 15, 18))


@compiled
def seeded(state: NDArray[np.uint32], seed: np.uint64) -> None:
    """Fill ``state``, shape (624,), from the lower 32 bits of ``seed``: torch keeps no more of it."""
    last = seed & _LOW_32
    state[0] = np.uint32(last)
    for word in range(1, _WORDS):
        last = (_GROWTH * (last ^ (last >> np.uint64(30))) + np.uint64(word)) & _LOW_32
        state[word] = np.uint32(last)


@compiled
def _turned(state: NDArray[np.uint32]) -> None:
    # Three runs without a condition on the place: compilers make wide instructions of the first two.
    for word in range(_WORDS - _MIDDLE):
        joined = (state[word] & _UPPER) | (state[word + 1] & _LOWER)
        state[word] = state[word + _MIDDLE] ^ (joined >> _U1) ^ ((joined & _U1) * _TWIST)
    for word in range(_WORDS - _MIDDLE, _WORDS - 1):
        joined = (state[word] & _UPPER) | (state[word + 1] & _LOWER)
        state[word] = state[word + _MIDDLE - _WORDS] ^ (joined >> _U1) ^ ((joined & _U1) * _TWIST)
    joined = (state[_WORDS - 1] & _UPPER) | (state[0] & _LOWER)
    state[_WORDS - 1] = state[_MIDDLE - 1] ^ (joined >> _U1) ^ ((joined & _U1) * _TWIST)


@compiled
def tempered_block(state: NDArray[np.uint32], block: NDArray[np.uint32]) -> None:
    """Turn ``state`` once and write its 624 outputs to ``block``."""
    _turned(state)
    for word in range(_WORDS):
        value = state[word]
        value = value ^ (value >> _U11)
        value = value ^ ((value << _U7) & _TEMPER_1)
        value = value ^ ((value << _U15) & _TEMPER_2)
        block[word] = value ^ (value >> _U18)


@compiled
def remainders(block: NDArray[np.uint32], first: int, size: int, found: NDArray[np.int64]) -> None:
    """Write each output of a block, modulo the number of places left in a shuffle of ``size``, to ``found``.

    Division in double precision is right to one unit for 32-bit numbers, and is mended; it is several times faster
    than the processor's own remainder.

    Args:
        first: The place in the shuffle that the block's first output is for.
    """
    for word in range(min(_WORDS, size - first)):
        left = np.int64(size - first - word)
        value = np.int64(block[word])
        rest = value - np.int64(np.float64(value) / np.float64(left)) * left
        found[word] = rest + left if rest < 0 else rest - left if rest >= left else rest


@compiled
def _shuffled_head(seed: np.uint64, size: int, head: int) -> NDArray[np.int64]:
    state = np.empty(_WORDS, np.uint32)
    block = np.empty(_WORDS, np.uint32)
    seeded(state, seed)
    order = np.arange(size)
    for place in range(min(head, size - 1)):
        if place % _WORDS == 0:
            tempered_block(state, block)
        other = place + np.int64(block[place % _WORDS] % np.uint32(size - place))
        order[place], order[other] = order[other], order[place]
    return order[:head].copy()


@compiled
def _bits(seed: np.uint64, size: int) -> NDArray[np.uint8]:
    state = np.empty(_WORDS, np.uint32)
    block = np.empty(_WORDS, np.uint32)
    seeded(state, seed)
    found = np.empty(size, np.uint8)
    for place in range(size):
        if place % _WORDS == 0:
            tempered_block(state, block)
        found[place] = np.uint8(block[place % _WORDS] & _U1)
    return found


def shuffled_head(seed: int, size: int, head: int) -> NDArray[np.int64]:
    """Return the first ``head`` entries of torch's ``randperm(size)`` under ``manual_seed(seed)``, on a processor.

    Raises:
        ValueError: If the head is longer than the permutation or the size needs torch's 64-bit draws.

    Source:
        Matsumoto & Nishimura 1998 for the generator; torch 2.13.0 for the order of draws, checked against vectors.
    """
    if not 0 <= head <= size < 2**32 // 20:
        raise ValueError("a head is no longer than its permutation, and that shorter than 2**32 / 20")
    return _shuffled_head(np.uint64(seed), size, head)


def coin_table(seed: int, size: int) -> NDArray[np.uint8]:
    """Return torch's ``randint(0, 2, (size,))`` under ``manual_seed(seed)``, on a processor: shape (size,), 0 or 1."""
    return _bits(np.uint64(seed), size)
