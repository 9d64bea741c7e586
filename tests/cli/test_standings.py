"""From a scan's result to the table of standings, accounts changed by hand, and the replay over the same result."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.case.campaign_case import Campaign, FlaggedAccount, Graph, Scan
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Reloading, Standing
from stillwatch.store.results import result_accounts, write_results

KEY = bytes(range(100, 132))
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
FLAGGED = START + dt.timedelta(hours=10)


def campaign(name: str, accounts: list[str], nats: float) -> Campaign:
    held = tuple(FlaggedAccount(account, 2.5, FLAGGED, 3, ()) for account in accounts)
    return Campaign(
        name, nats, held, 9, 1, 1, START, FLAGGED, FLAGGED, (), (), (), (), (), None, (), (), (), Graph((), (), (), 0)
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    campaigns = (campaign("c-1", ["a", "b", "c"], 8.0), campaign("c-2", ["d"], 12.0))
    scan = Scan("0", FLAGGED, ("x",), START, FLAGGED, 9, 5, 0, (), (), 0.05, 2, campaigns, (), 1.0)
    accounts = result_accounts(scan, pa.array(["a", "b", "c", "d", "e"]), np.zeros(5))
    write_results(tmp_path / "result", scan, accounts)
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "accounts.csv").write_text("account_id,plan,verification_level\na,pro,id\ne,free,none\nz,api,phone\n")
    rows = [("a", k, "DE") for k in range(20)] + [("e", k, "KP" if k % 2 else "DE") for k in range(20)]
    table = pa.table(
        {
            "timestamp": pa.array([START + dt.timedelta(hours=hour) for _, hour, _ in rows], pa.timestamp("us", "UTC")),
            "account_id": [account for account, _, _ in rows],
            "client_country": [country for _, _, country in rows],
            "input_tokens": pa.array([1000] * len(rows)),
            "output_tokens": pa.array([2000] * len(rows)),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    return tmp_path


def run(*arguments: object, code: int = 0) -> str:
    held = CliRunner().invoke(application, [*map(str, arguments)], env={"COLUMNS": "150", "TERM": "dumb"})
    assert held.exit_code == code, held.output
    return held.stdout if code == 0 else held.stderr


def make(folder: Path, *more: object) -> dict[str, Any]:
    table, key = folder / "standings", folder / "key"
    out = run("standings", "make", folder / "result", "--out", table, "--key-file", key, "--json", *more)
    held: dict[str, Any] = json.loads(out)
    return held


def standing(folder: Path, account: str) -> Standing | None:
    return Reloading(folder / "standings", in_background=False).of(Pseudonyms(KEY).hash_one("account_id", account))


def test_make_takes_the_flagged_and_with_profiles_everyone(folder: Path) -> None:
    assert make(folder)["accounts"] == 4
    assert standing(folder, "e") is None
    told = make(folder, "--accounts", folder / "accounts.csv", "--rung", "cap", "--days", 1)
    assert (told["accounts"], told["flagged"], told["campaigns"]) == (6, 4, 2)
    assert told["by_rung"]["cap"] == 4
    a, d, z = (standing(folder, name) for name in "adz")
    assert a is not None
    assert d is not None
    assert z is not None
    assert (a.rung, a.campaign_id, a.evidence_nats, a.membership_nats, a.plan) == (Rung.CAP, "c-1", 8.0, 2.5, "pro")
    assert (a.actor_accounts, d.actor_accounts, a.actor != d.actor) == (3, 1, True)
    assert (z.rung, z.plan, z.verification) == (Rung.NONE, "api", "phone")
    assert a.until_us > a.since_us == int(FLAGGED.timestamp() * 1e6)


def test_an_actor_stays_over_new_tables(folder: Path) -> None:
    make(folder)
    first = standing(folder, "a")
    make(folder, "--rung", "hide")
    second = standing(folder, "a")
    assert first is not None
    assert second is not None
    assert (second.actor, second.rung) == (first.actor, Rung.HIDE)


def test_restore_and_revoke_act_at_once_and_outlive_new_tables(folder: Path) -> None:
    make(folder, "--rung", "cap")
    watched = Reloading(folder / "standings", in_background=False)
    keys = {name: Pseudonyms(KEY).hash_one("account_id", name) for name in "abcdz"}
    table, key = folder / "standings", folder / "key"
    said = run("standings", "restore", table, "a", "--reason", "appeal 5", "--key-file", key)
    assert said == "1 account restored\n"
    run("standings", "revoke", table, "--campaign", "c-2", "--json")
    run("standings", "revoke", table, f"0x{keys['z']:x}", "--rung", "slow")
    watched.poll(2_000_000)
    assert [found.rung if (found := watched.of(keys[name])) else None for name in "abcdz"] == [0, 3, 3, 7, 2]
    make(folder, "--rung", "hide")
    watched.poll(4_000_000)
    assert [found.rung if (found := watched.of(keys[name])) else None for name in "abcdz"] == [0, 4, 4, 7, 2]
    shown = json.loads(run("standings", "show", table, "a", "d", "q", "--key-file", key, "--json"))
    assert [row["rung"] for row in shown] == ["none", "suspend", "none"]
    assert (shown[0]["restored"], shown[0]["by_hand"]["reason"], shown[2]["known"]) == (True, "appeal 5", False)
    whole = json.loads(run("standings", "show", table, "--json"))
    assert (whole["by_hand"], whole["accounts"]) == (3, 4)
    assert "one budget for all accounts" in run("standings", "show", table)
    assert "campaign_id: c-2" in run("standings", "show", table, "d", "--key-file", key)


def test_what_cannot_be_done_is_told_in_one_line(folder: Path) -> None:
    make(folder)
    table = folder / "standings"
    for arguments, said in (
        (("make", folder / "nothing", "--out", table), "folder that a scan has written"),
        (("make", folder / "result", "--out", table, "--rung", "high"), "not a rung"),
        (
            ("make", folder / "result", "--out", table, "--redis", "redis://:secret@127.0.0.1:1/0"),
            "could not be reached",
        ),
        (("show", folder / "nothing"), "standings make"),
        (("revoke", table), "name an account"),
        (("revoke", table, "a", "--rung", "high"), "not a rung"),
        (("restore", table, "--campaign", "c-9"), "it has c-1, c-2"),
        (("restore", table, "0xzz"), "invalid literal"),
    ):
        error = run(
            "standings", *arguments, *(("--key-file", folder / "key") if arguments[0] == "make" else ()), code=2
        )
        assert said in error
        assert error.count("\n") == 1
        assert "secret" not in error


def test_a_replay_tells_who_would_have_been_touched(folder: Path) -> None:
    arguments = [folder / "log.parquet", "--result", folder / "result", "--accounts", folder / "accounts.csv"]
    told = json.loads(run("policy", "replay", *arguments, "--json"))
    first = told["campaigns"][0]
    assert (first["campaign_id"], first["before_flag"]) == ("c-1", 10)
    # From the flag on, evidence of 8 nats hides reasoning; nothing is refused.
    assert (first["touched"]["exchanges"], first["touched"]["refused"], first["touched"]["hidden"]) == (20, 0, 10)
    # Half of the other account's requests come from a region that the default policy does not serve.
    assert (told["honest"]["exchanges"], told["honest"]["refused"]) == (20, 10)
    assert told["honest"]["revenue_lost"] == pytest.approx(10 * (1000 * 3 + 2000 * 15) / 1e6)
    assert told["by_kind"] == [[["free", "none"], told["honest"]]]
    assert [name for name, touched in told["by_rung"] if touched["accounts"]] == ["suspend"]
    assert told["examples"][0]["account_id"] == "e"
    early = json.loads(run("policy", "replay", *arguments, "--hindsight", "--rung", "suspend", "--json"))
    assert early["campaigns"][0]["touched"]["refused"] == 20
    text = run("policy", "replay", *arguments, "--price-input", 0, "--price-output", 1)
    assert "region-of-request" in text
    assert "before the flag" in text


def test_a_replay_needs_no_result(folder: Path) -> None:
    told = json.loads(run("policy", "replay", folder / "log.parquet", "--json"))
    assert (told["campaigns"], told["honest"]["exchanges"], told["honest"]["refused"]) == ([], 40, 10)
    for arguments, said in (
        ((folder / "nothing",), "no such file"),
        ((folder / "log.parquet", "--rung", "high"), "not a rung"),
        ((folder / "log.parquet", "--policy", folder / "none.yaml"), "cannot be read"),
        ((folder / "log.parquet", "--result", folder), "folder that a scan has written"),
    ):
        assert said in run("policy", "replay", *arguments, code=2)
