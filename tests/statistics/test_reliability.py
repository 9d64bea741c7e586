"""Intervals against the sums of binomial chances that define them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from stillwatch.statistics.reliability import Reliability, clopper_pearson, reliability


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_ends_are_where_the_tails_are_half_of_the_rest(k: int, more: int, confidence: float) -> None:
    n, tail = k + more, (1 - confidence) / 2
    low, high = clopper_pearson(k, n, confidence)
    assert 0 <= low <= (k / n if n else 0.5) <= high <= 1
    if k:
        assert binom.sf(k - 1, n, low) == pytest.approx(tail, rel=1e-6)
    else:
        assert low == 0
    if k < n:
        assert binom.cdf(k, n, high) == pytest.approx(tail, rel=1e-6)
    else:
        assert high == 1


@pytest.mark.parametrize("n", [1, 7, 40])
@pytest.mark.parametrize("chance", [0.0, 0.01, 0.1, 0.37, 0.5, 0.999, 1.0])
def test_the_interval_covers_every_chance_by_enumeration(n: int, chance: float) -> None:
    covered = 0.0
    for k in range(n + 1):
        low, high = clopper_pearson(k, n)
        if low <= chance <= high:
            covered += float(binom.pmf(k, n, chance))
    assert covered >= 0.95 - 1e-12


def test_e_values_are_counted_from_the_reciprocal_of_the_level_on() -> None:
    log_e = np.array([math.log(10), math.log(9.99), 50.0, -3.0, math.nan, math.inf])
    tenth, thousandth = reliability(log_e, (0.1, 0.001))
    assert (tenth.passed, tenth.trials) == (3, 5)
    assert (thousandth.passed, thousandth.trials) == (2, 5)
    assert tenth.share == 0.6 and (tenth.low, tenth.high) == clopper_pearson(3, 5)
    assert tenth.exceeds and not Reliability(0.1, 1, 5, *clopper_pearson(1, 5)).exceeds


def test_nothing_tells_nothing() -> None:
    (empty,) = reliability(np.array([math.nan]), (0.05,))
    assert math.isnan(empty.share) and (empty.low, empty.high) == (0.0, 1.0) and not empty.exceeds


@pytest.mark.parametrize("arguments", [(3, 2, 0.9), (-1, 2, 0.9), (1, 2, 1.0), (1, 2, 0.0)])
def test_misuse_is_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        clopper_pearson(*arguments)
    with pytest.raises(ValueError, match="level must lie"):
        reliability([0.0], (1.0,))
