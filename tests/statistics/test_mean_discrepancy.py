"""Maximum mean discrepancy: against a double loop, its mean by enumeration, and features against kernels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stillwatch.statistics.mean_discrepancy import MULTIPLES, FourierFeatures, median_distance, mmd2

POINTS = st.floats(-3, 3, width=32)


def kernel(a, b, bandwidths) -> float:
    square = sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))
    return sum(math.exp(-square / (2 * width**2)) for width in bandwidths) / len(bandwidths)


def by_definition(first, second, bandwidths) -> float:
    m, n = len(first), len(second)
    xx = sum(kernel(first[i], first[j], bandwidths) for i in range(m) for j in range(m) if i != j)
    yy = sum(kernel(second[i], second[j], bandwidths) for i in range(n) for j in range(n) if i != j)
    xy = sum(kernel(a, b, bandwidths) for a in first for b in second)
    return xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)


@given(
    arrays(np.float64, st.tuples(st.integers(2, 6), st.just(2)), elements=POINTS),
    arrays(np.float64, st.tuples(st.integers(2, 6), st.just(2)), elements=POINTS),
    st.lists(st.floats(0.2, 5), min_size=1, max_size=4),
)
def test_is_the_definition(first, second, bandwidths):
    assert mmd2(first, second, bandwidths) == pytest.approx(by_definition(first, second, bandwidths), abs=1e-9)


@given(
    arrays(np.float64, (3, 1), elements=POINTS),
    st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
)
def test_its_mean_over_every_pair_of_samples_is_the_discrepancy_of_the_laws(points, p, q):
    p, q = np.array(p) / sum(p), np.array(q) / sum(q)
    k = np.array([[kernel(a, b, (1.0, 2.0)) for b in points] for a in points])
    mean = 0.0
    for chosen in itertools.product(range(3), repeat=4):
        i, j = list(chosen[:2]), list(chosen[2:])
        mean += p[i].prod() * q[j].prod() * mmd2(points[i], points[j], (1.0, 2.0))
    assert mean == pytest.approx((p - q) @ k @ (p - q), abs=1e-9)


@given(arrays(np.float64, st.tuples(st.integers(2, 9), st.just(3)), elements=POINTS), st.integers(2, 7))
def test_features_give_the_discrepancy_of_their_own_kernel(vectors, m):
    features = FourierFeatures.drawn(3, (0.7, 2.0), 8, np.random.default_rng(3))
    m = min(m, len(vectors))
    second = vectors[::-1] * 0.5 + 0.1
    k = lambda a, b: float(np.cos((a - b) @ features.frequencies.astype(np.float64)).mean())  # noqa: E731
    xx = sum(k(a, b) for a, b in itertools.permutations(vectors[:m], 2)) / (m * (m - 1))
    n = len(second)
    yy = sum(k(a, b) for a, b in itertools.permutations(second, 2)) / (n * (n - 1))
    xy = sum(k(a, b) for a in vectors[:m] for b in second) / (m * n)
    sums = [features.of(each).astype(np.float64).sum(axis=0) for each in (vectors[:m], second)]
    assert float(FourierFeatures.mmd2(sums[0], m, sums[1], n)) == pytest.approx(xx + yy - 2 * xy, abs=2e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_features_come_near_the_quadratic_definition(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((200, 5)), rng.standard_normal((150, 5)) + 0.4
    bandwidths = [median_distance(first) * part for part in MULTIPLES]
    features = FourierFeatures.drawn(5, bandwidths, 8192, rng)
    sums = [features.of(each).astype(np.float64).sum(axis=0) for each in (first, second)]
    exact = mmd2(first, second, bandwidths)
    assert exact > 0.01
    assert float(FourierFeatures.mmd2(sums[0], 200, sums[1], 150)) == pytest.approx(exact, rel=0.1)


def test_windows_are_compared_all_at_once():
    rng = np.random.default_rng(4)
    features = FourierFeatures.drawn(2, (1.0,), 16, rng)
    windows = [rng.standard_normal((n, 2)) for n in (4, 7, 5)]
    reference = features.of(rng.standard_normal((9, 2))).astype(np.float64).sum(axis=0)
    sums = np.stack([features.of(window).astype(np.float64).sum(axis=0) for window in windows])
    at_once = FourierFeatures.mmd2(sums, np.array([4, 7, 5]), reference, 9)
    single = [float(FourierFeatures.mmd2(sums[k], len(windows[k]), reference, 9)) for k in range(3)]
    assert at_once == pytest.approx(single)


def test_the_median_distance_leaves_copies_out():
    vectors = np.array([[0.0], [0.0], [0.0], [1.0], [3.0]])
    assert median_distance(vectors) == pytest.approx(np.median([1, 1, 1, 3, 3, 3, 2]))


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="two vectors"):
        mmd2(np.zeros((1, 2)), np.zeros((2, 2)), (1.0,))
    with pytest.raises(ValueError, match="positive"):
        mmd2(np.zeros((2, 2)), np.zeros((2, 2)), (0.0,))
    with pytest.raises(ValueError, match="no two vectors differ"):
        median_distance(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="dealt out"):
        FourierFeatures.drawn(2, MULTIPLES, 6, np.random.default_rng(0))
