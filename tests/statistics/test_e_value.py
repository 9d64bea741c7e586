"""E-values: means checked by integration and enumeration, combinations against plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from stillwatch.statistics.e_value import (
    combine_mean,
    combine_product,
    log_calibrated,
    log_calibrated_mixture,
    log_e_from_rank,
    log_widened,
    p_value,
)

NATS = st.floats(-50, 50)


@given(st.lists(NATS, min_size=1, max_size=6))
def test_combinations_are_plain_arithmetic_on_the_e_values(log_e: list[float]) -> None:
    e = np.exp(log_e)
    assert combine_product(log_e) == pytest.approx(sum(log_e), abs=1e-9)
    assert math.exp(combine_mean(log_e)) == pytest.approx(e.mean(), rel=1e-9)


@given(st.lists(st.tuples(NATS, st.floats(0.01, 5)), min_size=2, max_size=6))
def test_weighted_mean_and_what_missing_values_do(pairs: list[tuple[float, float]]) -> None:
    log_e, weights = np.array(pairs).T
    assert math.exp(combine_mean(log_e, weights)) == pytest.approx(np.average(np.exp(log_e), weights=weights))
    with_gap = np.append(log_e, np.nan)
    assert combine_mean(with_gap, np.append(weights, 3.0)) == pytest.approx(float(combine_mean(log_e, weights)))
    assert combine_product(with_gap) == pytest.approx(log_e.sum())


def test_nothing_known_stays_unknown_and_an_e_value_of_zero_is_allowed() -> None:
    gaps = np.full((2, 3), np.nan)
    assert np.isnan(combine_mean(gaps)).all() and np.isnan(combine_product(gaps)).all()
    assert combine_mean([-np.inf, 0.0]) == pytest.approx(-math.log(2))
    assert combine_mean([-np.inf, -np.inf]) == -np.inf
    assert combine_product(np.array([[1.0, 2.0], [3.0, np.nan]]), axis=1).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("weights", [[1.0], [-1.0, 2.0], [0.0, 0.0], [math.nan, 1.0]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        combine_mean([0.0, 1.0], weights)


@pytest.mark.parametrize("kappa", [0.1, 0.5, 0.9])
def test_calibrators_integrate_to_one_over_uniform_p(kappa: float) -> None:
    # In t = -log p the density is exp(-t), and the singularity at 0 is gone.
    area = quad(lambda t: math.exp(float(log_calibrated(math.exp(-t), kappa)) - t), 0, 300)[0]
    assert area == pytest.approx(1, abs=1e-6)


def test_mixture_is_the_mean_over_kappa_and_integrates_to_one() -> None:
    for p in (1e-300, 1e-9, 0.003, 0.3, 0.99, 0.9999, 1.0):
        mean = quad(lambda kappa, p=p: kappa * p ** (kappa - 1), 0, 1, epsabs=0, limit=500)[0]
        assert math.exp(float(log_calibrated_mixture(p))) == pytest.approx(mean, rel=1e-6)
    assert log_calibrated_mixture(1.0) == pytest.approx(-math.log(2))
    # The tail beyond t integrates to (1 - (1 + t) exp(-t)) / t-like terms: 1/t remains, added by hand.
    area = quad(lambda t: math.exp(float(log_calibrated_mixture(math.exp(-t))) - t), 0, 500, limit=500)[0]
    assert area + 1 / 500 == pytest.approx(1, abs=1e-6)


@given(st.floats(1e-300, 1), st.floats(1e-300, 1))
def test_calibrators_fall_with_p(left: float, right: float) -> None:
    low, high = sorted((left, right))
    assert log_calibrated_mixture(low) >= log_calibrated_mixture(high) - 1e-12
    assert log_calibrated(low, 0.5) >= log_calibrated(high, 0.5)


def test_edges_of_p() -> None:
    assert log_calibrated_mixture(0.0) == np.inf and log_calibrated(0.0, 0.5) == np.inf
    assert np.isnan(log_calibrated_mixture(np.nan))
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match="p-values"):
            log_calibrated_mixture(bad)
    with pytest.raises(ValueError, match="kappa"):
        log_calibrated(0.5, 1.0)


@given(NATS)
def test_p_value_is_the_inverse_capped_at_one(log_e: float) -> None:
    assert p_value(log_e) == pytest.approx(min(1.0, math.exp(-log_e)))


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(0.01, 1)), min_size=1, max_size=8),
    st.floats(1e-4, 0.2),
    st.floats(0, 60),
)
def test_widened_claim_allows_any_eccentrics(
    atoms: list[tuple[float, float]], share: float, eccentric_log_e: float
) -> None:
    e, chance = np.array(atoms).T
    chance = chance / chance.sum()
    e = e / max((e * chance).sum(), 1.0)  # An e-value under the narrow claim.
    with np.errstate(divide="ignore"):
        narrow = (chance * np.exp(log_widened(np.log(e), share))).sum()
    wide = np.exp(log_widened(eccentric_log_e, share))
    assert (1 - share) * narrow + share * wide <= 1 + 1e-9


def test_widened_claim_refuses_a_crowd_of_eccentrics() -> None:
    with pytest.raises(ValueError, match="eccentric"):
        log_widened(0.0, 0.3)


@given(st.integers(1, 60))
def test_ranks_have_mean_one_over_all_places(size: int) -> None:
    log_e = log_e_from_rank(np.arange(1, size + 1), size)
    assert np.exp(log_e).mean() == pytest.approx(1)
    assert (np.diff(log_e) < 0).all()


def test_ranks_outside_are_refused() -> None:
    for rank in (0, 4):
        with pytest.raises(ValueError, match="ranks"):
            log_e_from_rank(rank, 3)
