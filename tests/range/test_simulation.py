from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.schema import ACCOUNT_SCHEMA, EXCHANGE_SCHEMA
from stillwatch.range import simulation
from stillwatch.range.presets import preset
from stillwatch.range.simulation import START, Simulation, campaign_exchanges, campaign_traffic, simulate

SPEC = Simulation(benign=120, scale=0.01, days=7, seed=5, campaigns=(preset("anthropic-2026-09-300k"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    print(f"seed {SPEC.seed}")  # noqa: T201
    out = tmp_path_factory.mktemp("simulation") / "traffic"
    simulate(SPEC, out)
    return out


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_the_files_have_the_schema_and_are_in_order_of_time(folder: Path) -> None:
    exchanges = pq.read_table(folder / "exchanges")
    accounts = pq.read_table(folder / "accounts.parquet")
    assert exchanges.schema.equals(EXCHANGE_SCHEMA)
    assert accounts.schema.equals(ACCOUNT_SCHEMA)
    time = exchanges["timestamp"].cast(pa.int64()).to_numpy()
    assert (np.diff(time) >= 0).all()
    assert len(pc.unique(exchanges["exchange_id"])) == len(exchanges)
    assert len(pc.unique(accounts["account_id"])) == len(accounts)
    assert pc.all(pc.is_in(exchanges["account_id"], value_set=accounts["account_id"].combine_chunks())).as_py()


def test_the_truth_names_accounts_and_answered_extraction(folder: Path) -> None:
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    taken = pq.read_table(folder / "truth" / "extraction.parquet")["exchange_id"].combine_chunks()
    exchanges = pq.read_table(folder / "exchanges")
    campaign = truth.filter(pc.is_valid(truth["campaign"]))
    assert set(campaign["campaign"].to_pylist()) == {"anthropic-2026-09-300k"}
    assert set(campaign["kind"].to_pylist()) == {"campaign"}
    rows = exchanges.filter(pc.is_in(exchanges["exchange_id"], value_set=taken))
    assert len(rows) == len(taken) > 100
    assert set(rows["status"].to_pylist()) == {200}
    assert pc.all(pc.is_in(rows["account_id"], value_set=campaign["account_id"].combine_chunks())).as_py()
    # Campaign accounts have everyday traffic too.
    theirs = pc.is_in(exchanges["account_id"], value_set=campaign["account_id"].combine_chunks())
    assert pc.sum(theirs).as_py() > len(taken)


def test_equal_seeds_give_equal_files_and_others_do_not(folder: Path, tmp_path: Path) -> None:
    simulate(SPEC, tmp_path / "again")
    assert all_bytes(tmp_path / "again") == all_bytes(folder)
    simulate(replace(SPEC, seed=6), tmp_path / "other")
    assert all_bytes(tmp_path / "other") != all_bytes(folder)


def test_honest_traffic_does_not_depend_on_the_campaigns(folder: Path, tmp_path: Path) -> None:
    simulate(replace(SPEC, campaigns=()), tmp_path / "benign")
    alone = pq.read_table(tmp_path / "benign" / "truth" / "accounts.parquet")["account_id"].to_pylist()
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    assert set(alone) == set(truth.filter(pc.is_null(truth["campaign"]))["account_id"].to_pylist())
    assert len(pq.read_table(tmp_path / "benign" / "truth" / "extraction.parquet")) == 0


def test_files_hold_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(simulation, "ROWS_A_FILE", 1000)
    summary = simulate(SPEC, tmp_path / "parts")
    sizes = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "parts" / "exchanges").iterdir())]
    assert len(sizes) == summary.files > 2 and set(sizes[:-1]) == {1000}
    # Where a file is cut changes nothing in it.
    assert pq.read_table(tmp_path / "parts" / "exchanges").equals(pq.read_table(folder / "exchanges"))


def test_nothing_is_left_of_a_simulation_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(simulation, "account_table", fails)
    with pytest.raises(OSError, match="disk full"):
        simulate(SPEC, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_on_request_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = replace(SPEC, benign=20, campaigns=())
    simulate(small, out)
    before = all_bytes(out)
    with pytest.raises(FileExistsError, match="--force"):
        simulate(replace(small, seed=9), out)
    assert all_bytes(out) == before
    simulate(replace(small, seed=9), out, force=True)
    assert all_bytes(out) != before
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        simulate(small, out, force=True)
    assert (out / "thesis.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_columns_have_the_gaps_that_logs_have(folder: Path) -> None:
    exchanges = pq.read_table(folder / "exchanges")
    for name in ("user_agent", "tls_ja4", "client_asn", "temperature", "system_instructions"):
        assert 0 < exchanges[name].null_count < len(exchanges)
    for name in ("exchange_id", "timestamp", "account_id", "prompt", "turn", "status"):
        assert exchanges[name].null_count == 0
    assert pc.min(exchanges["input_tokens"]).as_py() > 8
    answered = pc.equal(exchanges["status"], 200)
    assert pc.min(exchanges.filter(answered)["output_tokens"]).as_py() >= 3


def test_a_campaign_alone_has_the_columns_that_are_asked_for() -> None:
    campaign = preset("gtig-2026-02-coercion")
    start = dt.datetime(2025, 1, 6, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    wanted = ("prompt", "timestamp", "account_id", "exchange_id")
    accounts, exchanges = campaign_exchanges(campaign, 3, start, 9, scale=0.03, columns=wanted)
    assert exchanges.schema.names == [name for name in EXCHANGE_SCHEMA.names if name in wanted]
    assert accounts.schema.equals(ACCOUNT_SCHEMA) and len(accounts) == 6
    assert pc.min(exchanges["timestamp"]).as_py() >= start
    assert pc.max(exchanges["timestamp"]).as_py() < start + dt.timedelta(days=9)
    assert set(exchanges["account_id"].to_pylist()) <= set(accounts["account_id"].to_pylist())
    again = campaign_exchanges(campaign, 3, start, 9, scale=0.03, columns=wanted)
    assert again[1].equals(exchanges) and again[0].equals(accounts)
    bare = campaign_exchanges(campaign, 3, start, 9, scale=0.03, cover=False)[1]
    assert 0 < len(bare) < len(exchanges)
    with pytest.raises(KeyError, match="colour"):
        campaign_exchanges(campaign, 3, start, 9, scale=0.03, columns=("colour",))


def test_a_campaigns_truth_goes_with_its_traffic() -> None:
    traffic = campaign_traffic(preset("gtig-2026-02-coercion"), 3, START, 9, scale=0.03)
    ids = traffic.accounts["account_id"].take(pa.array(traffic.account))
    assert ids.equals(traffic.exchanges["account_id"])
    assert (traffic.exchanges["timestamp"].cast(pa.int64()).to_numpy() == traffic.time_us).all()
    bare = campaign_traffic(preset("gtig-2026-02-coercion"), 3, START, 9, scale=0.03, cover=False)
    answered = pc.equal(bare.exchanges["status"], 200).to_numpy(zero_copy_only=False)
    assert (bare.extraction == answered).all()
    assert 0 < traffic.extraction.sum() < len(traffic.extraction)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"benign": 3}, "benign"),
        ({"scale": 0.0}, "scale"),
        ({"days": 0}, "days"),
        ({"seed": -1}, "seed"),
        ({"start": dt.datetime(2026, 1, 1)}, "time zone"),
        ({"campaigns": (preset("gtig-2026-02-coercion"),) * 2}, "once"),
    ],
)
def test_impossible_simulations_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Simulation(**given)  # type: ignore[arg-type]


def test_the_default_is_the_demo() -> None:
    spec = Simulation()
    assert (spec.benign, spec.scale, spec.days, spec.seed, spec.start) == (5000, 0.1, 28, 7, START)
    assert len(spec.campaigns) == 3
