"""Steady load: Poisson and bursty owners, and queues dealt out evenly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.steady_load import detector
from stillwatch.footprint.footprints import HOUR_US, HOURS, Footprints, blank

ORIGIN_US = 480_000 * HOUR_US


def accounts(hours: np.ndarray) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(hours))]), ORIGIN_US)
    footprints.arrays["hours"][:] = hours
    footprints.arrays["exchanges"][:] = hours.sum(axis=1)
    return footprints


def benign(generator: np.random.Generator, size: int) -> Footprints:
    """Owners whose rates follow the hour, some with sessions, a few requests in all so that e-values stay moderate."""
    rhythm = np.where(np.arange(HOURS) % 24 < 9, 0.1, 1.5) * (np.arange(HOURS) < 60)
    rate = rhythm * generator.gamma(2.0, 0.5, (size, 1))
    return accounts(generator.poisson(rate).astype(np.uint16))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    """Slots of a queue, four fifths of them seen."""
    hours = np.zeros((size, HOURS), np.uint16)
    hours[:, 100:400] = generator.binomial(5, 0.8, (size, 300))
    return accounts(hours)


def test_one_answer_a_day_at_any_hour_is_steady_by_day() -> None:
    generator = np.random.default_rng(3)
    hours = np.zeros((1, HOURS), np.uint16)
    for day in range(HOURS // 24):
        hours[0, day * 24 + generator.choice(24, 12, replace=False)] = 1
    assert detector(accounts(hours)).log_e[0] > 10


def test_saturated_hours_are_no_data() -> None:
    hours = np.full((1, HOURS), 65_535, np.uint16)
    assert np.isnan(detector(accounts(hours)).log_e).all()


def test_measured_is_the_index_of_dispersion_over_busy_hours() -> None:
    hours = np.zeros((1, HOURS), np.uint16)
    hours[0, [5, 6, 9, 700]] = [2, 4, 4, 2]
    assert detector(accounts(hours)).measured[0] == 1 / 3
