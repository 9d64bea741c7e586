from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stillwatch.cli.range import application
from stillwatch.range.duel.prices import SHIPPED

DUEL = ["duel", "--benign", "20", "--days", "3", "--budget", "30", "--repeats", "1", "--seed", "4"]
LIMITS = ["limits", "--benign", "20", "--days", "3", "--size", "4", "--rate", "5", "--cover", "0", "--repeats", "1"]


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(application, list(arguments), env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_a_duel_is_written_as_json_and_picture(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "duel"
    said = orjson.loads(run(*DUEL, "--out", str(out), "--json"))
    assert orjson.loads((out / "duel.json").read_bytes()) == said
    assert said["rules"]["seeds"] == [4] and len(said["steps"]) == 10
    assert (out / "duel.svg").read_text().startswith("<svg")
    # A second run takes what is kept, and says the same as a table.
    result = CliRunner().invoke(application, [*DUEL, "--out", str(out)], env={"COLUMNS": "200"})
    assert result.exit_code == 0 and "seeds 4" in result.stderr and "one exchange each" in result.stdout
    assert len(list((out / "kept").iterdir())) == 10


def test_limits_are_written_as_json_and_picture(tmp_path: Path) -> None:
    said = orjson.loads(run(*LIMITS, "--out", str(tmp_path), "--json"))
    assert [cell["size"] for cell in said["cells"]] == [4] * 5
    assert orjson.loads((tmp_path / "limits.json").read_bytes()) == said
    assert "pooled marks" in run(*LIMITS, "--out", str(tmp_path))
    assert (tmp_path / "limits.svg").read_text().startswith("<svg")


def test_prices_are_printed_to_be_edited(tmp_path: Path) -> None:
    assert run("prices") == SHIPPED.read_text(encoding="utf-8")
    edited = tmp_path / "prices.yaml"
    edited.write_text(run("prices").replace("usd: 2.00", "usd: two"))
    assert "card" in run(*DUEL, "--out", str(tmp_path / "out"), "--prices", str(edited), code=2)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([*DUEL[:5], "--budget", "1", "--repeats", "1"], "budget"),
        ([*DUEL, "--scale", "0"], "scale"),
        ([*DUEL, "--prices", "nowhere.yaml"], "nowhere.yaml"),
        ([*LIMITS, "--size", "20"], "benign"),
    ],
)
def test_misuse_is_explained(arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert word in run(*arguments, "--out", "out", code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["duel", "limits", "prices"])
def test_help_teaches(command: str) -> None:
    said = run(command, "--help")
    assert "Example" in said
