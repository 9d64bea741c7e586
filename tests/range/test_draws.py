from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.range.draws import chosen, mixed, ranks, running_sums, split, unit, weighted


def test_mixed_is_a_function_of_value_and_salt() -> None:
    values = np.arange(1000, dtype=np.uint64)
    assert (mixed(values, 3) == mixed(values, 3)).all()
    assert len(np.unique(mixed(values, 3))) == 1000
    assert (mixed(values, 3) != mixed(values, 4)).all()


def test_mixed_splits_its_input_evenly() -> None:
    counts = np.bincount(chosen(np.arange(80_000), 5, 8), minlength=8)
    # Chi-squared with 7 degrees of freedom: 35 is passed once in 100,000 times.
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 35
    shares = unit(np.arange(1000), 1)
    assert shares.min() >= 0 and shares.max() < 1


@given(st.lists(st.integers(0, 9), max_size=30))
def test_ranks_and_running_sums_match_a_loop(lengths: list[int]) -> None:
    sizes = np.array(lengths, np.int64)
    values = np.random.default_rng(1).integers(0, 100, int(sizes.sum())).astype(float)
    want_ranks, want_sums, at = [], [], 0
    for length in lengths:
        total = 0.0
        for k in range(length):
            total += values[at]
            want_ranks.append(k)
            want_sums.append(total)
            at += 1
    assert ranks(sizes).tolist() == want_ranks
    assert running_sums(values, sizes).tolist() == want_sums


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 10), min_size=1, max_size=20))
def test_split_adds_up_and_stays_within_one_of_the_exact_share(total: int, weights: list[float]) -> None:
    parts = split(total, weights)
    exact = total * np.array(weights) / np.sum(weights)
    assert parts.sum() == total
    assert (np.abs(parts - exact) < 1 + 1e-6).all()


def test_weighted_follows_each_row() -> None:
    seed = 5
    print(f"seed {seed}")  # noqa: T201
    weights = np.array([[1.0, 0, 0], [0, 0, 2.0], [1, 1, 2]])
    rows = np.repeat(np.arange(3), 20_000)
    got = weighted(np.random.default_rng(seed), weights, rows)
    assert (got[:20_000] == 0).all() and (got[20_000:40_000] == 2).all()
    share = np.bincount(got[40_000:], minlength=3) / 20_000
    assert np.abs(share - [0.25, 0.25, 0.5]).max() < 0.02  # Over five standard errors.
