"""Co-timing: the formula against scipy, honest groups by simulation, and what one driver behind many gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp
from scipy.stats import nbinom

from stillwatch.statistics.co_timing import HONEST_SHAPE, JOINT_SHAPES, log_e_joint_hours

RHYTHM = np.exp(1.2 * np.cos((np.arange(24) - 14) / 12 * np.pi))
RHYTHM /= RHYTHM.mean()
CAP_NATS = 30.0


def chances(days: int, share: float) -> np.ndarray:
    """How likely a member is active in each hour: a waking day, and weekends at less than half."""
    weekly = np.where(np.arange(days) % 7 < 5, 1.0, 0.4)
    return np.clip(share * weekly[:, None] * RHYTHM, 0, 1)


@given(arrays(np.int64, (2, 3, 24), elements=st.integers(0, 9)))
def test_it_is_the_ratio_of_negative_binomials_with_fitted_means(active: np.ndarray) -> None:
    for group, log_e in zip(active, log_e_joint_hours(active), strict=True):
        by_day, by_hour = group.sum(axis=1, keepdims=True), group.sum(axis=0, keepdims=True)
        mean = by_day * by_hour / max(group.sum(), 1)
        used = mean > 0
        logs = {
            shape: nbinom.logpmf(group[used], shape, shape / (shape + mean[used])).sum()
            for shape in (HONEST_SHAPE, *JOINT_SHAPES)
        }
        want = logsumexp([logs[shape] - logs[HONEST_SHAPE] for shape in JOINT_SHAPES]) - np.log(len(JOINT_SHAPES))
        assert log_e == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("seed", [41])
@pytest.mark.parametrize("share", [0.002, 0.02, 0.2])
@pytest.mark.parametrize(("days", "members"), [(1, 20), (3, 8), (14, 20), (28, 60)])
def test_honest_groups_are_worth_at_most_one_on_average(days: int, members: int, share: float, seed: int) -> None:
    """Members that act independently, and again with a shared swing of every hour, of Gamma shape 4."""
    generator = np.random.default_rng(seed)
    chance = np.broadcast_to(chances(days, share), (600, days, 24))
    independent = generator.binomial(members, chance)
    swinging = generator.poisson(members * chance * generator.gamma(4, 1 / 4, chance.shape))
    for active in (independent, swinging):
        assert np.exp(np.minimum(log_e_joint_hours(active), CAP_NATS)).mean() <= 1


@pytest.mark.parametrize("seed", [42])
def test_offices_with_rhythms_of_their_own_are_worth_at_most_one_on_average(seed: int) -> None:
    """Members asleep in different time zones, and weekends that begin later in the day, are no common driver."""
    generator = np.random.default_rng(seed)
    week, weekend = chances(14, 0.1), np.roll(chances(14, 0.1), 3, axis=1)
    chance = np.where((np.arange(14) % 7 < 5)[:, None], week, weekend)
    zones = sum(generator.binomial(6, np.broadcast_to(np.roll(chance, 6 * k, axis=1), (500, 14, 24))) for k in range(4))
    assert np.exp(np.minimum(log_e_joint_hours(np.asarray(zones)), CAP_NATS)).mean() <= 1


@pytest.mark.parametrize("seed", [43])
@pytest.mark.parametrize(("days", "members", "on"), [(14, 40, 0.15), (28, 20, 0.2), (7, 100, 0.3)])
def test_members_that_wake_together_are_told(days: int, members: int, on: float, seed: int) -> None:
    """One driver switches all of them on in a few hours that the hour of the day does not explain."""
    generator = np.random.default_rng(seed)
    driven = generator.random((100, days, 24)) < on
    active = generator.binomial(members, np.where(driven, 0.6, 0.01))
    assert log_e_joint_hours(active).min() > 8


def test_what_the_hour_and_the_day_explain_is_no_evidence() -> None:
    """Counts that are a product of both to the last one speak against a driver, however tall the peaks."""
    active = np.rint(40 * chances(14, 0.2)).astype(np.int64)[None]
    assert log_e_joint_hours(active)[0] < -2
    nightly = np.zeros((1, 14, 24), np.int64)
    nightly[:, :, 3] = 50
    assert log_e_joint_hours(nightly)[0] < 0


def test_the_order_of_days_and_of_hours_does_not_matter() -> None:
    generator = np.random.default_rng(44)
    active = generator.poisson(2, (3, 9, 24))
    shuffled = active[:, generator.permutation(9)][:, :, generator.permutation(24)]
    assert log_e_joint_hours(shuffled) == pytest.approx(log_e_joint_hours(active))


def test_silence_is_no_evidence() -> None:
    assert log_e_joint_hours(np.zeros((2, 5, 24), np.int64)).tolist() == pytest.approx([0, 0])
    assert log_e_joint_hours(np.zeros((2, 0, 24), np.int64)).tolist() == pytest.approx([0, 0])
    assert log_e_joint_hours(np.zeros((0, 5, 24), np.int64)).shape == (0,)
