"""Full throttle: exchangeable days, and accounts that begin at their highest rate."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.evidence.full_throttle import detector
from stillwatch.footprint.footprints import HOUR_US, HOURS, Footprints, blank

ORIGIN_US = 480_000 * HOUR_US


def accounts(days: np.ndarray) -> Footprints:
    """Put each day's exchanges into its noon."""
    footprints = blank(pa.array([f"a{i}" for i in range(len(days))]), ORIGIN_US)
    footprints.arrays["hours"][:, 12 : 24 * days.shape[1] : 24] = days
    footprints.arrays["exchanges"][:] = days.sum(axis=1)
    footprints.arrays["first_us"][:] = ORIGIN_US + (days > 0).argmax(axis=1) * 24 * HOUR_US + 12 * HOUR_US
    return footprints


def benign(generator: np.random.Generator, size: int) -> Footprints:
    level = generator.gamma(1.0, 30.0, (size, 1, 1))
    busy = generator.gamma(0.5, level[:, :, 0], (size, HOURS // 24))
    return accounts(generator.poisson(busy))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    falling = 400 * np.exp(-np.arange(20) / 10)
    return accounts(generator.poisson(falling, (size, 20)))


def test_mean_over_all_orders_of_the_days_is_one_without_ties_and_less_with() -> None:
    for days, exact in (([1, 5, 9, 30], True), ([1, 5, 5, 30], False), ([7, 7, 7, 7], False)):
        log_e = detector(accounts(np.array(list(itertools.permutations(days))))).log_e
        assert np.exp(log_e).mean() == pytest.approx(1) if exact else np.exp(log_e).mean() < 1


def test_accounts_that_began_before_the_window_have_no_data() -> None:
    footprints = accounts(np.array([[9, 5, 4, 3], [9, 5, 4, 3]]))
    footprints.arrays["first_us"][0] = ORIGIN_US - 1
    evidence = detector(footprints)
    assert np.isnan(evidence.log_e[0]) and evidence.log_e[1] == pytest.approx(np.log(4 / (25 / 12)))
    assert evidence.measured[1] == pytest.approx(9 / 5.25)


def test_idle_days_do_not_count_and_two_days_are_too_few() -> None:
    log_e = detector(accounts(np.array([[9, 0, 0, 5], [9, 0, 4, 5]]))).log_e
    assert log_e[0] == 0 and log_e[1] > 0
