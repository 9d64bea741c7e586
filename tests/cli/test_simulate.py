from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

from stillwatch.cli.simulate import simulate
from stillwatch.range.presets import DEMO, PRESETS

APP = typer.Typer()
APP.command()(simulate)
SMALL = ["--benign", "20", "--days", "3", "--scale", "0.002", "--seed", "4"]


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(APP, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_json_tells_what_was_written(tmp_path: Path) -> None:
    name = "gtig-2026-02-coercion"
    said = orjson.loads(run("--out", str(tmp_path / "out"), *SMALL, "--campaign", name, "--json"))
    assert said["seed"] == 4 and said["files"] == 1 and said["exchanges"] > 100
    assert [entry[0] for entry in said["campaigns"]] == [name]
    assert sum(accounts for _, accounts in said["kinds"]) == 20
    assert (tmp_path / "out" / "exchanges" / "part-00000.parquet").exists()


def test_the_seed_is_printed_and_the_next_command_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, ["--out", str(tmp_path / "out"), *SMALL, "--only-benign"])
    assert result.exit_code == 0
    assert "seed 4" in result.stderr and "seed 4" in result.stdout
    assert "stillwatch scan" in result.stdout


def test_an_earlier_simulation_is_kept_without_force(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run("--out", out, *SMALL, "--only-benign", "--json")
    assert "--force" in run("--out", out, *SMALL, "--only-benign", "--json", code=2)
    run("--out", out, *SMALL, "--only-benign", "--json", "--force")


def test_the_list_names_every_preset() -> None:
    said = orjson.loads(run("--list", "--json"))
    assert [entry["name"] for entry in said] == [campaign.name for campaign in PRESETS]
    assert [entry["name"] for entry in said if entry["in_demo"]] == sorted(DEMO, key=[e["name"] for e in said].index)
    assert PRESETS[0].name[:9] in run("--list")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--out"),
        (["--out", "x", "--campaign", "nobody"], "nobody"),
        (["--out", "x", "--only-benign", "--campaign", "nobody"], "--only-benign"),
        (["--out", "x", "--scale", "3"], "scale"),
    ],
)
def test_misuse_is_explained(arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert word in run(*arguments, code=2)
    assert list(tmp_path.iterdir()) == []
