"""``stillwatch watch`` and ``demo-wall`` from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stillwatch.cli.demo_wall import bars, demo_wall
from stillwatch.cli.watch import rungs_of, watch
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import read_snapshot

application = typer.Typer(pretty_exceptions_enable=False)
application.command()(watch)
application.command("demo-wall")(demo_wall)
KEY = bytes(range(32)).hex()


def line(account: str, second: int) -> str:
    return json.dumps({"timestamp": f"2026-03-05T00:00:{second:02}Z", "account_id": account, "prompt": "Hello"}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl").write_text("".join(line(f"acct_{k}", k) for k in range(9)))
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "accounts.csv").write_text("account_id,plan\nacct_1,pro\nacct_2,free\n")
    return tmp_path


def run(folder: Path, *words: str, once: bool = True) -> Any:
    given = ["watch", str(folder / "log"), "--standings", str(folder / "standings"), "--key-file", str(folder / "key")]
    given += ["--settled", "0", *(["--once"] if once else []), *words]
    return CliRunner().invoke(application, given, catch_exceptions=False)


def events(result: Any) -> list[dict[str, Any]]:
    return [json.loads(each) for each in result.stdout.splitlines()]


def test_it_says_what_it_did_as_lines_of_json(folder: Path) -> None:
    result = run(folder, "--accounts", str(folder / "accounts.csv"), "--json")
    assert result.exit_code == 0
    told = {each["event"]: each for each in events(result)}
    assert list(told) == ["accounts", "folded", "looked", "standings"]
    assert told["folded"]["exchanges"] == told["looked"]["exchanges"] == 9
    assert told["looked"]["accounts"] == 9 and told["looked"]["flagged"] == 0
    assert told["standings"]["accounts"] == 2 and told["standings"]["rungs"] == {"none": 2}
    assert len(read_snapshot(folder / "standings")) == 2
    assert "Hello" not in result.stdout


def test_it_goes_on_where_it_ended(folder: Path) -> None:
    run(folder)
    (folder / "log" / "b.jsonl").write_text(line("acct_1", 30) + line("acct_10", 31))
    again = {each["event"]: each for each in events(run(folder, "--json"))}
    assert again["resumed"]["files"] == 1 and again["folded"]["exchanges"] == 2
    assert again["looked"]["exchanges"] == 11 and again["looked"]["accounts"] == 10


def test_it_says_the_same_to_people(folder: Path) -> None:
    result = run(folder, "--accounts", str(folder / "accounts.csv"))
    assert "9 exchanges from 1 new files" in result.stdout
    assert "0 of 2 accounts are flagged" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rung", "cap"), "write NATS=RUNG"),
        (("--rung", "1=prison"), "write NATS=RUNG"),
        (("--level", "1"), "must lie in (0, 1)"),
        (("--accounts", "/nowhere/accounts.csv"), "check the path"),
        (("--standings", "/nowhere/standings"), "does not exist"),
    ],
)
def test_what_cannot_work_is_told_at_once(folder: Path, words: tuple[str, ...], said: str) -> None:
    result = run(folder, *words)
    assert result.exit_code == 2
    assert said in result.stderr and "Traceback" not in result.output


def test_a_state_under_another_key_is_refused(folder: Path) -> None:
    run(folder)
    (folder / "key").write_text(bytes(range(1, 33)).hex() + "\n")
    result = run(folder)
    assert result.exit_code == 2 and "another key" in result.stderr


def test_a_server_that_is_away_is_told_and_the_table_is_there(folder: Path) -> None:
    pytest.importorskip("redis", reason="publishing needs redis: pip install 'stillwatch[wall]'")
    result = run(folder, "--redis", "redis://user:secret@127.0.0.1:1/0", "--json")
    assert result.exit_code == 2
    assert "could not be reached" in events(result)[-1]["reason"] and "secret" not in result.output
    assert (folder / "standings").exists()


def test_rungs_are_read_in_the_order_of_their_evidence() -> None:
    assert rungs_of(["9.2=verify", "0=cap"]) == ((0.0, Rung.CAP), (9.2, Rung.VERIFY))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_between_two_turns(folder: Path, number: int) -> None:
    words = [
        sys.executable,
        "-m",
        "stillwatch",
        "watch",
        str(folder / "log"),
        "--standings",
        str(folder / "standings"),
    ]
    words += ["--key-file", str(folder / "key"), "--settled", "0", "--every", "3600", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})
    until = time.monotonic() + 120
    while not (folder / "standings").exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert b"standings" in out and not errors


def test_help_teaches() -> None:
    for command, said in (("watch", "SIGTERM"), ("demo-wall", "closes")):
        result = CliRunner().invoke(application, [command, "--help"])
        assert result.exit_code == 0 and said in result.stdout and "Exit codes" in result.stdout


def test_bars_show_whatever_there_is() -> None:
    assert bars([0, 1, 50, 100, 200], 100) == " ▁▄██"
