"""Replay: what a step does does not grow with the exchanges behind it, only with the accounts seen."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.campaign.population import Population
from stillwatch.engine import periods, replay
from stillwatch.engine.scan import Outcome, Request, scan
from stillwatch.engine.steps import Step
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.footprint.footprints import FIELDS, HOUR_US
from stillwatch.footprint.merge import Gathered

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
START_US = int(START.timestamp()) * 1_000_000
ACCOUNTS, HOURS = 60, 18


def log(folder: Path, hourly: int, *, growing: bool = False) -> Path:
    """Each account sends ``hourly`` exchanges in each hour; ``growing``: only as many accounts as hours went by."""
    rows = []
    for hour in range(HOURS):
        for account in range(ACCOUNTS if not growing else 3 * (hour + 1)):
            for number in range(hourly):
                at = START + dt.timedelta(hours=hour, seconds=number + account / 1000)
                rows.append({"account_id": f"account {account}", "timestamp": at, "prompt": f"hello {account}"})
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "log.parquet", row_group_size=ACCOUNTS * hourly)
    return folder


class Work:
    """What the parts of a scan were asked to do, step by step."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.folded: list[int] = []
        self.merged: list[int] = []
        self.looked: list[tuple[int, int]] = []  # Accounts, and bytes of their footprints.
        fold, add, detect = periods.fold_footprints, Gathered.add, replay.detect

        def folding(rows: pa.Table, *more: Any) -> Any:
            self.folded.append(rows.num_rows)
            return fold(rows, *more)

        def adding(gathered: Gathered, footprints: Any) -> Any:
            if gathered._hours > 24:  # The running footprints, not a period's own.
                self.merged.append(len(footprints))
            return add(gathered, footprints)

        def detecting(population: Population, level: float) -> Any:
            held = population.footprints.arrays
            size = sum(held[field.name].nbytes for field in FIELDS)
            self.looked.append((len(population), size))
            return detect(population, level)

        patch.setattr(periods, "fold_footprints", folding)
        patch.setattr(Gathered, "add", adding)
        patch.setattr(replay, "detect", detecting)


def replayed(folder: Path, step_hours: int = 1, **more: Any) -> tuple[list[Step], Outcome]:
    steps: list[Step] = []
    request = Request((str(folder),), step_hours=step_hours, **more)
    now = START + dt.timedelta(days=30)
    outcome = scan(request, Pseudonyms(b"k" * 32), Quarantine(None), now, lambda *_: None, steps.append)
    return steps, outcome


def test_a_step_does_the_same_whatever_lies_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    steps, _ = replayed(log(tmp_path / "even", 4))
    assert len(steps) == HOURS
    # Each exchange is folded once; each step merges the accounts active in it and looks at the accounts seen.
    assert sum(work.folded) == sum(step.exchanges for step in steps) == ACCOUNTS * 4 * HOURS
    assert work.merged == [ACCOUNTS] * HOURS
    assert work.looked == [work.looked[0]] * HOURS
    assert {step.exchanges for step in steps} == {ACCOUNTS * 4}


def test_five_times_the_exchanges_leave_looks_and_merges_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for hourly in (1, 5):
        with monkeypatch.context() as patch:
            work = Work(patch)
            replayed(log(tmp_path / str(hourly), hourly))
            counted.append((sum(work.folded), work.merged, work.looked))
    (few, merged, looked), (many, merged_many, looked_many) = counted
    assert many == 5 * few
    assert merged == merged_many and looked == looked_many


def test_a_look_grows_with_the_accounts_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    steps, _ = replayed(log(tmp_path / "growing", 2, growing=True))
    assert [accounts for accounts, _ in work.looked] == [3 * (hour + 1) for hour in range(HOURS)]
    assert len({size // accounts for accounts, size in work.looked}) == 1
    assert [step.accounts_seen for step in steps] == [accounts for accounts, _ in work.looked]


def test_steps_end_on_their_hours_and_the_last_agrees_with_the_scan(tmp_path: Path) -> None:
    folder = log(tmp_path / "even", 1)
    for step_hours in (1, 6):
        steps, outcome = replayed(folder, step_hours)
        assert [step.at_us for step in steps] == [
            START_US + (k + 1) * step_hours * HOUR_US for k in range(HOURS // step_hours)
        ]
        last = steps[-1]
        assert (last.accounts_seen, last.groups_tested) == (outcome.scan.accounts, outcome.scan.groups_tested)
        assert last.campaigns == len(outcome.scan.campaigns)
        assert all(step.seconds >= step.look_s >= 0 and step.merge_s >= 0 for step in steps)


def test_history_is_in_no_step(tmp_path: Path) -> None:
    folder = log(tmp_path / "past", 1)
    table = pq.read_table(folder / "log.parquet")
    later = START + dt.timedelta(days=3, minutes=30)
    fresh = table.slice(0, 7).set_column(1, "timestamp", pa.array([later] * 7, pa.timestamp("us", "UTC")))
    pq.write_table(fresh, tmp_path / "fresh.parquet")
    steps, outcome = replayed(tmp_path / "fresh.parquet", history=(str(folder),))
    assert [step.exchanges for step in steps] == [7]
    assert outcome.scan.exchanges == 7 + table.num_rows
