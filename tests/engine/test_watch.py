"""The watch: each file once and whole, flags for good, a campaign met at once, and nothing lost over a restart."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.engine.watch import FOLDED, LOGGED, FolderWatch, Watching
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.exchange_log_files import EXCHANGES_PREFIX, FOOTPRINTS_PREFIX, write_batch
from stillwatch.range.presets import preset
from stillwatch.range.simulation import Simulation, simulate
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import SnapshotError
from stillwatch.response.standing import Standings, read_snapshot, write_snapshot
from stillwatch.store.watches import load_watch, save_watch

SEED = 5
DAYS = 6
START = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
NOW = START + dt.timedelta(days=400)
KEY = Pseudonyms(b"0123456789abcdef")


@dataclass(frozen=True)
class Days:
    """Simulated exchanges, a table a day."""

    tables: tuple[pa.Table, ...]
    accounts: Path
    members: frozenset[str]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
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
    simulate(Simulation(400, 1.0, DAYS, SEED, START, (pool,)), folder)
    exchanges = pq.read_table(folder / "exchanges")
    day = pc.floor_temporal(exchanges["timestamp"], unit="day")
    tables = [
        exchanges.filter(pc.equal(day, pa.scalar(START + number * dt.timedelta(days=1), day.type)))
        for number in range(DAYS)
    ]
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    members = frozenset(truth.filter(pc.is_valid(truth["campaign"]))["account_id"].to_pylist())
    return Days(tuple(tables), folder / "accounts.parquet", members)


class Told:
    """Keeps what a watch told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, what: str, details: Mapping[str, Any]) -> None:
        self.events.append((what, dict(details)))

    def of(self, what: str) -> list[dict[str, Any]]:
        return [details for each, details in self.events if each == what]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path


def watching(folder: Path, **more: Any) -> Watching:
    return Watching(folder / "log", folder / "standings", **more)


def put(folder: Path, name: str, table: pa.Table) -> None:
    pq.write_table(table, folder / "log" / name)


def by_account(watch: FolderWatch) -> dict[str, list[Any]]:
    footprints = watch.remembered().footprints
    assert footprints is not None
    return footprints.to_arrow().sort_by("account_id").to_pydict()


def gateway_rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [
        column.cast(pa.int64()).to_pylist() if name == "timestamp" else column.to_pylist()
        for name, column in zip(table.schema.names, table.columns, strict=True)
    ]
    return list(zip(*columns, strict=True))


def test_names_are_those_that_a_gateway_gives() -> None:
    assert (LOGGED, FOLDED) == (EXCHANGES_PREFIX, FOOTPRINTS_PREFIX)


def test_footprints_beside_a_log_without_texts_are_worth_the_texts(days: Days, tmp_path: Path) -> None:
    watches = []
    for name in ("texts", "gateway"):
        folder = tmp_path / name
        (folder / "log").mkdir(parents=True)
        for number in (2, 0, 1):  # In another order than that of time.
            rows = days.tables[number].slice(0, 1500)
            if name == "texts":
                put(folder, f"day-{number}.parquet", rows)
            else:
                write_batch(folder / "log", f"{9 - number}", gateway_rows(rows), KEY, False, True)
        watch = FolderWatch(watching(folder), KEY, Told())
        assert watch.turn(NOW)
        watches.append(watch)
    texts, gateway = (by_account(watch) for watch in watches)
    assert sum(texts["exchanges"]) == sum(min(1500, table.num_rows) for table in days.tables[:3])
    # Hours before the day that was read first are let go, and the two read another day first.
    assert {name for name in texts if texts[name] != gateway[name]} <= {"hours"}
    assert any(hashes[0] != np.iinfo(np.uint64).max for hashes in gateway["shingles"])


def test_flags_stay_and_all_accounts_of_a_campaign_are_met_at_once(days: Days, folder: Path) -> None:
    told = Told()
    watch = FolderWatch(watching(folder, accounts=days.accounts, rungs=((0.0, Rung.VERIFY),)), KEY, told)
    before: dict[str, Any] = {}
    actors = set()
    for number, table in enumerate(days.tables):
        put(folder, f"day-{number}.parquet", table)
        assert watch.turn(NOW)
        flags = watch.flags()
        assert before.keys() <= flags.keys()
        assert all(flags[name].flagged_us == flag.flagged_us for name, flag in before.items())
        assert all(flags[name].evidence_nats >= flag.evidence_nats for name, flag in before.items())
        before = flags
        held = read_snapshot(folder / "standings")
        standing = {name: held.of(KEY.hash_one("account_id", name)) for name in flags}
        assert all(each is not None and each.rung is Rung.VERIFY for each in standing.values())
        assert len({each.campaign_id for each in standing.values() if each}) == len(
            {each.actor for each in standing.values() if each}
        )
        actors |= {each.actor for each in standing.values() if each}
    assert len(before.keys() & days.members) > 60
    assert len(before.keys() - days.members) <= 1
    assert len(actors) == len({flag.campaign_id for flag in before.values()})
    assert len(held) == pq.read_metadata(days.accounts).num_rows
    assert sum(each["newly_flagged"] for each in told.of("looked")) == len(before)


def test_a_restart_between_any_two_turns_changes_nothing(days: Days, tmp_path: Path) -> None:
    results = []
    for restarts in (False, True):
        folder = tmp_path / str(restarts)
        (folder / "log").mkdir(parents=True)
        state = folder / "state"
        watch = FolderWatch(watching(folder, accounts=days.accounts), KEY, Told())
        for number, table in enumerate(days.tables):
            put(folder, f"day-{number}.parquet", table)
            watch.turn(NOW, lambda remembered, to=state: save_watch(to, remembered, KEY))  # type: ignore[misc]
            if restarts:
                watch = FolderWatch(watching(folder, accounts=days.accounts), KEY, Told(), load_watch(state, KEY))
        assert not watch.turn(NOW)  # Everything is done already.
        table = read_snapshot(folder / "standings")
        columns = {name: column.tolist() for name, column in table.columns.items() if name != "actor"}
        results.append((watch.flags(), by_account(watch), columns, table.names))
    assert len(results[0][0]) > 60
    assert results[0] == results[1]


def test_a_file_that_is_half_there_is_left_until_it_is_whole(days: Days, folder: Path) -> None:
    put(folder, "day.parquet", days.tables[0])
    whole = (folder / "log" / "day.parquet").read_bytes()
    (folder / "log" / "day.parquet").write_bytes(whole[: len(whole) // 2])
    told = Told()
    watch = FolderWatch(watching(folder), KEY, told)
    assert not watch.turn(NOW)
    assert told.of("folded") == [
        {"files": 0, "exchanges": 0, "unfinished": 1, "seconds": told.of("folded")[0]["seconds"]}
    ]
    (folder / "log" / "day.parquet").write_bytes(whole)
    assert watch.turn(NOW)
    assert told.of("folded")[-1]["exchanges"] == days.tables[0].num_rows
    assert not watch.turn(NOW)


def test_lines_that_still_grow_are_left_until_they_rest(folder: Path) -> None:
    path = folder / "log" / "a.jsonl"
    path.write_text('{"timestamp": "2025-03-03T00:00:00Z", "account_id": "a", "prompt": "x"}\n')
    changed = 1_800_000_000
    os.utime(path, (changed, changed))
    told = Told()
    watch = FolderWatch(watching(folder, settled_s=10), KEY, told)
    assert not watch.turn(dt.datetime.fromtimestamp(changed + 9, dt.UTC))
    assert watch.turn(dt.datetime.fromtimestamp(changed + 10, dt.UTC))
    path.write_text(path.read_text() * 2)
    assert not watch.turn(dt.datetime.fromtimestamp(changed + 1e6, dt.UTC))
    assert not watch.turn(dt.datetime.fromtimestamp(changed + 2e6, dt.UTC))
    assert [each["file"] for each in told.of("changed")] == ["a.jsonl"]  # Told once, not at every turn.


def test_a_bad_file_keeps_no_other_from_being_read(days: Days, folder: Path) -> None:
    pq.write_table(pa.table({"nothing": ["of", "use"]}), folder / "log" / "a.parquet")
    put(folder, "b.parquet", days.tables[0])
    told = Told()
    watch = FolderWatch(watching(folder), KEY, told)
    assert watch.turn(NOW)
    assert told.of("folded")[-1]["exchanges"] == days.tables[0].num_rows
    assert [each["file"] for each in told.of("refused")] == ["a.parquet"]
    watch.turn(NOW)
    assert len(told.of("refused")) == 1


def test_an_exchange_that_is_in_two_files_counts_once(days: Days, folder: Path) -> None:
    put(folder, "a.parquet", days.tables[0])
    put(folder, "b.parquet", days.tables[0].slice(0, 100))
    watch = FolderWatch(watching(folder), KEY, Told())
    watch.turn(NOW)
    assert sum(by_account(watch)["exchanges"]) == days.tables[0].num_rows


def test_what_fails_to_be_written_is_written_at_the_next_turn(days: Days, folder: Path) -> None:
    put(folder, "a.parquet", days.tables[0])
    watch = FolderWatch(watching(folder), KEY, Told())
    saved = []

    def full(_: object) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        watch.turn(NOW, full)
    assert not (folder / "standings").exists()
    assert not watch.turn(NOW, saved.append)
    assert len(saved) == 1 and len(saved[0].done) == 1
    assert (folder / "standings").exists()


def test_an_accounts_file_that_changes_is_taken_over(folder: Path) -> None:
    accounts = folder / "accounts.csv"
    accounts.write_text("account_id,plan\na,pro\n")
    watch = FolderWatch(watching(folder, accounts=accounts), KEY, Told())
    watch.turn(NOW)
    accounts.write_text("account_id,plan\na,pro\nb,free\n")
    watch.turn(NOW)
    assert len(read_snapshot(folder / "standings")) == 2
    accounts.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        watch.turn(NOW)


def test_rungs_follow_the_evidence(days: Days, folder: Path) -> None:
    for number, table in enumerate(days.tables):
        put(folder, f"day-{number}.parquet", table)
    rungs = ((1000.0, Rung.SUSPEND), (0.0, Rung.CAP), (-5.0, Rung.SLOW))
    watch = FolderWatch(watching(folder, accounts=days.accounts, rungs=rungs), KEY, Told())
    watch.turn(NOW)
    columns = read_snapshot(folder / "standings").columns
    flagged = columns["campaign"] > 0
    assert flagged.sum() > 60
    assert set(columns["rung"][flagged].tolist()) == {int(Rung.CAP)}
    assert set(columns["rung"][~flagged].tolist()) == {int(Rung.NONE)}


def test_flags_of_somebody_else_are_not_forgotten(folder: Path) -> None:
    columns: dict[str, Any] = {"account": np.array([7], np.uint64), "campaign": np.array([1])}
    write_snapshot(folder / "standings", Standings(columns, {"campaign": ("", "c-1")}))
    with pytest.raises(SnapshotError, match="1 flagged account"):
        FolderWatch(watching(folder), KEY, Told())


def test_a_state_under_another_key_or_of_another_kind_is_refused(days: Days, folder: Path) -> None:
    put(folder, "a.parquet", days.tables[0])
    watch = FolderWatch(watching(folder), KEY, Told())
    watch.turn(NOW)
    save_watch(folder / "state", watch.remembered(), KEY)
    with pytest.raises(SourceError, match="another key"):
        load_watch(folder / "state", Pseudonyms(b"fedcba9876543210"))
    (folder / "state").write_bytes(b"no state")
    with pytest.raises(SourceError, match="no state of a watch"):
        load_watch(folder / "state", KEY)
    assert load_watch(folder / "absent", KEY) is None


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    watch = FolderWatch(watching(tmp_path), KEY, Told())
    assert not watch.turn(NOW)
    assert len(read_snapshot(tmp_path / "standings")) == 0
    save_watch(tmp_path / "state", watch.remembered(), KEY)
    held = load_watch(tmp_path / "state", KEY)
    assert held is not None and held.footprints is None
    assert not FolderWatch(watching(tmp_path), KEY, Told(), held).turn(NOW)
