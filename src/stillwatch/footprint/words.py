"""Words of a prompt as hashes, read straight from Arrow's buffers.

A word is a run of letters, digits and non-ASCII bytes; ASCII letters count as lower-case and a run of digits as one 0,
so that slots filled with numbers vanish. A character of Chinese, Japanese or Korean is a word of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

SHINGLE_WORDS = 4


@compiled
def mixed(value: np.uint64) -> np.uint64:
    """Scatter the bits of ``value``; a bijection on 64 bits (the finaliser of MurmurHash3)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    value ^= value >> np.uint64(33)
    return value


@compiled
def chained(left: np.uint64, right: np.uint64) -> np.uint64:
    """Hash an ordered pair of hashes; chaining words from the left gives the hash of a phrase."""
    return mixed(left * np.uint64(0x9E3779B97F4A7C15) + right)


@compiled
def _turned(value: np.uint64, bits: np.uint64) -> np.uint64:
    return (value << bits) | (value >> (np.uint64(64) - bits))


@compiled
def keyed(value: np.uint64, key: NDArray[np.uint64]) -> np.uint64:
    """Return the SipHash-2-4 of the eight bytes of ``value`` under a key of two words; never EMPTY.

    What is kept of a text goes through here: unlike ``mixed`` it cannot be turned back, nor the key be found from
    texts whose hashes are known.

    Source:
        Aumasson & Bernstein, "SipHash: a fast short-input PRF" (2012).
    """
    v0 = key[0] ^ np.uint64(0x736F6D6570736575)
    v1 = key[1] ^ np.uint64(0x646F72616E646F6D)
    v2 = key[0] ^ np.uint64(0x6C7967656E657261)
    v3 = key[1] ^ np.uint64(0x7465646279746573)
    length = np.uint64(8) << np.uint64(56)
    for step in range(8):  # Two rounds for the value, two for the length, four to finish.
        if step == 0:
            v3 ^= value
        elif step == 2:
            v0 ^= value
            v3 ^= length
        elif step == 4:
            v0 ^= length
            v2 ^= np.uint64(0xFF)
        v0 += v1
        v1 = _turned(v1, np.uint64(13)) ^ v0
        v0 = _turned(v0, np.uint64(32))
        v2 += v3
        v3 = _turned(v3, np.uint64(16)) ^ v2
        v0 += v3
        v3 = _turned(v3, np.uint64(21)) ^ v0
        v2 += v1
        v1 = _turned(v1, np.uint64(17)) ^ v2
        v2 = _turned(v2, np.uint64(32))
    return min(v0 ^ v1 ^ v2 ^ v3, np.uint64(0xFFFF_FFFF_FFFF_FFFE))


@compiled
def next_word(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, np.uint64, np.uint64]:
    """Return the position behind the next word of ``data[at:end]``, the word's hash and its digits' hash.

    Hashes are 0 where there is no word, or no digit in it.
    """
    value = np.uint64(0xCBF29CE484222325)
    figures = np.uint64(0)
    begun = False
    digits = False
    while at < end:
        byte = data[at]
        if np.uint8(48) <= byte <= np.uint8(57):
            figures = (figures ^ np.uint64(byte)) * np.uint64(0x100000001B3)
            if not digits:
                value = (value ^ np.uint64(48)) * np.uint64(0x100000001B3)
                digits = True
            begun = True
        elif np.uint8(97) <= byte <= np.uint8(122) or np.uint8(65) <= byte <= np.uint8(90):
            value = (value ^ np.uint64(byte | np.uint8(32))) * np.uint64(0x100000001B3)
            digits = False
            begun = True
        elif byte < np.uint8(128):
            if begun:
                break
        elif np.uint8(0xE3) <= byte <= np.uint8(0xED):
            if begun:
                break
            for k in range(at, min(at + 3, end)):
                value = (value ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
            return min(at + 3, end), value | np.uint64(1), figures
        else:
            value = (value ^ np.uint64(byte)) * np.uint64(0x100000001B3)
            digits = False
            begun = True
        at += 1
    if not begun:
        return end, np.uint64(0), figures
    return at, value | np.uint64(1), figures


@compiled
def phrase_hash(data: NDArray[np.uint8], begin: int, end: int) -> np.uint64:
    """Return the hash of all words of ``data[begin:end]``, chained from the left; 0 where there is none."""
    total = np.uint64(0)
    at = begin
    while at < end:
        at, word, _ = next_word(data, at, end)
        if word == np.uint64(0):
            break
        total = word if total == np.uint64(0) else chained(total, word)
    return total


def hash_of(phrase: str) -> np.uint64:
    """Return the hash of ``phrase`` as the kernels see it; 0 where it has no word."""
    data = np.frombuffer(phrase.encode(), np.uint8)
    return np.uint64(phrase_hash(data, 0, len(data)))


def open_table(keys: NDArray[np.uint64], slots: int) -> NDArray[np.int32]:
    """Return an open-addressing table of ``slots`` places (a power of two): the index of a key, or -1.

    Raises:
        ValueError: If ``slots`` is not a power of two above twice the number of keys.
    """
    if slots & (slots - 1) or slots < 2 * len(keys):
        raise ValueError(f"{slots} places do not suit {len(keys)} keys")
    table = np.full(slots, -1, np.int32)
    _fill(table, keys)
    return table


@compiled
def _fill(table: NDArray[np.int32], keys: NDArray[np.uint64]) -> None:
    mask = np.uint64(len(table) - 1)
    for k in range(len(keys)):
        at = mixed(keys[k]) & mask
        while table[at] >= 0 and keys[table[at]] != keys[k]:
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            table[at] = k


@compiled
def look_up(table: NDArray[np.int32], keys: NDArray[np.uint64], key: np.uint64) -> int:
    """Return the index of ``key`` in ``keys``, or -1."""
    mask = np.uint64(len(table) - 1)
    at = mixed(key) & mask
    while table[at] >= 0:
        if keys[table[at]] == key:
            return int(table[at])
        at = (at + np.uint64(1)) & mask
    return -1
