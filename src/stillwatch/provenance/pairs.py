"""Pairs of context and token: what a keyed function reads, each counted once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.statistics.compiled import compiled

_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)
_SPREAD_2 = np.uint64(0xBF58_476D_1CE4_E5B9)
_FREE = np.int64(-1)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Contexts with the token that followed.

    Attributes:
        contexts: Shape (pairs, width), oldest token first.
        tokens: Shape (pairs,).
        texts: Shape (pairs,): which text each comes from, in order.
        places: Shape (pairs,): the token's place in its text, from 0.
    """

    contexts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    texts: NDArray[np.int64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.tokens)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Pairs:
        """Return some of them."""
        return Pairs(self.contexts[which], self.tokens[which], self.texts[which], self.places[which])


@dataclass(frozen=True, slots=True)
class Start:
    """What an engine takes for the context of a text's first tokens.

    Attributes:
        reads_prompt: Whether the prompt's last tokens are context.
        filler: Stands for tokens before the start; None where such positions are not marked, or not knowable.
    """

    reads_prompt: bool
    filler: int | None


def pairs_of(texts: Iterable[ArrayLike], width: int, start: Start, prompts: Iterable[ArrayLike] | None = None) -> Pairs:
    """Return every context and token of ``texts``, repeats included.

    Args:
        texts: Token ids of what was generated, one array a text.
        width: At least 1.
        start: How the engine treats a text's first tokens.
        prompts: Token ids before each text; read only where ``start.reads_prompt``. A text without a known prompt
            has an empty one, and its first ``width`` tokens are then passed over.

    Raises:
        ValueError: If the width is below 1, or prompts and texts differ in number.
    """
    if width < 1:
        raise ValueError("a context has at least one token")
    bodies = [np.asarray(text, np.int64).ravel() for text in texts]
    heads = [np.zeros(0, np.int64)] * len(bodies)
    if prompts is not None and start.reads_prompt:
        heads = [np.asarray(prompt, np.int64).ravel()[-width:] for prompt in prompts]
    if len(heads) != len(bodies):
        raise ValueError("every text has one prompt")
    if start.filler is not None and not start.reads_prompt:
        heads = [np.full(width, start.filler, np.int64)] * len(bodies)
    chain = np.concatenate(
        [part for both in zip(heads, bodies, strict=True) for part in both] or [np.zeros(0, np.int64)]
    )
    lengths = np.array([len(head) + len(body) for head, body in zip(heads, bodies, strict=True)], np.int64)
    begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
    first = np.repeat(np.array([max(len(head), width) for head in heads], np.int64), lengths)
    text = np.repeat(np.arange(len(bodies)), lengths)
    place = np.arange(len(chain))
    at = place[place - begins >= first]
    if len(at) == 0:
        nothing = np.zeros(0, np.int64)
        return Pairs(np.zeros((0, width), np.int64), nothing, nothing, nothing)
    windows = np.lib.stride_tricks.sliding_window_view(chain, width)
    heads_long = np.repeat(np.array([len(head) for head in heads], np.int64), lengths)
    return Pairs(windows[at - width], chain[at], text[at], (place - begins - heads_long)[at])


@compiled
def _first_rows(rows: NDArray[np.int64], extra: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows of (group, row, extra) did not come before; compared in full, so that no hash can fool it."""
    count, width = rows.shape
    size = 16
    while size < 2 * count:
        size *= 2
    slots = np.full(size, _FREE, np.int64)
    last = np.uint64(size - 1)
    fresh = np.zeros(count, np.bool_)
    for row in range(count):
        state = np.uint64(groups[row]) * _SPREAD + np.uint64(extra[row])
        for column in range(width):
            state = (state ^ np.uint64(rows[row, column])) * _SPREAD
            state = state ^ (state >> np.uint64(29))
        state = state * _SPREAD_2
        slot = (state ^ (state >> np.uint64(32))) & last
        while True:
            held = slots[slot]
            if held == _FREE:
                slots[slot] = row
                fresh[row] = True
                break
            same = groups[held] == groups[row] and extra[held] == extra[row]
            if same:
                for column in range(width):
                    if rows[held, column] != rows[row, column]:
                        same = False
                        break
            if same:
                break
            slot = (slot + np.uint64(1)) & last
    return fresh


def first_of_context(pairs: Pairs, by_text: bool) -> NDArray[np.bool_]:
    """Return which pairs are the first of their context: all that engines mark, when judged text by text.

    Args:
        by_text: Whether a context may count once in every text; else once in all.
    """
    nothing = np.zeros(len(pairs), np.int64)
    return _first_rows(np.ascontiguousarray(pairs.contexts), nothing, pairs.texts if by_text else nothing)


def unseen(contexts: NDArray[np.int64], seen: set[bytes]) -> NDArray[np.int64]:
    """Return the rows whose context did not come before, and add them to what was seen.

    Args:
        contexts: Shape (pairs, width).
        seen: Contexts that came before; grows.
    """
    fresh = []
    for row, context in enumerate(contexts):
        known = context.tobytes()
        if known not in seen:
            seen.add(known)
            fresh.append(row)
    return np.array(fresh, np.int64)


def first_rows(rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs of a row and a token did not come before, shape (pairs,).

    Args:
        rows: Shape (pairs, columns).
        tokens: Shape (pairs,).
    """
    nothing = np.zeros(len(rows), np.int64)
    return _first_rows(np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(tokens, np.int64), nothing)


@compiled
def _summed_squares(rows: NDArray[np.int64], tokens: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(rows * np.int64(1_000_003) + tokens)
    found, held = 0.0, 0.0
    for place in range(len(order)):
        row = order[place]
        if place > 0 and (rows[row] != rows[order[place - 1]] or tokens[row] != tokens[order[place - 1]]):
            found += held * held
            held = 0.0
        held += weights[row]
    return found + held * held


def summed_squares(rows: NDArray[np.int64], tokens: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    """Return the sum of squares of the weights, those of equal rows and tokens having been added up first.

    Args:
        rows: Shape (pairs, 1), each from 0 and below 2**32.
        tokens: Shape (pairs,), each below 1,000,003.
        weights: Shape (pairs,).
    """
    return float(
        _summed_squares(np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(tokens), np.ascontiguousarray(weights))
    )
