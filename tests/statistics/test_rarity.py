"""Rarity: the mean by summing over all counts that matter, and agreement with plain likelihood ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import poisson

from stillwatch.statistics.rarity import FACTORS, log_e_more_than_expected


def mean_e(expected: float, mean: float) -> float:
    """The mean over Poisson counts of ``mean``, summed far beyond what the largest alternative expects."""
    largest = FACTORS[-1] * max(expected, mean)
    count = np.arange(int(largest + 12 * math.sqrt(largest)) + 60)
    log_chance = count * math.log(mean) - mean - gammaln(count + 1.0)
    return float(np.exp(logsumexp(log_chance + log_e_more_than_expected(count, np.full(len(count), expected)))))


@pytest.mark.parametrize("expected", [1e-6, 1e-3, 0.1, 1.0, 4.5])
def test_the_mean_is_one_at_the_expected_count(expected: float) -> None:
    assert mean_e(expected, expected) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("expected", [1e-3, 0.2, 3.0])
def test_the_mean_is_below_one_where_less_is_usual(expected: float, share: float) -> None:
    assert mean_e(expected, share * expected) < 1


@given(st.integers(0, 10_000), st.floats(1e-6, 500))
def test_it_is_the_mean_of_likelihood_ratios(count: int, expected: float) -> None:
    ratios = [poisson.logpmf(count, factor * expected) - poisson.logpmf(count, expected) for factor in FACTORS]
    want = logsumexp(ratios) - math.log(len(FACTORS))
    assert log_e_more_than_expected(np.array([count]), np.array([expected]))[0] == pytest.approx(want, abs=1e-6)


@given(st.integers(0, 1000), st.floats(1e-6, 100), st.floats(1.0, 10))
def test_more_is_stronger_and_a_larger_expectation_weaker(count: int, expected: float, factor: float) -> None:
    log_e = log_e_more_than_expected(np.array([count, count + 1, count]), expected * np.array([1, 1, factor]))
    assert log_e[1] > log_e[0] >= log_e[2]


def test_shapes_are_kept_and_counts_as_expected_are_no_evidence() -> None:
    expected = np.array([[0.01, 1.0, 50.0]] * 2)
    log_e = log_e_more_than_expected(np.array([[0, 1, 50], [5, 30, 400]]), expected)
    assert log_e.shape == (2, 3)
    assert (log_e[0] < 0).all() and (log_e[1] > 10).all()
    assert log_e_more_than_expected(np.zeros(0, np.int64), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("expected", [0.0, -1.0, math.nan])
def test_an_expectation_that_is_not_above_zero_is_refused(expected: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        log_e_more_than_expected(np.array([1, 1]), np.array([1.0, expected]))
