"""Pairs against a slow, obvious reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.pairs import Start, first_of_context, first_rows, pairs_of, summed_squares, unseen
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
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


def test_contexts_are_fresh_once() -> None:
    seen: set[bytes] = set()
    rows = np.array([[1, 2], [2, 1], [1, 2]])
    assert unseen(rows, seen).tolist() == [0, 1]
    assert unseen(np.array([[2, 1], [3, 3]]), seen).tolist() == [1]
    assert unseen(rows[:0], seen).tolist() == []


@pytest.mark.parametrize("seed", [1, 2])
def test_evened_lots_all_weigh_as_much_as_chance_would(seed: int) -> None:
    generator = np.random.default_rng(seed)
    masses = np.repeat([1.0, 64.0], 500)
    weights = generator.normal(size=1000) * np.sqrt(masses) * np.repeat([1.0, 5.0], 500)
    pairs = merged(np.arange(1000)[:, None], np.zeros(1000, np.int64), weights, masses)
    evened = pairs.evened()
    assert np.array_equal(np.sign(evened), np.sign(weights))
    assert np.isclose((evened / weights)[:500].mean(), 1, rtol=0.2)
    assert np.isclose((evened / weights)[500:].mean(), 1 / 25, rtol=0.2)
    assert len(merged(masses[:0, None], masses[:0], masses[:0], masses[:0]).evened()) == 0


@pytest.mark.parametrize("name", ["kgw_self_hugging_face", "kgw_left_hugging_face", "gumbel_sglang"])
def test_pairs_of_one_coin_are_added_up_and_no_others(name: str) -> None:
    scheme = scheme_maker(name).of(cohort_key(bytes(16), "a", "p"), Settings(width=3, vocabulary=20))
    rows = np.random.default_rng(5).integers(0, 20, (400, scheme.width + 1))
    pairs = merged(rows[:, :-1], rows[:, -1], np.arange(400.0), np.ones(400))
    coins = pairs.by_coin(scheme)
    names = {
        (*read, token)
        for read, token in zip(
            map(tuple, scheme.reads(pairs.contexts, pairs.tokens).tolist()), pairs.tokens.tolist(), strict=True
        )
    }
    assert len(coins) == len(names) and np.isclose(coins.weights.sum(), pairs.weights.sum())
    once = scheme.weighted(pairs.contexts, pairs.tokens, pairs.weights)
    again = scheme.weighted(coins.contexts, coins.tokens, coins.weights)
    assert np.isclose(once.total, again.total) and np.isclose(once.variance, again.variance)
