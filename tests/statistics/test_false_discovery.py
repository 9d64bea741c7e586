"""False discoveries: step-up rules against brute force, their bound against the worst joint law there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from stillwatch.statistics.false_discovery import benjamini_hochberg, conformal_p, e_benjamini_hochberg


@given(st.lists(st.floats(-3, 9), max_size=12), st.floats(0.01, 0.5))
def test_e_rule_equals_its_definition(log_e: list[float], level: float) -> None:
    values = np.array(log_e)
    size = len(values)
    most = 0
    for k in range(1, size + 1):
        if (np.exp(values) >= size / (level * k) * (1 - 1e-12)).sum() >= k:
            most = k
    rejected = e_benjamini_hochberg(values, level)
    assert rejected.sum() == most
    assert most == 0 or values[rejected].min() >= max(np.append(values[~rejected], -np.inf))


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.01, 0.5))
def test_p_rule_equals_its_definition(p: list[float], level: float) -> None:
    values = np.array(p)
    most = max((k for k in range(1, len(p) + 1) if (values <= level * k / len(p)).sum() >= k), default=0)
    rejected = benjamini_hochberg(values, level)
    assert rejected.sum() == most
    assert most == 0 or values[rejected].max() <= min(np.append(values[~rejected], np.inf))


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("true_nulls", [1, 2, 3])
def test_e_rule_holds_its_level_under_the_worst_dependence(level: float, true_nulls: int) -> None:
    """Maximise the false-discovery rate over every joint law of three discrete e-values: a linear programme."""
    grid = [0.0, 1.0, 1 / level, 1.5 / level, 3 / level]
    points = np.array(list(itertools.product(grid, repeat=3)))
    with np.errstate(divide="ignore"):
        logs = np.log(points)
    share = []
    for row in logs:
        rejected = e_benjamini_hochberg(row, level)
        share.append(rejected[:true_nulls].sum() / max(rejected.sum(), 1))
    worst = linprog(
        -np.array(share),
        A_ub=points[:, :true_nulls].T,
        b_ub=np.ones(true_nulls),
        A_eq=np.ones((1, len(points))),
        b_eq=[1.0],
    )
    assert worst.success
    assert -worst.fun <= level * true_nulls / 3 + 1e-9
    assert -worst.fun > 0  # The programme found laws that do reject.


def test_untested_hypotheses_neither_count_nor_are_rejected() -> None:
    with_gap = np.array([np.nan, 4.0, np.nan, 0.0])
    assert e_benjamini_hochberg(with_gap, 0.1).tolist() == [False, True, False, False]
    assert benjamini_hochberg([np.nan, 0.04, 0.9], 0.1).tolist() == [False, True, False]
    assert e_benjamini_hochberg([np.nan], 0.1).tolist() == [False]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_conformal_p_is_valid_for_every_exchangeable_order(values: list[int]) -> None:
    """Under exchangeability each value is as likely the one tested: count over all of them."""
    p = np.array([conformal_p(v, values[:i] + values[i + 1 :]) for i, v in enumerate(values)])
    for level in np.unique(p):
        assert (p <= level).mean() <= level + 1e-12


def test_conformal_p_by_hand() -> None:
    assert conformal_p([3.0, 0.0, 9.0, np.nan], [1.0, 2.0, 3.0]).tolist()[:3] == [0.5, 1.0, 0.25]
    assert np.isnan(conformal_p(np.nan, [1.0]))
    with pytest.raises(ValueError, match="reference"):
        conformal_p(1.0, [np.nan])


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
def test_levels_outside_the_unit_interval_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        e_benjamini_hochberg([1.0], level)
    with pytest.raises(ValueError, match="level"):
        benjamini_hochberg([0.5], level)


def test_wrong_shapes_and_p_values_are_refused() -> None:
    with pytest.raises(ValueError, match="one value"):
        e_benjamini_hochberg([[1.0]], 0.1)
    with pytest.raises(ValueError, match="p-values"):
        benjamini_hochberg([1.5], 0.1)
