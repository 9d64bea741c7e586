"""Rhythm: the composite claim by enumerating every small day, and what wakes a bot or a sleeper gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import multinomial

from stillwatch.statistics.rhythm import active_hours_of_day, log_e_no_rhythm, windows


@given(arrays(np.int64, 24, elements=st.integers(0, 9)), st.integers(1, 23))
def test_windows_are_circular_sums(day: np.ndarray, window_h: int) -> None:
    expected = [sum(day[(start + hour) % 24] for hour in range(window_h)) for start in range(24)]
    assert windows(day, window_h).tolist() == expected


@pytest.mark.parametrize("start", [0, 7, 21])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.04])
def test_mean_is_at_most_one_for_a_sleeper_in_any_zone(start: int, share: float) -> None:
    """Four active hours over five places of the day, one inside the night: all count vectors are enumerated."""
    places = (np.array([2, 7, 12, 16, 20]) + start) % 24
    chance = np.array([share, *([(1 - share) / 4] * 4)])
    vectors = np.array([v for v in itertools.product(range(7), repeat=5) if sum(v) == 6])
    days = np.zeros((len(vectors), 24), np.int64)
    days[:, places] = vectors
    mean = (multinomial.pmf(vectors, 6, chance) * np.exp(log_e_no_rhythm(days, 0.04))).sum()
    assert mean <= 1 + 1e-9


@given(arrays(np.int64, 24, elements=st.integers(0, 40)), st.integers(0, 23))
def test_the_time_zone_does_not_matter(day: np.ndarray, shift: int) -> None:
    assert log_e_no_rhythm(np.roll(day, shift), 0.04) == log_e_no_rhythm(day, 0.04)


def test_a_flat_day_grows_evidence_and_a_slept_night_none() -> None:
    assert log_e_no_rhythm(np.full(24, 10), 0.04) > 30
    assert log_e_no_rhythm(np.r_[np.zeros(7, int), np.full(17, 10)], 0.04) < -2
    assert log_e_no_rhythm(np.zeros(24, int), 0.04) == 0


@given(arrays(np.uint16, (3, 72), elements=st.integers(0, 3)))
def test_active_hours_count_days_not_exchanges(hours: np.ndarray) -> None:
    assert np.array_equal(active_hours_of_day(hours), (hours.reshape(3, 3, 24) > 0).sum(axis=1))


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        windows(np.zeros(23, int), 6)
    with pytest.raises(ValueError, match="window"):
        windows(np.zeros(24, int), 24)
    with pytest.raises(ValueError, match="negative"):
        log_e_no_rhythm(np.full(24, -1), 0.04)
    with pytest.raises(ValueError, match="whole days"):
        active_hours_of_day(np.zeros((1, 25), np.uint16))
