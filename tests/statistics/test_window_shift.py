"""Window shift: its moments against theory, its invariances, its level, and what it sees that plain MMD does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.statistics.window_shift import RIDGES, Reference, WindowTest


def reference(variance: np.ndarray) -> Reference:
    return Reference(np.zeros(len(variance)), np.eye(len(variance)), variance)


@pytest.mark.parametrize("seed", [0, 1])
def test_benign_windows_have_mean_zero_and_variance_one(seed):
    rng = np.random.default_rng(seed)
    variance = np.geomspace(1, 1e-3, 40)
    means = rng.standard_normal((40_000, 40)) * np.sqrt(variance / 50)
    shifts = reference(variance).shifts(means, 50)
    assert shifts.mean(axis=0) == pytest.approx(np.zeros(len(RIDGES)), abs=0.03)
    assert shifts.std(axis=0) == pytest.approx(np.ones(len(RIDGES)), abs=0.04)


@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.1, 10))
@settings(max_examples=30)
def test_turning_and_scaling_the_vectors_change_nothing(dimensions, seed, scale):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((60, dimensions)) * np.arange(1, dimensions + 1)
    windows = rng.standard_normal((5, dimensions))
    turn = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0] * scale
    plain = Reference.learned(vectors).shifts(windows, 30)
    turned = Reference.learned(vectors @ turn).shifts(windows @ turn, 30)
    assert turned == pytest.approx(plain, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_fresh_benign_windows_pass_the_threshold_as_rarely_as_stated(seed):
    rng = np.random.default_rng(seed)
    test = WindowTest.learned(rng.standard_normal((6000, 10)) ** 3, 60, rng, windows=1000)
    fresh = (rng.standard_normal((4000, 60, 10)) ** 3).mean(axis=1)
    passed = (test.scores(fresh) > test.threshold(0.02)).mean()
    assert 0.005 < passed < 0.04
    assert np.exp(test.log_e(fresh)).mean() < 1.3


@pytest.mark.parametrize("seed", [21])
def test_it_sees_a_shift_along_which_benign_vectors_hardly_vary(seed):
    rng = np.random.default_rng(seed)
    width = np.geomspace(1, 0.1, 30)
    test = WindowTest.learned(rng.standard_normal((8000, 30)) * width, 100, rng)
    means = (rng.standard_normal((200, 100, 30)) * width).mean(axis=1)
    shifted = means + np.eye(30)[-1] * 0.12  # About a single vector's deviation, a dozen times a window mean's.
    assert (test.scores(shifted) > test.threshold(0.01)).mean() > 0.9
    plain = lambda off: (off**2).sum(axis=1)  # noqa: E731  # What MMD with a linear kernel looks at.
    assert (plain(shifted) > np.quantile(plain(means), 0.99)).mean() < 0.3


def test_log_e_is_the_rank_among_benign_windows():
    null = np.array([0.0, 1.0, 2.0, 3.0])
    flat = reference(np.ones(1))
    test = WindowTest(flat, 2, np.zeros(len(RIDGES)), np.ones(len(RIDGES)), null)
    below, top = test.log_e(np.array([[0.0], [9.0]]))
    harmonic = sum(1 / k for k in range(1, 6))
    assert top == pytest.approx(np.log(5 / harmonic))
    assert below == pytest.approx(np.log(5 / (5 * harmonic)))


def test_misuse_is_refused():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 2))
    with pytest.raises(ValueError, match="fewer folds"):
        WindowTest.learned(vectors, 20, rng)
    with pytest.raises(ValueError, match="all the same"):
        Reference.learned(np.ones((9, 2)))
    with pytest.raises(ValueError, match="two vectors"):
        Reference.learned(vectors[:1])
    with pytest.raises(ValueError, match="cannot tell"):
        WindowTest.learned(vectors, 5, rng, windows=20).threshold(0.01)
