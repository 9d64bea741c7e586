"""Concentration: unbiasedness and validity by enumerating every vector of counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import dirichlet_multinomial, multinomial

from stillwatch.statistics.concentration import (
    collision_share,
    effective_values,
    log_e_more_concentrated,
    value_collision_share,
)


def count_vectors(total: int, buckets: int) -> np.ndarray:
    return np.array([v for v in itertools.product(range(total + 1), repeat=buckets) if sum(v) == total])


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(2, 8))
def test_collision_share_is_unbiased(weights: list[float], total: int) -> None:
    chance = np.array(weights) / sum(weights)
    vectors = count_vectors(total, 3)
    mean = (multinomial.pmf(vectors, total, chance) * collision_share(vectors)).sum()
    assert mean == pytest.approx((chance**2).sum(), rel=1e-9)


@given(st.integers(1, 4), st.integers(2, 3))
def test_bucket_collisions_are_taken_out_on_average(values: int, buckets: int) -> None:
    """Average over every hash of equally common values into buckets."""
    shares = []
    for buckets_of in itertools.product(range(buckets), repeat=values):
        chance = np.bincount(buckets_of, minlength=buckets) / values
        vectors = count_vectors(3, buckets)
        shares.append((multinomial.pmf(vectors, 3, chance) * value_collision_share(vectors)).sum())
    assert np.mean(shares) == pytest.approx(1 / values, abs=1e-9)


def test_effective_values_by_hand() -> None:
    assert effective_values([5, 0, 0, 0]) == 1
    assert effective_values([1, 1, 1, 1]) == np.inf
    assert np.isnan(effective_values([1, 0, 0, 0])) and np.isnan(collision_share([0, 0]))
    with pytest.raises(ValueError, match="bucket"):
        value_collision_share([[3]])


@given(st.integers(2, 7), st.floats(0.4, 0.95), st.floats(1, 30))
def test_e_value_has_mean_one_and_less_where_values_vary_more(total: int, collision: float, factor: float) -> None:
    buckets = 3
    alpha = (1 - collision) / (buckets * collision - 1)
    vectors = count_vectors(total, buckets)
    e = np.exp(log_e_more_concentrated(vectors, collision))
    at_border = dirichlet_multinomial.pmf(vectors, [alpha] * buckets, total)
    assert (e * at_border).sum() == pytest.approx(1, abs=1e-8)
    assert (e * dirichlet_multinomial.pmf(vectors, [alpha * factor] * buckets, total)).sum() <= 1 + 1e-8


def test_one_template_weighs_more_than_many_and_one_exchange_nothing() -> None:
    one = np.zeros((1, 64))
    one[0, 7] = 200
    many = np.full((1, 64), 3)
    assert log_e_more_concentrated(one, 0.1)[0] > 10
    assert log_e_more_concentrated(many, 0.1)[0] < -10
    assert log_e_more_concentrated(np.eye(1, 64), 0.1)[0] == 0
    with pytest.raises(ValueError, match="collision_max"):
        log_e_more_concentrated(one, 1 / 64)


def test_limits_may_differ_by_account() -> None:
    counts = np.array([[9, 1, 0, 0], [9, 1, 0, 0]])
    together = log_e_more_concentrated(counts, np.array([0.3, 0.8]))
    assert together[0] > together[1]
    assert together[1] == pytest.approx(log_e_more_concentrated(counts[1:], 0.8)[0], abs=1e-12)
    assert math.isfinite(together[0])
