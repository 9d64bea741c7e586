"""Dispersion: the guarantee by enumeration over Poisson counts, the power on simulated queues."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from stillwatch.statistics.dispersion import (
    log_e_steadier_than_own_pace,
    log_e_steadier_than_poisson,
    log_e_synchronised,
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.05, 3), st.floats(0.1, 4)), min_size=1, max_size=2), st.floats(0.05, 0.95))
def test_mean_is_at_most_one_under_poisson_of_any_rate(bins: list[tuple[float, float]], thinning: float) -> None:
    expected, factor = np.array(bins).T
    counts = np.array(list(itertools.product(range(45), repeat=len(bins))))
    e = np.exp(log_e_steadier_than_poisson(counts, expected, (thinning,)))
    true = expected * factor
    assert (e * poisson.pmf(counts, true).prod(axis=1)).sum() <= 1 + 1e-9
    assert (e * poisson.pmf(counts, expected).prod(axis=1)).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("rates", [(1.0, 1.0, 1.0), (2.0, 0.1, 1.5), (0.2, 3.0, 3.0)])
def test_learnt_pace_keeps_the_guarantee(rates: tuple[float, ...]) -> None:
    """Enumerate all counts of three bins under three rates; betting starts after two exchanges."""
    counts = np.array(list(itertools.product(range(18), repeat=3)))
    e = np.exp(log_e_steadier_than_own_pace(counts, warm_up=2, memories=(2.0, 10.0)))
    chance = poisson.pmf(counts, rates).prod(axis=1)
    assert (e * chance).sum() <= 1 + 1e-9
    assert len(np.unique(e)) > 10  # Bets were laid.


@pytest.mark.parametrize("leaves", [1, 2, 3])
def test_rest_after_silence_keeps_the_guarantee(leaves: int) -> None:
    """The account falls silent for good after some bins: betting must not profit from knowing that."""
    rates = np.array([2.0] * leaves + [1e-9] * (4 - leaves))
    counts = np.array(list(itertools.product(range(12), repeat=4)))
    e = np.exp(log_e_steadier_than_own_pace(counts, warm_up=1))
    assert (e * poisson.pmf(counts, rates).prod(axis=1)).sum() <= 1 + 1e-9


def queue(generator: np.random.Generator, rate: float, hours: int, seen: float) -> np.ndarray:
    """Deal a queue out evenly, one job a slot, and show each job with chance ``seen``."""
    jobs = round(rate * hours / seen)
    at = (np.arange(jobs) + generator.random(jobs)) / jobs * hours
    return np.histogram(at[generator.random(jobs) < seen], bins=hours, range=(0, hours))[0]


@pytest.mark.parametrize(("seen", "least"), [(1.0, 100.0), (0.9, 60.0), (0.6, 10.0), (0.3, 1.0)])
@pytest.mark.parametrize("seed", [11])
def test_evidence_grows_on_a_thinned_queue(seen: float, least: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts = np.stack([queue(generator, 5.0, 240, seen) for _ in range(30)])
    given_pace = log_e_steadier_than_poisson(counts, 5.0).mean()
    own_pace = log_e_steadier_than_own_pace(counts).mean()
    assert given_pace > least and own_pace > least
    assert log_e_steadier_than_own_pace(counts[:, :120]).mean() < own_pace


@pytest.mark.parametrize("seed", [12])
def test_bursty_accounts_speak_for_the_claim(seed: int) -> None:
    generator = np.random.default_rng(seed)
    bursts = generator.poisson(generator.gamma(0.3, 5 / 0.3, (50, 240)))
    assert np.median(log_e_steadier_than_own_pace(bursts)) < -5
    assert np.median(log_e_steadier_than_poisson(bursts, 5.0)) < -5


def test_nights_cost_little_and_quiet_accounts_nothing() -> None:
    day = np.array([6] * 14 + [0] * 10)
    paused = log_e_steadier_than_own_pace(np.tile(day, 20)[None])[0]
    assert paused > 50
    assert log_e_steadier_than_own_pace(np.array([[5, 5, 5, 5, 0, 0]]))[0] == 0
    # A shut account costs the same whether ten or a thousand empty hours follow.
    steady = np.full((1, 100), 6)
    short = log_e_steadier_than_own_pace(np.pad(steady, ((0, 0), (0, 10))))
    long = log_e_steadier_than_own_pace(np.pad(steady, ((0, 0), (0, 1000))))
    assert short[0] == long[0]


def test_types_of_counts_agree_and_large_counts_are_finite() -> None:
    counts = np.array([[30, 31, 29, 30, 65_535, 60_000, 3]])
    wide = log_e_steadier_than_own_pace(counts)
    assert np.isfinite(wide).all()
    assert wide[0] == log_e_steadier_than_own_pace(counts.astype(np.uint16))[0]


@pytest.mark.parametrize(("counts", "expected"), [([-1], 1.0), ([0.5], 1.0), ([1], 0.0), ([1], math.nan)])
def test_counts_and_means_outside_their_range_are_refused(counts: list[float], expected: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        log_e_steadier_than_poisson(counts, expected)


def test_parameters_outside_their_range_are_refused() -> None:
    counts = np.ones((1, 4), np.int64)
    with pytest.raises(ValueError, match="thinnings"):
        log_e_steadier_than_poisson(counts, 1.0, (1.0,))
    with pytest.raises(ValueError, match="memories"):
        log_e_steadier_than_own_pace(counts, memories=())
    with pytest.raises(ValueError, match="shape"):
        log_e_steadier_than_own_pace(counts[0])


@pytest.mark.parametrize("seed", [13])
def test_synchronised_members_are_told_from_strangers_with_the_same_rhythm(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rhythm = np.tile(1 + np.sin(np.arange(24) / 24 * 2 * np.pi), 14)
    strangers = generator.poisson(2 * rhythm, (12, 336))
    together = generator.poisson(2 * rhythm * generator.gamma(2.0, 0.5, 336), (12, 336))
    assert log_e_synchronised(strangers, generator) < 1
    assert log_e_synchronised(together, generator) > 2.5
    # What moves everybody is no evidence once it is given as background.
    outage = np.repeat([1.0, 1.0, 0.2, 1.0, 1.0, 1.0, 0.1] * 2, 24)
    everybody = generator.poisson(2 * rhythm * outage, (200, 336))
    assert log_e_synchronised(everybody[:12], generator) > 2.5
    assert log_e_synchronised(everybody[:12], generator, background=everybody.sum(axis=0)) < 1


@pytest.mark.parametrize("seed", [14])
def test_synchronised_is_valid_over_every_alignment(seed: int) -> None:
    """Two members, three days: with each alignment as likely as any, the mean of e over all nine is at most 1."""
    generator = np.random.default_rng(seed)
    days = generator.poisson(3.0, (2, 3, 2)).astype(float)
    means = []
    for left, right in itertools.product(range(3), repeat=2):
        rolled = np.stack([np.roll(days[0], left, axis=0), np.roll(days[1], right, axis=0)]).reshape(2, 6)
        means.append(
            np.mean([math.exp(log_e_synchronised(rolled, generator, shift_bins=2, shifts=19)) for _ in range(200)])
        )
    assert np.mean(means) <= 1.0


def test_synchronised_refuses_what_it_cannot_shift() -> None:
    generator = np.random.default_rng(0)
    for counts in (np.ones((1, 48)), np.ones((2, 30)), np.ones((2, 24))):
        with pytest.raises(ValueError, match="shifts"):
            log_e_synchronised(counts, generator)
    with pytest.raises(ValueError, match="background"):
        log_e_synchronised(np.ones((2, 48)), generator, background=np.ones(3))
    with pytest.raises(ValueError, match="shift"):
        log_e_synchronised(np.ones((2, 48)), generator, shifts=0)
