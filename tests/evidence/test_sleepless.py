"""Sleepless: sleepers in random time zones, and accounts that are awake all day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.sleepless import detector
from stillwatch.footprint.footprints import HOUR_US, HOURS, Footprints, blank

ORIGIN_US = 480_000 * HOUR_US


def accounts(hours: np.ndarray) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(hours))]), ORIGIN_US)
    footprints.arrays["hours"][:] = hours
    footprints.arrays["exchanges"][:] = hours.sum(axis=1)
    footprints.arrays["first_us"][:] = ORIGIN_US + (hours > 0).argmax(axis=1) * HOUR_US
    return footprints


def benign(generator: np.random.Generator, size: int) -> Footprints:
    """Each active hour falls into the account's six-hour night with the largest chance that the claim allows."""
    zone = generator.integers(24, size=(size, 1))
    night = (np.arange(HOURS)[None] + zone) % 24 < 6
    active = generator.random((size, 1)) * 0.3
    # Of the expected active hours, 4 % lie in the night's 6 hours and 96 % in the other 18.
    chance = np.where(night, 0.04 / 6, 0.96 / 18) * 18 / 0.96 * active
    return accounts((generator.random((size, HOURS)) < chance).astype(np.uint16))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    return accounts(generator.poisson(0.5, (size, HOURS)).astype(np.uint16))


def test_time_zone_and_busy_hours_do_not_matter() -> None:
    hours = np.zeros((3, HOURS), np.uint16)
    hours[0, :] = 1
    hours[1, :] = 1000
    hours[2] = np.roll(hours[0], 5)
    log_e = detector(accounts(hours)).log_e
    assert log_e[0] == log_e[1] == log_e[2] > 100


def test_a_person_who_sleeps_speaks_for_the_claim() -> None:
    hours = np.tile(np.r_[np.zeros(8), np.ones(16)], HOURS // 24)[None].astype(np.uint16)
    evidence = detector(accounts(hours))
    assert evidence.log_e[0] < 0 and evidence.measured[0] == 0
    assert evidence.reason(0).startswith("share of active hours in the quietest 6 of the day: 0 ")
