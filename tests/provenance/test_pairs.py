"""Pairs against a slow, obvious reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.provenance.pairs import Start, first_of_context, first_rows, pairs_of, summed_squares
from stillwatch.provenance.weighing import joined, merged

texts = st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=5)
starts = st.sampled_from([Start(True, None), Start(False, -1), Start(False, None)])


@given(texts, st.integers(1, 4), starts, st.lists(st.integers(0, 3), max_size=6))
def test_pairs_are_what_a_loop_finds(bodies: list[list[int]], width: int, start: Start, prompt: list[int]) -> None:
    found = pairs_of(bodies, width, start, [prompt] * len(bodies))
    expected = []
    for number, body in enumerate(bodies):
        head = prompt[-width:] if start.reads_prompt else [start.filler] * width if start.filler is not None else []
        chain = [*head, *body]
        for place in range(len(body)):
            at = len(head) + place
            if at >= width:
                expected.append((tuple(chain[at - width : at]), body[place], number, place))
    rows = zip(found.contexts.tolist(), found.tokens, found.texts, found.places, strict=True)
    assert [(tuple(row), int(token), int(text), int(place)) for row, token, text, place in rows] == expected


@given(texts, st.booleans())
def test_first_of_context_and_pair(bodies: list[list[int]], by_text: bool) -> None:
    found = pairs_of(bodies, 2, Start(False, -1))
    seen: set[object] = set()
    expected = []
    for row, text in zip(found.contexts.tolist(), found.texts, strict=True):
        key = (tuple(row), int(text) if by_text else 0)
        expected.append(key not in seen)
        seen.add(key)
    assert first_of_context(found, by_text).tolist() == expected
    pairs = [(*row, int(token)) for row, token in zip(found.contexts.tolist(), found.tokens, strict=True)]
    assert first_rows(found.contexts, found.tokens).tolist() == [pair not in pairs[:i] for i, pair in enumerate(pairs)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(-2, 2)), max_size=30), st.integers(1, 7))
def test_merging_in_any_lots_gives_the_same_sums(rows: list[tuple[int, int, float]], lot: int) -> None:
    contexts = np.array([[row[0]] for row in rows], np.int64).reshape(-1, 1)
    tokens, weights = np.array([row[1] for row in rows], np.int64), np.array([row[2] for row in rows])
    parts = [
        merged(contexts[i : i + lot], tokens[i : i + lot], weights[i : i + lot], np.abs(weights[i : i + lot]))
        for i in range(0, len(rows), lot)
    ]
    found = joined(parts, 1)
    expected: dict[tuple[int, int], float] = {}
    for context, token, weight in rows:
        expected[context, token] = expected.get((context, token), 0.0) + weight
    held = dict(zip(zip(found.contexts[:, 0].tolist(), found.tokens.tolist(), strict=True), found.weights, strict=True))
    assert held.keys() == expected.keys()
    assert all(np.isclose(held[key], expected[key], atol=1e-12) for key in expected)
    assert np.isclose(summed_squares(contexts, tokens, weights), sum(value**2 for value in expected.values()))
    assert np.isclose(found.masses.sum(), np.abs(weights).sum())


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pairs_of([[1]], 0, Start(False, None))
    with pytest.raises(ValueError, match="one prompt"):
        pairs_of([[1]], 1, Start(True, None), [])


def test_tempering_leaves_rare_pairs_and_bounds_frequent_ones() -> None:
    pairs = merged(np.array([[1], [2]]), np.array([0, 0]), np.array([0.5, 900.0]), np.array([0.001, 1000.0]))
    tempered = pairs.tempered(10.0)
    assert np.isclose(tempered[0], 0.5, rtol=1e-3) and tempered[1] < 10
