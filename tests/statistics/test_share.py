"""Shares: the mean of the e-value by enumerating every count, its value by integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, betaln
from scipy.stats import betabinom, binom

from stillwatch.statistics.share import log_e_share_above, log_e_share_above_overdispersed


@given(st.integers(1, 150), st.floats(0.001, 0.98), st.floats(0, 1))
def test_mean_is_at_most_one_for_every_share_below(trials: int, share_max: float, part: float) -> None:
    k = np.arange(trials + 1)
    log_e = log_e_share_above(k, trials, share_max)
    assert np.exp(log_e + binom.logpmf(k, trials, share_max * part)).sum() <= 1 + 1e-9
    assert np.exp(log_e + binom.logpmf(k, trials, share_max)).sum() == pytest.approx(1, abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.02, 0.95))
def test_value_is_the_integral(k: int, misses: int, share_max: float) -> None:
    n = k + misses

    def integrand(odds: float) -> float:
        p = 1 / (1 + math.exp(-odds))
        prior = -0.5 * math.log(p) - 0.5 * math.log1p(-p) + math.log(p * (1 - p))
        ratio = k * math.log(p / share_max) + (n - k) * (math.log1p(-p) - math.log1p(-share_max))
        return math.exp(prior + ratio)

    border = math.log(share_max / (1 - share_max))
    area = quad(integrand, border, border + 3, limit=300)[0] + quad(integrand, border + 3, 34, limit=300)[0]
    mass = math.exp(betaln(0.5, 0.5)) * (1 - betainc(0.5, 0.5, share_max))
    assert float(log_e_share_above(k, n, share_max)) == pytest.approx(math.log(area / mass), abs=1e-4)


@pytest.mark.parametrize(
    ("successes", "trials", "share_max"), [(0, 20_000, 0.04), (10_000, 10**6, 0.05), (3, 10**4, 0.9)]
)
def test_value_far_below_the_border(successes: int, trials: int, share_max: float) -> None:
    """Where the Beta tail underflows the expansion takes over: compare it with integration from the border."""

    def log_ratio(p: float) -> float:
        odds = successes * math.log(p / share_max) + (trials - successes) * math.log((1 - p) / (1 - share_max))
        return odds - 0.5 * math.log(p) - 0.5 * math.log1p(-p)

    slope = (trials - successes) / (1 - share_max) - successes / share_max
    area = quad(lambda u: math.exp(log_ratio(share_max + u / slope)), 0, 40)[0] / slope
    mass = math.exp(betaln(0.5, 0.5)) * (1 - betainc(0.5, 0.5, share_max))
    assert float(log_e_share_above(successes, trials, share_max)) == pytest.approx(math.log(area / mass), abs=1e-4)


@given(st.integers(1, 60), st.floats(0.001, 0.9), st.floats(0.2, 50), st.floats(0.001, 1))
def test_overdispersed_mean_is_at_most_one_at_its_concentration(
    trials: int, share_max: float, concentration: float, part: float
) -> None:
    k = np.arange(trials + 1)
    e = np.exp(log_e_share_above_overdispersed(k, trials, share_max, concentration))
    border = betabinom.pmf(k, trials, share_max * concentration, (1 - share_max) * concentration)
    assert (e * border).sum() == pytest.approx(1, abs=1e-7)
    mean = share_max * part
    assert (e * betabinom.pmf(k, trials, mean * concentration, (1 - mean) * concentration)).sum() <= 1 + 1e-7


def test_overdispersed_mean_can_pass_one_where_honest_accounts_differ_less() -> None:
    """What the docstring warns of: the concentration is part of the claim, not a bound on it."""
    trials, share_max, concentration, spread = 120, 0.0032, 0.32, 11.6
    k = np.arange(trials + 1)
    e = np.exp(log_e_share_above_overdispersed(k, trials, share_max, concentration))
    assert 1 < (e * betabinom.pmf(k, trials, share_max * spread, (1 - share_max) * spread)).sum() < 2


@given(st.integers(1, 200), st.floats(0.001, 0.9), st.floats(0.2, 50))
def test_more_successes_never_weigh_less(trials: int, share_max: float, concentration: float) -> None:
    k = np.arange(trials + 1)
    assert (np.diff(log_e_share_above(k, trials, share_max)) > -1e-9).all()
    assert (np.diff(log_e_share_above_overdispersed(k, trials, share_max, concentration)) > -1e-9).all()


def test_power_and_what_an_eccentric_account_can_weigh() -> None:
    assert log_e_share_above(500, 1000, 0.02) > 1000
    many = log_e_share_above_overdispersed([100, 10_000], [100, 10_000], 0.05, 2.0)
    # The Beta(0.1, 1.9) tail falls as a power of the sample: 4.6 nats more data give at most 1.9 * 4.6 nats more.
    assert 5 < many[0] < many[1] < many[0] + 1.9 * math.log(100) + 0.1


def test_infinite_concentration_is_the_binomial_claim() -> None:
    k, n = np.array([0, 3, 9]), np.array([10, 10, 10])
    assert np.array_equal(log_e_share_above_overdispersed(k, n, 0.1, math.inf), log_e_share_above(k, n, 0.1))


def test_no_trials_no_evidence_and_bad_counts_are_refused() -> None:
    assert log_e_share_above(0, 0, 0.1) == 0 and log_e_share_above_overdispersed(0, 0, 0.1, 2.0) == 0
    for k, n in ((2, 1), (-1, 1), (math.nan, 1)):
        with pytest.raises(ValueError, match="successes"):
            log_e_share_above(k, n, 0.1)
    with pytest.raises(ValueError, match="share_max"):
        log_e_share_above(0, 1, 1.0)
    with pytest.raises(ValueError, match="prior"):
        log_e_share_above(0, 1, 0.5, (0.0, 1.0))
    with pytest.raises(ValueError, match="concentration"):
        log_e_share_above_overdispersed(0, 1, 0.5, 0.0)
