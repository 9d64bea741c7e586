"""The replay's bench: its line is least squares, and its heavy traffic is the light one several times over."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from bench.labelled import simulated
from bench.replay import HOUR_US, fitted, repeated

SEED = 3


@pytest.mark.parametrize("seed", [1, 2])
def test_a_line_is_found_again(seed: int) -> None:
    generator = np.random.default_rng(seed)
    accounts, exchanges = generator.uniform(100, 5000, 40), generator.uniform(1e4, 1e7, 40)
    seconds = 0.2 + 5e-5 * accounts + 3e-9 * exchanges
    line = fitted(seconds, accounts, exchanges)
    assert line.fixed_s == pytest.approx(0.2) and line.slopes_s == pytest.approx((5e-5, 3e-9))
    assert line.determined == pytest.approx(1)
    noise = generator.normal(0, 1, 40)
    assert fitted(noise, accounts, exchanges).determined < 0.5


def test_too_few_steps_make_no_line() -> None:
    with pytest.raises(ValueError, match="too few"):
        fitted(np.ones(3), np.ones(3), np.ones(3))


def test_repeats_stay_in_their_hour_and_have_ids_of_their_own(tmp_path: Path) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    made = simulated(tmp_path / "made", benign=30, scale=0.01, days=2, seed=SEED)
    light = pq.read_table(repeated(made, 1, tmp_path / "light"))
    heavy = pq.read_table(repeated(made, 3, tmp_path / "heavy"))
    assert heavy.num_rows == 3 * light.num_rows
    assert pc.count_distinct(heavy["exchange_id"]).as_py() == heavy.num_rows

    def hourly(table: object) -> list[tuple[str, int]]:
        hour = [at.value // HOUR_US for at in table["timestamp"]]  # type: ignore[index]
        names = table["account_id"].to_pylist()  # type: ignore[index]
        pairs, count = np.unique(np.array([f"{n} {h}" for n, h in zip(names, hour, strict=True)]), return_counts=True)
        return list(zip(pairs.tolist(), count.tolist(), strict=True))

    few = dict(hourly(light))
    assert {key: 3 * count for key, count in few.items()} == dict(hourly(heavy))
