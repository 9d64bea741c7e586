"""``stillwatch replay`` from the command line: the scan's own result, and a line for each step."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from stillwatch.cli.replay import replay
from stillwatch.cli.scan import scan
from stillwatch.range.presets import preset
from stillwatch.range.simulation import Simulation, simulate

SEED = 5
START = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
DAYS = 5
application = typer.Typer(pretty_exceptions_enable=False)
application.command()(scan)
application.command()(replay)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    (folder.parent / "key").write_bytes(bytes(range(200, 232)))
    return folder


def run(traffic: Path, command: str, out: Path, *words: object) -> Result:
    given = (traffic / "exchanges", "--accounts", traffic / "accounts.parquet", "--key-file", traffic.parent / "key")
    return CliRunner().invoke(application, [command, *map(str, (*given, "--out", out, *words))])


@pytest.fixture(scope="module")
def replayed(traffic: Path) -> Path:
    out = traffic.parent / "replayed"
    done = run(traffic, "replay", out, "--step", "12")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("seen until (UTC)") and lines[1].startswith("2025-03-03 12:00")
    assert any("+" in line for line in lines[1 : 2 * DAYS + 1])
    return out


def steps(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "looks.jsonl").read_text().splitlines()]


def test_the_result_is_that_of_a_scan_with_these_steps(traffic: Path, replayed: Path, tmp_path: Path) -> None:
    assert run(traffic, "scan", tmp_path / "scan", "--step", "12").exit_code == 0
    tables = [
        pq.read_table(out / "accounts.parquet").replace_schema_metadata() for out in (replayed, tmp_path / "scan")
    ]
    assert tables[0] == tables[1]
    assert (replayed / "report.html").is_file() and (replayed / "summary.json").is_file()


def test_steps_tell_who_was_flagged_when(replayed: Path) -> None:
    held = steps(replayed)
    assert len(held) == 2 * DAYS
    accounts = pq.read_table(replayed / "accounts.parquet")
    flagged = accounts.filter(accounts["flagged"])
    at = dict(zip(flagged["account_id"].to_pylist(), flagged["flagged_at"].to_pylist(), strict=True))
    assert len(at) > 40
    told: dict[str, str] = {}
    for step in held:
        names = step["newly_flagged"]
        assert isinstance(names, list)
        told |= dict.fromkeys(names, str(step["at"]))
    assert told == {name: when.isoformat().replace("+00:00", "Z") for name, when in at.items()}
    counts = [step["accounts_flagged"] for step in held]
    assert counts[-1] == len(at) and counts == sorted(counts)  # type: ignore[type-var]


def test_json_has_the_steps_beside_the_summary(traffic: Path, tmp_path: Path) -> None:
    done = run(traffic, "replay", tmp_path / "daily", "--step", "24", "--json")
    told = json.loads(done.stdout)
    assert told["steps"] == steps(tmp_path / "daily")
    assert len(told["steps"]) == DAYS and told["schema"] == 1
    assert told["steps"][-1]["accounts_seen"] == told["accounts"]


def test_bans_are_read_and_bad_rows_told(traffic: Path, tmp_path: Path) -> None:
    ids = pq.read_table(traffic / "accounts.parquet")["account_id"].to_pylist()
    rows = [{"account_id": name, "banned_at": (START + dt.timedelta(days=2)).isoformat()} for name in ids[:20]]
    pq.write_table(pa.Table.from_pylist([*rows, {"account_id": None, "banned_at": None}]), tmp_path / "bans.parquet")
    done = run(traffic, "scan", tmp_path / "out", "--step", "24", "--bans", tmp_path / "bans.parquet", "--json")
    told = json.loads(done.stdout)
    assert told["rejected"] == 1 and "status" not in {each["column"] for each in told["absent_columns"]}
    missing = run(traffic, "scan", tmp_path / "none", "--bans", tmp_path / "nowhere.csv")
    assert missing.exit_code == 2 and "nowhere.csv" in missing.stderr


def test_a_replay_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(application, ["replay", str(tmp_path / "nowhere"), "--out", str(out)])
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert not out.exists()
