"""Steadiness: the mean by summing over every split, below and above the table, and what a queue gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from stillwatch.statistics.steadiness import DISTURBED, STRENGTHS, log_e_steady


def mean_e(total: int, chance: float = 0.5) -> float:
    """The mean over all splits of ``total`` into two hours, each exchange in the first with ``chance``."""
    first = np.arange(total + 1)
    log_e = log_e_steady(first[:, None], (total - first)[:, None])
    return float((binom.pmf(first, total, chance) * np.exp(log_e)).sum())


@pytest.mark.parametrize("total", range(61))
def test_the_mean_is_one_for_every_small_total(total: int) -> None:
    assert mean_e(total) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("total", [100, 1000, 1023, 1024, 1025, 1500, 4001, 30_000, 300_000])
def test_the_mean_is_at_most_one_and_hardly_less_about_and_above_the_table(total: int) -> None:
    assert 1 - 2 / total <= mean_e(total) <= 1 + 1e-9


@pytest.mark.parametrize("totals", [(3, 5), (8, 8), (1, 12), (0, 9)])
def test_the_mean_is_one_over_pairs_of_hours_together(totals: tuple[int, int]) -> None:
    splits = np.stack(np.meshgrid(*(np.arange(total + 1) for total in totals), indexing="ij"), -1).reshape(-1, 2)
    log_e = log_e_steady(splits, np.array(totals) - splits)
    assert (np.prod(binom.pmf(splits, np.array(totals), 0.5), axis=1) * np.exp(log_e)).sum() == pytest.approx(
        1, abs=1e-10
    )


@pytest.mark.parametrize("chance", [0.3, 0.45, 0.7])
@pytest.mark.parametrize("total", [1, 2, 7, 40, 500, 2000])
def test_unequal_rates_only_take_away(total: int, chance: float) -> None:
    assert mean_e(total, chance) <= 1 + 1e-10


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=8))
def test_order_and_side_do_not_matter(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array([[pair[k] for pair in pairs]], np.int64).reshape(1, -1) for k in (0, 1))
    log_e = log_e_steady(first, second)
    assert log_e_steady(second, first) == pytest.approx(log_e)
    assert log_e_steady(first[:, ::-1], second[:, ::-1]) == pytest.approx(log_e)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_smaller_gap_is_never_weaker_evidence(half: int, gap: int) -> None:
    gap = min(gap, half)
    nearer, wider = max(gap - 1, 0), gap
    log_e = log_e_steady(np.array([[half - nearer], [half - wider]]), np.array([[half + nearer], [half + wider]]))
    assert log_e[0] >= log_e[1]


@pytest.mark.parametrize("seed", [31])
def test_a_drained_queue_grows_evidence_and_independent_arrivals_do_not(seed: int) -> None:
    generator = np.random.default_rng(seed)
    queue = 60 + generator.integers(-2, 3, (50, 2, 100))
    chance = generator.poisson(60, (400, 2, 100))
    bursts = generator.poisson(60 * generator.gamma(2, 1 / 2, (400, 2, 100)))
    assert log_e_steady(queue[:, 0], queue[:, 1]).min() > 20
    assert log_e_steady(chance[:, 0], chance[:, 1]).max() < np.log(400 / 1e-4)
    assert log_e_steady(bursts[:, 0], bursts[:, 1]).max() < 0


def test_a_few_perfect_pairs_are_worth_what_their_normal_limit_says() -> None:
    """A pair of large equal counts multiplies the odds by the root of 1 + 2b at strength b, where it is undisturbed."""
    pairs = 5
    even = np.full((1, pairs), 500_000)
    want = np.log(np.mean([(DISTURBED + (1 - DISTURBED) * (1 + 2 * b) ** 0.5) ** pairs for b in STRENGTHS]))
    assert log_e_steady(even, even)[0] == pytest.approx(want, abs=1e-4)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_one_disturbed_pair_takes_away_no_more_than_its_share_allows(left: int, right: int) -> None:
    even = np.full((1, 9), 40)
    first, second = np.append(even, [[left]], axis=1), np.append(even, [[right]], axis=1)
    assert log_e_steady(first, second)[0] >= log_e_steady(even, even)[0] + np.log(DISTURBED) - 1e-9


def test_nothing_seen_is_no_evidence() -> None:
    assert log_e_steady(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64)).tolist() == pytest.approx([0, 0])
    assert log_e_steady(np.zeros((2, 0), np.int64), np.zeros((2, 0), np.int64)).tolist() == pytest.approx([0, 0])
    assert log_e_steady(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64)).shape == (0,)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        log_e_steady(np.zeros((2, 3), np.int64), np.zeros((2, 4), np.int64))
    with pytest.raises(ValueError, match="one shape"):
        log_e_steady(np.zeros(3, np.int64), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="negative"):
        log_e_steady(np.array([[1, -1]]), np.array([[1, 1]]))
