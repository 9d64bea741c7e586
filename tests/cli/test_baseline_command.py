"""``stillwatch baseline`` and a scan by what it learnt, from the command line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from stillwatch.cli.baseline import baseline
from stillwatch.cli.scan import scan
from stillwatch.range.simulation import Simulation, simulate
from stillwatch.store.baselines import read_baseline

SEED = 14
application = typer.Typer(pretty_exceptions_enable=False)
application.command()(baseline)
application.command()(scan)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.stdout.write(f"seed {SEED}\n")
    folder = tmp_path_factory.mktemp("simulated") / "traffic"
    simulate(Simulation(300, 1.0, 5, SEED, campaigns=()), folder)
    (folder.parent / "key").write_bytes(bytes(range(32)))
    return folder


def run(traffic: Path, *words: object) -> Result:
    key = ("--key-file", traffic.parent / "key")
    return CliRunner().invoke(application, [str(word) for word in (*words, *key)], env={"COLUMNS": "120"})


@pytest.fixture(scope="module")
def learnt(traffic: Path) -> Path:
    out = traffic.parent / "baseline.json"
    done = run(traffic, "baseline", traffic / "exchanges", "--accounts", traffic / "accounts.parquet", "--out", out)
    assert done.exit_code == 0, done.output
    assert "shipped" in done.output and "coercion_share" in done.output and "stillwatch scan" in done.output
    return out


def test_the_file_names_nobody(traffic: Path, learnt: Path) -> None:
    text = learnt.read_text()
    table = pq.read_table(traffic / "accounts.parquet")
    for column in ("account_id", "payment_fingerprint", "email_domain", "organization_id"):
        if column in table.column_names:
            assert not [value for value in table[column].drop_null().unique().to_pylist() if value in text]
    assert not re.search(r"[0-9a-f]{16}", text)
    found = read_baseline(learnt)
    assert found.accounts == table.num_rows or found.accounts <= table.num_rows
    assert found.habits[0].learnt_from


def test_json_is_what_the_file_holds(traffic: Path, learnt: Path, tmp_path: Path) -> None:
    words = ("baseline", traffic / "exchanges", "--accounts", traffic / "accounts.parquet")
    done = run(traffic, *words, "--out", tmp_path / "again.json", "--json")
    assert done.exit_code == 0
    said, held = json.loads(done.stdout), json.loads((tmp_path / "again.json").read_text())
    assert said == held
    first = json.loads(learnt.read_text())
    assert {**first, "learnt_at": ""} == {**held, "learnt_at": ""}


def test_a_scan_says_whose_limits_it_used(traffic: Path, learnt: Path, tmp_path: Path) -> None:
    words = ("scan", traffic / "exchanges", "--accounts", traffic / "accounts.parquet", "--json", "--step", "24")
    plain = json.loads(run(traffic, *words, "--out", tmp_path / "plain").stdout)
    by_baseline = json.loads(run(traffic, *words, "--out", tmp_path / "own", "--baseline", learnt).stdout)
    assert plain["calibration"]["baseline"] is False and by_baseline["calibration"]["baseline"] is True
    assert "learnt from this provider" in (tmp_path / "own" / "report.html").read_text()
    assert plain["calibration"]["detectors"] != by_baseline["calibration"]["detectors"]
    assert plain["campaigns"] == by_baseline["campaigns"] == []
    for told in (plain, by_baseline):
        names = {each["detector"] for each in told["calibration"]["detectors"]}
        assert {"sleepless", "volume", "elicitation"} <= names
        assert "no labels" in told["calibration"]["caveat"]


def test_an_offset_pays_by_the_level(traffic: Path, learnt: Path, tmp_path: Path) -> None:
    held = json.loads(learnt.read_text())
    held["communities"]["offset_nats"] = 3.0
    (tmp_path / "strict.json").write_text(json.dumps(held))
    words = ("scan", traffic / "exchanges", "--out", tmp_path / "out", "--baseline", tmp_path / "strict.json", "--json")
    told = json.loads(run(traffic, *words).stdout)
    assert told["calibration"]["offset_nats"] == 3.0 and told["false_discovery_level"] == 0.05


@pytest.mark.parametrize("name", ["nowhere.json", "broken.json"])
def test_what_is_no_baseline_ends_with_2(traffic: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.json").write_text("{}")
    out = tmp_path / "out"
    done = run(traffic, "scan", traffic / "exchanges", "--out", out, "--baseline", tmp_path / name)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and name in done.stderr
    assert not out.exists()


def test_a_history_without_exchanges_ends_with_2(traffic: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("account_id,timestamp\n")
    done = run(traffic, "baseline", tmp_path / "empty.csv", "--out", tmp_path / "baseline.json")
    assert done.exit_code == 2 and "no exchange" in done.stderr
    assert not (tmp_path / "baseline.json").exists()


def test_steps_that_do_not_divide_the_day_are_refused(traffic: Path, tmp_path: Path) -> None:
    done = run(traffic, "scan", traffic / "exchanges", "--out", tmp_path / "out", "--step", "5")
    assert done.exit_code == 2 and "--step" in done.stderr
