"""Probing: phrases that return by a Beta law, and a fixed set of tests among varied prompts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.benign import BENIGN
from stillwatch.evidence.probing import detector
from stillwatch.footprint.footprints import SHINGLES, Footprints, blank


def accounts(counts: np.ndarray, prompts: int = 400, days: int = 10) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(counts))]), 0)
    footprints.arrays["hours"][:, 9 : 24 * days : 24] = 1
    footprints.arrays["prompts"][:] = footprints.arrays["exchanges"][:] = prompts
    footprints.arrays["shingles"][:] = np.arange(SHINGLES, dtype=np.uint64)
    footprints.arrays["shingles_exchanges"][:] = counts
    return footprints


def returning(number: np.ndarray, times: int) -> np.ndarray:
    return np.where(np.arange(SHINGLES) < number[:, None], times, 1)


def benign(generator: np.random.Generator, size: int) -> Footprints:
    a = BENIGN.probe_share * BENIGN.probe_concentration
    b = (1 - BENIGN.probe_share) * BENIGN.probe_concentration
    return accounts(returning(generator.binomial(SHINGLES, generator.beta(a, b, size)), 5))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    return accounts(returning(generator.integers(50, 60, size), 20))


def test_templates_and_single_days_are_left_aside() -> None:
    few = np.array([60])
    assert detector(accounts(returning(few, 20))).log_e[0] > 2
    assert detector(accounts(returning(few, 300))).log_e[0] < 0
    assert detector(accounts(returning(few, 20), days=2)).log_e[0] == 0


def test_measured_is_the_share_among_what_is_no_template() -> None:
    counts = np.ones((1, SHINGLES), np.int64)
    counts[0, :10], counts[0, 10:24] = 399, 7
    assert detector(accounts(counts)).measured[0] == 14 / 54
