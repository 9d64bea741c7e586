"""Own pools: the mean by enumerating every sequence of values, and the formula row by row in plain Python."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.statistics.own_pool import OWN_SHARES, log_e_own_pool

WEIGHTS = st.lists(st.integers(1, 50), min_size=1, max_size=3)
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.floats(1e-6, 1.0)), max_size=25)


def every_sequence(values: int, length: int) -> np.ndarray:
    return np.array(list(itertools.product(range(values), repeat=length)), np.int64)


def log_e_of(sequences: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Weigh all sequences at once, as groups whose rows come in turns."""
    count, length = sequences.shape
    group = np.tile(np.arange(count), length)
    value = sequences.T.ravel()
    return log_e_own_pool(group, value, chance[value], count)


def slowly(rows: list[tuple[int, int, float]], groups: int) -> list[float]:
    out = []
    for group in range(groups):
        wealth = [1.0] * len(OWN_SHARES)
        seen: list[int] = []
        for of, value, chance in rows:
            if of != group:
                continue
            if seen:
                again = seen.count(value) / len(seen)
                wealth = [w * (1 - s + s * again / chance) for w, s in zip(wealth, OWN_SHARES, strict=True)]
            seen.append(value)
        out.append(math.log(sum(wealth) / len(wealth)))
    return out


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5])
@given(WEIGHTS)
def test_the_mean_over_strangers_is_one(length: int, weights: list[int]) -> None:
    chance = np.array(weights) / sum(weights)
    sequences = every_sequence(len(weights), length)
    mean = (chance[sequences].prod(axis=1) * np.exp(log_e_of(sequences, chance))).sum()
    assert mean == pytest.approx(1, abs=1e-12)


@given(WEIGHTS, st.lists(st.floats(1.0, 5.0), min_size=3, max_size=3))
def test_the_mean_is_at_most_one_where_chances_are_too_large(weights: list[int], factors: list[float]) -> None:
    """A value thought commoner than it is only takes away from the evidence."""
    chance = np.array(weights) / sum(weights)
    thought = np.minimum(chance * factors[: len(weights)], 1)
    sequences = every_sequence(len(weights), 5)
    mean = (chance[sequences].prod(axis=1) * np.exp(log_e_of(sequences, thought))).sum()
    assert mean <= 1 + 1e-12


def test_the_mean_is_one_whenever_one_stops() -> None:
    """Stop at the first row where the evidence exceeds log 2, or at the fifth: still an e-value."""
    chance = np.array([0.6, 0.3, 0.1])
    sequences = every_sequence(3, 5)
    after = np.stack([log_e_of(sequences[:, :length], chance) for length in range(6)], axis=1)
    stop = np.where((after > math.log(2)).any(axis=1), (after > math.log(2)).argmax(axis=1), 5)
    assert len(np.unique(stop)) > 2
    stopped = np.exp(after[np.arange(len(sequences)), stop])
    assert (chance[sequences].prod(axis=1) * stopped).sum() == pytest.approx(1, abs=1e-12)


@given(ROWS)
def test_the_formula_row_by_row(rows: list[tuple[int, int, float]]) -> None:
    group, value = (np.array([row[k] for row in rows], np.int64) for k in (0, 1))
    log_e = log_e_own_pool(group, value, np.array([row[2] for row in rows]), 5)
    assert log_e.shape == (5,)
    assert log_e.tolist() == pytest.approx(slowly(rows, 5), abs=1e-9)


def test_a_pool_is_told_from_strangers() -> None:
    values = np.tile([3, 8, 5], 4)
    rare, common = np.full(12, 0.01), np.full(12, 0.33)
    group = np.zeros(12, np.int64)
    assert log_e_own_pool(group, values, rare, 1) > 20
    assert log_e_own_pool(group, values, common, 1) < 3
    assert log_e_own_pool(group, np.arange(12), rare, 1) < 0


def test_groups_without_rows_and_with_one_have_no_evidence() -> None:
    none = np.zeros(0, np.int64)
    assert log_e_own_pool(none, none, np.zeros(0), 2).tolist() == pytest.approx([0, 0])
    assert log_e_own_pool(np.array([1]), np.array([7]), np.array([1e-9]), 3).tolist() == pytest.approx([0, 0, 0])


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.1, math.nan])
def test_a_chance_outside_its_range_is_refused(chance: float) -> None:
    with pytest.raises(ValueError, match="chance"):
        log_e_own_pool(np.zeros(2, np.int64), np.zeros(2, np.int64), np.array([0.5, chance]), 1)
