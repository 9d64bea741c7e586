"""Tails against exact enumeration and theory."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.provenance.tails import (
    bernoulli_proxy,
    holm,
    log_binomial_tail,
    log_e_one_sided,
    log_gamma_tail,
    log_sub_gaussian_tail,
)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_the_binomial_tail_is_the_sum_over_all_outcomes(rate: float) -> None:
    trials = 9
    for least in range(trials + 1):
        total = sum(
            math.prod(rate if coin else 1 - rate for coin in coins)
            for coins in product((0, 1), repeat=trials)
            if sum(coins) >= least
        )
        assert math.isclose(math.exp(log_binomial_tail(least, trials, rate)), total, rel_tol=1e-9)


def test_the_gamma_tail_is_the_poisson_sum() -> None:
    for terms, total in ((1, 2.0), (5, 9.5), (30, 60.0)):
        poisson = sum(math.exp(-total) * total**count / math.factorial(count) for count in range(terms))
        assert math.isclose(math.exp(log_gamma_tail(total, terms)), poisson, rel_tol=1e-9)


def test_far_tails_stay_finite_and_go_on_falling() -> None:
    green = [log_binomial_tail(count, 20_000, 0.25) for count in range(6000, 20_001, 500)]
    waits = [log_gamma_tail(total, 5000) for total in np.linspace(5000, 60_000, 60)]
    for tails in (green, waits):
        assert all(math.isfinite(each) for each in tails)
        assert all(later < earlier for earlier, later in pairwise(tails))
    assert math.isclose(log_binomial_tail(20_000, 20_000, 0.25), 20_000 * math.log(0.25), rel_tol=1e-9)


def test_no_data_is_no_evidence() -> None:
    assert log_binomial_tail(0, 0, 0.5) == log_gamma_tail(0.0, 0) == 0.0
    assert log_sub_gaussian_tail([-3.0, 0.0]).tolist() == [0.0, 0.0]


@given(st.floats(0.01, 0.99), st.floats(-8, 8))
def test_the_proxy_bounds_a_coin_s_moments(rate: float, tilt: float) -> None:
    exact = rate * math.exp(tilt * (1 - rate)) + (1 - rate) * math.exp(-tilt * rate)
    assert exact <= math.exp(0.5 * tilt**2 * bernoulli_proxy(rate)) * (1 + 1e-9)
    assert rate * (1 - rate) - 1e-12 <= bernoulli_proxy(rate) <= 0.25 + 1e-12


def test_the_mixture_is_an_e_value_for_every_variance() -> None:
    for variance in (0.01, 1.0, 40.0):
        for scale in (0.1, 1.0, 10.0):
            grid = np.linspace(-12, 12, 200_001) * math.sqrt(variance * (1 + scale * variance))
            density = stats.norm.logpdf(grid, scale=math.sqrt(variance))
            mean = np.trapezoid(np.exp(log_e_one_sided(grid, variance, scale) + density), grid)
            assert math.isclose(mean, 1.0, rel_tol=1e-4)
    with pytest.raises(ValueError, match="above 0"):
        log_e_one_sided(1.0, 1.0, 0.0)


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=12))
def test_holm_rejects_what_the_step_down_rule_rejects(log_p: list[float]) -> None:
    adjusted = holm(log_p)
    for level in (0.2, 0.05, 1e-3):
        rejected = set()
        for rank, place in enumerate(sorted(range(len(log_p)), key=lambda i: log_p[i])):
            if log_p[place] + math.log(len(log_p) - rank) > math.log(level):
                break
            rejected.add(place)
        assert {place for place, each in enumerate(adjusted) if each <= math.log(level)} == rejected
