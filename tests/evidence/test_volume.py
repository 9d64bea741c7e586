"""Volume: kinds that differ a hundredfold, and accounts beyond their own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.evidence.volume import detector
from stillwatch.footprint.footprints import Footprints, blank


def accounts(daily: np.ndarray, plan: list[str | None] | None) -> Footprints:
    """Give each account ten days of ``daily`` exchanges."""
    footprints = blank(pa.array([f"a{i}" for i in range(len(daily))]), 0)
    footprints.arrays["hours"][:, 10:240:24] = np.clip(daily, 1, 65_535)[:, None]
    footprints.arrays["exchanges"][:] = footprints.integers("hours").sum(axis=1)
    if plan is not None:
        footprints.profile = pa.table({"plan": pa.array(plan, pa.string())})
    return footprints


def log_volumes(generator: np.random.Generator, size: int, centre: float) -> np.ndarray:
    return np.rint(np.exp(centre + 0.6 * generator.standard_t(4, size)))


def benign(generator: np.random.Generator, size: int) -> Footprints:
    half = size // 2
    daily = np.concatenate([log_volumes(generator, half, 2.0), log_volumes(generator, size - half, 6.0)])
    return accounts(daily, ["free"] * half + ["api"] * (size - half))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    crowd = log_volumes(generator, 9 * size, 2.0)
    return accounts(np.concatenate([np.full(size, 5000.0), crowd]), ["free"] * (10 * size))


def test_the_same_volume_is_judged_by_kind() -> None:
    generator = np.random.default_rng(8)
    footprints = benign(generator, 200)
    footprints.arrays["hours"][[0, 150], 10:240:24] = 3000
    evidence = detector(footprints)
    assert evidence.log_e[0] > 1.5 > evidence.log_e[150]
    assert evidence.measured[0] > 100


@pytest.mark.parametrize("plan", [None, [None] * 100, ["free"] * 20 + [None] * 80])
def test_without_a_large_enough_kind_there_is_no_data(plan: list[str | None] | None) -> None:
    daily = np.full(100, 9.0)
    daily[0] = 60_000
    assert np.isnan(detector(accounts(daily, plan)).log_e).all()


def test_small_kinds_fall_back_to_their_parent() -> None:
    daily = np.full(100, 9.0)
    daily[0] = 60_000
    footprints = accounts(daily, ["free"] * 100)
    footprints.arrays["systems"][:10, 0] = 5
    evidence = detector(footprints)
    assert np.isfinite(evidence.log_e).all() and evidence.log_e[0] > 3


def test_the_client_stands_in_where_the_plan_is_unknown() -> None:
    daily = np.concatenate([np.full(50, 9.0), np.full(50, 900.0)])
    footprints = accounts(daily, None)
    footprints.arrays["clients"][:, 0] = np.where(np.arange(100) < 50, 11, 22).astype(np.uint64)
    footprints.arrays["clients_exchanges"][:, 0] = 1
    assert np.allclose(detector(footprints).measured, 1)
