"""Hugging Face's green lists: which tokens ``WatermarkLogitsProcessor`` favours after a context."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.functions.mersenne import remainders, seeded, shuffled_head, tempered_block
from stillwatch.statistics.compiled import compiled

VERSION = "transformers-5.23-cpu-mt19937"
TABLE_SIZE = 1_000_003
_FEW = 5  # Tokens of one list up to which following each by itself is faster than all together.
_WORDS = 624
_U31, _U32 = np.uint32(31), np.uint32(32)
_U64_1, _U64_32, _LOW_32 = np.uint64(1), np.uint64(32), np.uint64(0xFFFF_FFFF)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)


@lru_cache(maxsize=8)
def _table(key: int) -> NDArray[np.int64]:
    return shuffled_head(key, TABLE_SIZE, TABLE_SIZE)


@compiled
def _last_token_seeds(key: np.uint64, tokens: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return key times token modulo 2**64 - 1, for tokens below 2**32: the product's upper half added to its lower."""
    found = np.empty(len(tokens), np.uint64)
    upper, lower = key >> _U64_32, key & _LOW_32
    for pair in range(len(tokens)):
        token = np.uint64(tokens[pair])
        middle = upper * token + ((lower * token) >> _U64_32)  # In units of 2**32.
        low = key * token
        total = low + (middle >> _U64_32)
        if total < low:  # A carry is worth 1 modulo 2**64 - 1.
            total += _U64_1
        found[pair] = np.uint64(0) if total == ~np.uint64(0) else total
    return found


def last_token_seeds(key: int, contexts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the seeds of the scheme ``lefthash``, shape (pairs,): only the last token of a context enters.

    So a configured width above 1 changes nothing but the number of tokens that are skipped at the start.

    Args:
        key: The processor's ``hashing_key``, in [0, 2**63).
        contexts: Shape (pairs, width), tokens from 0 and below 2**32.
    """
    return _last_token_seeds(np.uint64(key), np.ascontiguousarray(contexts[:, -1], np.int64))


def own_token_seeds(key: int, windows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the seeds of the scheme ``selfhash``, shape (pairs,): the window ends with the judged token itself.

    Args:
        key: The processor's ``hashing_key``, in [0, 2**63).
        windows: Shape (pairs, width); products wrap around in 64 bits with sign, as torch's do.
    """
    values = _table(key)[windows % TABLE_SIZE] + 1
    with np.errstate(over="ignore"):
        products = np.int64(key) * values * values[:, -1:]
    least = products.min(axis=1)
    # The processor takes the remainder by 2**64 - 1, which moves negative numbers up by that much.
    return np.asarray(np.where(least < 0, least.astype(np.uint64) - np.uint64(1), least.astype(np.uint64)), np.uint64)


@compiled
def _green(
    seeds: NDArray[np.uint64], tokens: NDArray[np.int64], starts: NDArray[np.int64], vocabulary: int, favoured: int
) -> NDArray[np.bool_]:
    """Follow the judged tokens through each shuffle: no list is written, and one byte a place is looked at."""
    found = np.zeros(len(tokens), np.bool_)
    state, block = np.empty(_WORDS, np.uint32), np.empty(_WORDS, np.uint32)
    rests = np.empty(_WORDS, np.int64)
    occupied = np.zeros(vocabulary, np.uint8)  # Whether a judged token stands at a place.
    pair_at = np.empty(vocabulary, np.int64)  # The first pair of that token.
    place_of = np.empty(len(tokens), np.int64)
    steps = min(favoured, vocabulary - 1)
    for group in range(len(starts) - 1):
        begin, end = starts[group], starts[group + 1]
        for pair in range(begin, end):
            token = tokens[pair]
            place_of[pair] = -1  # Beyond the vocabulary, or told by an earlier pair of the same token.
            if token < vocabulary and occupied[token] == 0:
                occupied[token], pair_at[token], place_of[pair] = 1, pair, token
        seeded(state, seeds[begin])
        for first in range(0, steps, _WORDS):
            tempered_block(state, block)
            remainders(block, first, vocabulary, rests)
            for place in range(first, min(first + _WORDS, steps)):
                # Places without a sign: they need no look at whether they count from the end, which takes most time.
                other = np.uint64(place + rests[place - first])
                if not occupied[other] | occupied[np.uint64(place)]:
                    continue
                if occupied[other]:
                    chosen = pair_at[other]
                    found[chosen] = True
                    place_of[chosen] = -1
                    occupied[other] = 0
                if occupied[place]:  # Whoever stood here goes to where the chosen one was.
                    moved = pair_at[place]
                    occupied[place], occupied[other] = 0, 1
                    pair_at[other], place_of[moved] = moved, np.int64(other)
        for pair in range(begin, end):
            if place_of[pair] >= 0:
                occupied[place_of[pair]] = 0
                found[pair] = place_of[pair] < favoured  # Only where every token is favoured, the last one included.
        # Pairs of one token share its answer: the first pair's.
        for pair in range(begin, end):
            if tokens[pair] < vocabulary:
                pair_at[tokens[pair]] = -1
        for pair in range(begin, end):
            token = tokens[pair]
            if token < vocabulary:
                if pair_at[token] < 0:
                    pair_at[token] = pair
                else:
                    found[pair] = found[pair_at[token]]
    return found


@compiled
def _near(
    block: NDArray[np.uint32],
    distance: np.uint32,
    odd_inverses: NDArray[np.uint32],
    halvings: NDArray[np.uint32],
    multiples_most: NDArray[np.uint32],
) -> bool:
    """Tell whether a draw of the block may take the place ``distance`` beyond the block's first."""
    near = np.uint32(0)
    for word in range(len(odd_inverses)):
        rest = np.uint32(block[word] - distance + np.uint32(word))
        product = np.uint32(rest * odd_inverses[word])
        # Both shifts modulo 32: compilers know this as one turn of a word.
        halves = halvings[word] & _U31
        turned = np.uint32(product >> halves) | np.uint32(product << (np.uint32(_U32 - halves) & _U31))
        near |= np.uint32(turned <= multiples_most[word])
    return bool(near != 0)


@compiled
def _followed(block: NDArray[np.uint32], first: int, last: int, vocabulary: int, stands: int) -> int:
    """Return where a token stands after a block of draws for the places from ``first``: -1 if one has chosen it."""
    rests = np.empty(_WORDS, np.int64)
    remainders(block, first, vocabulary, rests)
    for place in range(first, last):
        other = place + rests[place - first]
        if other == stands:
            return -1
        if place == stands:  # Whoever stands where a choice is made goes to where the chosen one was.
            stands = other
    return stands


@compiled
def _green_few(
    seeds: NDArray[np.uint64],
    tokens: NDArray[np.int64],
    starts: NDArray[np.int64],
    vocabulary: int,
    favoured: int,
    odd_inverses: NDArray[np.uint32],
    halvings: NDArray[np.uint32],
    multiples_most: NDArray[np.uint32],
) -> NDArray[np.bool_]:
    """Follow each token through its shuffle by itself, and look closely only at blocks of draws that may move it.

    A draw takes the place where the token stands if draw less distance is a multiple of the places left. For that,
    one product modulo 2**32 is enough, without a division; where a small draw wraps around, the exact look tells.

    Args:
        seeds: Shape (groups,).
        starts: Shape (groups + 1,): where each group's tokens begin.
        odd_inverses, halvings, multiples_most: Of each number of places left, from the vocabulary's size down: the
            inverse of its odd part, its factors of two, its multiples below 2**32.

    Source:
        Granlund & Montgomery 1994, section 9, for the test of divisibility.
    """
    stands = tokens.copy()  # -1 for those that are green.
    state, block = np.empty(_WORDS, np.uint32), np.empty(_WORDS, np.uint32)
    steps = min(favoured, vocabulary - 1)
    for group in range(len(seeds)):
        seeded(state, seeds[group])
        for first in range(0, steps, _WORDS):
            tempered_block(state, block)
            last = min(first + _WORDS, steps)
            left = 0
            for pair in range(starts[group], starts[group + 1]):
                place = stands[pair]
                if place < 0 or place >= vocabulary:
                    continue
                distance = np.uint32(max(place - first, 0))
                if first <= place < last or _near(
                    block, distance, odd_inverses[first:last], halvings[first:last], multiples_most[first:last]
                ):
                    stands[pair] = _followed(block, first, last, vocabulary, place)
                left += stands[pair] >= 0
            if left == 0:
                break
    return stands < favoured  # Places below are left where every token is favoured, the last one included.


@compiled
def _grouped(seeds: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs in an order that keeps equal seeds together, shape (pairs,), and where each seed's begin.

    Seeds whose lower 32 bits agree draw the same list, and are one group. The last beginning is the number of pairs.
    """
    size = 16
    while size < 2 * len(seeds):
        size *= 2
    slots, last = np.full(size, -1, np.int64), np.uint64(size - 1)  # A slot holds the number of a group.
    held, counts = np.empty(len(seeds), np.uint64), np.zeros(len(seeds), np.int64)
    group = np.empty(len(seeds), np.int64)
    groups = 0
    for pair in range(len(seeds)):
        seed = seeds[pair] & _LOW_32
        slot = ((seed * _SPREAD) >> _U64_32) & last
        while slots[slot] >= 0 and held[slots[slot]] != seed:
            slot = (slot + _U64_1) & last
        if slots[slot] < 0:
            slots[slot], held[groups] = groups, seed
            groups += 1
        group[pair] = slots[slot]
        counts[group[pair]] += 1
    starts = np.zeros(groups + 1, np.int64)
    starts[1:] = np.cumsum(counts[:groups])
    free, order = starts.copy(), np.empty(len(seeds), np.int64)
    for pair in range(len(seeds)):
        order[free[group[pair]]] = pair
        free[group[pair]] += 1
    return order, starts


@lru_cache(maxsize=4)
def _divisors(vocabulary: int, favoured: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    left = np.arange(vocabulary, vocabulary - favoured, -1).astype(np.uint64)
    powers = left & (~left + np.uint64(1))
    odd = (left // powers).astype(np.uint32)
    inverses = odd.copy()  # Right to three bits; each round of Newton's doubles them.
    for _ in range(4):
        inverses *= np.uint32(2) - odd * inverses
    return inverses, np.log2(powers).astype(np.uint32), (np.uint64(2**32 - 1) // left).astype(np.uint32)


def is_green(seeds: NDArray[np.uint64], tokens: NDArray[np.int64], vocabulary: int, favoured: int) -> NDArray[np.bool_]:
    """Return which tokens stand on the green list that their seed draws.

    Pairs of one seed are judged together, so that each list is drawn once.

    Args:
        seeds: Shape (pairs,).
        tokens: Shape (pairs,), from 0.
        vocabulary: Number of tokens that the engine shuffles.
        favoured: Length of a green list.

    Source:
        transformers 5.23.0 with torch 2.13.0 on a processor, ``WatermarkLogitsProcessor``; checked against vectors.
        Kirchenbauer et al., arXiv:2301.10226 and 2306.04634.
    """
    order, starts = _grouped(seeds)
    ranked, sizes = seeds[order], np.diff(starts)
    few = np.repeat(sizes <= _FEW, sizes)
    ordered, told = np.asarray(tokens, np.int64)[order], np.empty(len(tokens), np.bool_)
    of_few, of_many = (np.append(0, np.cumsum(sizes[chosen])) for chosen in (sizes <= _FEW, sizes > _FEW))
    own = ranked[starts[:-1]][sizes <= _FEW]
    told[few] = _green_few(own, ordered[few], of_few, vocabulary, favoured, *_divisors(vocabulary, favoured))
    told[~few] = _green(ranked[~few], ordered[~few], of_many, vocabulary, favoured)
    found = np.empty(len(tokens), np.bool_)
    found[order] = told
    return found
