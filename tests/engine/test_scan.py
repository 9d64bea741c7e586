"""The scan as a function: flags are dated by what was seen by then, and no cut of the log changes a flag."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.engine.scan import STEP_HOURS, Outcome, Request, scan
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine, StrictError
from stillwatch.exchange.schema import EXCHANGE_COLUMNS, EXCHANGE_SCHEMA
from stillwatch.range.presets import preset
from stillwatch.range.simulation import Simulation, simulate

SEED = 5
DAYS = 6
BENIGN = 500
START = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
NOW = START + dt.timedelta(days=400)
PSEUDONYMS = Pseudonyms(b"0123456789abcdef")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Log:
    """Simulated traffic as one file a day, and when each account was first seen."""

    days: tuple[Path, ...]
    accounts: Path
    exchanges: pa.Table

    @property
    def first_seen(self) -> dict[str, dt.datetime]:
        first = self.exchanges.group_by("account_id").aggregate([("timestamp", "min")]).to_pydict()
        return dict(zip(first["account_id"], first["timestamp_min"], strict=True))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    sys.stdout.write(f"seed {SEED}\n")
    folder = tmp_path_factory.mktemp("simulated") / "traffic"
    pool = replace(
        preset("anthropic-2026-02-150k"),
        name="pool",
        accounts=80,
        exchanges=4000,
        days=5,
        starts_day=1.0,
        aged_share=0.0,
        signup_bursts=2,
        accounts_per_card=5.0,
        card_shared=0.9,
        mail_public=0.3,
        own_exit_share=0.1,
        accounts_per_exit=4.0,
        cover_share=0.1,
        plans=(("api", 1.0),),
    )
    simulate(Simulation(BENIGN, 1.0, DAYS, SEED, START, (pool,)), folder)
    exchanges = pq.read_table(folder / "exchanges")
    day = pc.floor_temporal(exchanges["timestamp"], unit="day")
    paths = []
    for number in range(DAYS):
        paths.append(folder / f"day-{number}.parquet")
        pq.write_table(exchanges.filter(pc.equal(day, pa.scalar(START + number * DAY, day.type))), paths[-1])
    return Log(tuple(paths), folder / "accounts.parquet", exchanges)


def scanned(
    log: Log, *paths: Path, now: dt.datetime = NOW, told: list[tuple[str, int]] | None = None, **more: Any
) -> Outcome:
    request = Request(tuple(map(str, paths)), accounts=log.accounts, **more)
    heard = [] if told is None else told
    return scan(request, PSEUDONYMS, Quarantine(None), now, lambda what, rows: heard.append((what, rows)))


@pytest.fixture(scope="module")
def whole(log: Log) -> Outcome:
    return scanned(log, *log.days)


def flags(outcome: Outcome) -> dict[str, dt.datetime]:
    return {each.account_id: each.flagged_at for campaign in outcome.scan.campaigns for each in campaign.accounts}


def test_a_flag_is_dated_by_a_look_after_the_account_was_seen(log: Log, whole: Outcome) -> None:
    found, first = flags(whole), log.first_seen
    assert len(found) > 60
    for account, at in found.items():
        assert first[account] < at <= START + DAYS * DAY
        assert (at - START) % dt.timedelta(hours=STEP_HOURS) == dt.timedelta(0)
    for campaign in whole.scan.campaigns:
        assert campaign.flagged_at == min(each.flagged_at for each in campaign.accounts)
        assert campaign.flagged_at > campaign.first_seen


@pytest.mark.parametrize("days", [2, 3, 4, 5])
def test_what_came_later_dates_no_flag(log: Log, whole: Outcome, days: int) -> None:
    until = START + days * DAY
    early = flags(scanned(log, *log.days[:days]))
    assert early == {account: at for account, at in flags(whole).items() if at <= until}


def test_flags_came_on_several_days(whole: Outcome) -> None:
    """Otherwise the test of prefixes would compare nothing with nothing."""
    assert len(Counter(flags(whole).values())) >= 2
    assert min(flags(whole).values()) < START + 5 * DAY


@pytest.mark.parametrize("order", [(5, 4, 3, 2, 1, 0), (3, 0, 5, 1, 4, 2)])
def test_the_order_of_files_changes_nothing(log: Log, whole: Outcome, tmp_path: Path, order: tuple[int, ...]) -> None:
    for place, number in enumerate(order):  # Files are read in the order of their names.
        (tmp_path / f"{place}.parquet").write_bytes(log.days[number].read_bytes())
    assert same(scanned(log, tmp_path), whole)


def same(one: Outcome, other: Outcome) -> bool:
    def told(outcome: Outcome) -> Any:
        return replace(outcome.scan, seconds=0.0, sources=())

    scores = [dict(zip(each.account_id.to_pylist(), each.score.tolist(), strict=True)) for each in (one, other)]
    return repr(told(one)) == repr(told(other)) and scores[0] == scores[1]


def test_one_file_is_as_good_as_many(log: Log, whole: Outcome, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(SEED).permutation(log.exchanges.num_rows)
    pq.write_table(log.exchanges.take(pa.array(shuffled)), tmp_path / "all.parquet", row_group_size=5000)
    assert same(scanned(log, tmp_path / "all.parquet"), whole)


def test_a_scan_on_an_earlier_day_sees_what_there_was(log: Log) -> None:
    """Rows that are later than now by more than a day are refused: the rest is a scan of that day."""
    now = START + 3 * DAY  # Days 0 to 3 are within the tolerance.
    then = scanned(log, *log.days, now=now)
    later = sum(pq.read_metadata(path).num_rows for path in log.days[4:])
    assert then.scan.rejected == later and then.scan.rejected_by_reason == (("timestamp lies in the future", later),)
    assert flags(then) == flags(scanned(log, *log.days[:4]))


def test_history_gives_the_later_look_all_it_knows(log: Log, whole: Outcome) -> None:
    late = scanned(log, log.days[-1], history=tuple(map(str, log.days[:-1])))
    assert late.scan.exchanges == whole.scan.exchanges and late.scan.accounts == whole.scan.accounts
    # The looks before the last day's first were at history: nothing is dated by them.
    assert min(flags(late).values()) > START + (DAYS - 1) * DAY
    assert len(set(flags(late)) & set(flags(whole))) >= 0.9 * len(flags(whole))
    names = set(log.exchanges["request_model"].unique().to_pylist())
    assert {model for campaign in late.scan.campaigns for model, _ in campaign.models} <= names


def test_progress_counts_every_exchange(log: Log) -> None:
    told: list[tuple[str, int]] = []
    scanned(log, *log.days[2:4], told=told, history=(str(log.days[0]),))
    read: Counter[str] = Counter()
    for what, rows in told:
        read[what] += rows
    assert read["history"] == pq.read_metadata(log.days[0]).num_rows
    assert read["exchanges"] == sum(pq.read_metadata(path).num_rows for path in log.days[2:4])
    assert sum(what.startswith("looked at") for what, _ in told) == 2 * 24 // STEP_HOURS


def test_every_account_has_one_score_and_the_campaigns_the_highest(whole: Outcome) -> None:
    ids = whole.account_id.to_pylist()
    assert len(set(ids)) == len(ids) == len(whole.score) == whole.scan.accounts
    assert np.isfinite(whole.score).all()
    score = dict(zip(ids, whole.score.tolist(), strict=True))
    for campaign in whole.scan.campaigns:
        assert all(score[each.account_id] >= campaign.log_e for each in campaign.accounts)


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_a_log_without_rows_is_scanned_to_an_empty_result(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log.{ending}"
    if ending == "parquet":
        pq.write_table(EXCHANGE_SCHEMA.empty_table(), path)
    else:
        path.write_text(",".join(EXCHANGE_SCHEMA.names) + "\n" if ending == "csv" else "")
    outcome = scan(Request((str(path),)), PSEUDONYMS, Quarantine(None), NOW, lambda *_: None)
    found = outcome.scan
    assert (found.exchanges, found.accounts, found.rejected, found.groups_tested) == (0, 0, 0, 0)
    assert found.campaigns == () and found.look_alikes == ()
    assert found.first_seen is None and found.last_seen is None
    assert len(outcome.account_id) == len(outcome.score) == 0


def test_what_the_logs_lack_is_told(log: Log, tmp_path: Path) -> None:
    bare = log.exchanges.select(["timestamp", "account_id"]).slice(0, 300)
    pq.write_table(bare, tmp_path / "bare.parquet")
    outcome = scan(Request((str(tmp_path),)), PSEUDONYMS, Quarantine(None), NOW, lambda *_: None)
    absent = [name for name, _ in outcome.scan.absent_columns]
    assert {column.name for column in EXCHANGE_COLUMNS if not column.required} <= set(absent)
    assert "payment_fingerprint" in absent and len(absent) == len(set(absent))
    assert outcome.scan.campaigns == () and outcome.scan.exchanges == 300
    assert all(cost for _, cost in outcome.scan.absent_columns)


def test_what_cannot_be_scanned_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        scan(Request((str(tmp_path / "none"),)), PSEUDONYMS, Quarantine(None), NOW, lambda *_: None)
    (tmp_path / "log.jsonl").write_text('{"account_id": null, "timestamp": "2025-03-04T10:00:00Z"}\n')
    with pytest.raises(StrictError, match="account_id is missing"):
        scan(Request((str(tmp_path),)), PSEUDONYMS, Quarantine(None, strict=True), NOW, lambda *_: None)
