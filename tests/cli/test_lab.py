from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stillwatch.cli.lab import application
from stillwatch.lab import requirement

SMALL = "{exchanges: 24, test_problems: 12, steps: 4, batch: 8, tokens_most: 30}"


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(application, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_the_commands_explain_themselves() -> None:
    assert "distil" in run("--help") and "curve" in run("--help")
    assert "on-policy" in run("distil", "--help")


def test_an_absent_framework_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirement.importlib.util, "find_spec", lambda _: None)
    (tmp_path / "run.yaml").write_text(SMALL, "utf-8")
    said = run("distil", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"), code=2)
    assert "stillwatch[lab]" in said
    assert "stillwatch[lab]" in run("curve", "--out", str(tmp_path / "out"), code=2)
    assert not (tmp_path / "out").exists()


def test_a_bad_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("exchange: 3", "utf-8")
    said = run("distil", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"), code=2)
    assert "did you mean exchanges" in said
    assert not (tmp_path / "out").exists()


class TestWithTorch:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'stillwatch[lab]'")
        torch.set_num_threads(1)
        from stillwatch.lab import teacher
        from stillwatch.lab.training import Schedule

        monkeypatch.setattr(teacher, "_SCHEDULE", Schedule(steps=2, batch=8))
        monkeypatch.setattr(teacher, "_EXAMPLES", 32)

    def test_distil_prints_what_it_wrote(self, tmp_path: Path) -> None:
        (tmp_path / "run.yaml").write_text(SMALL, "utf-8")
        arguments = ("distil", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"))
        said = orjson.loads(run(*arguments, "--json"))
        assert said["configuration"]["seed"] == 1 and said["tokens"]["answers"] > 0
        assert said == orjson.loads((tmp_path / "out" / "result.json").read_bytes()) | {"out": str(tmp_path / "out")}
        result = CliRunner().invoke(application, list(arguments))  # It has ended: nothing is trained again.
        assert "seed 1" in result.stderr and "24 exchanges" in result.stdout and "student" in result.stdout

    def test_another_configuration_does_not_take_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine.txt").write_text("x", "utf-8")
        (tmp_path / "run.yaml").write_text(SMALL, "utf-8")
        said = run("distil", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"), code=2)
        assert "--out" in said

    def test_curve_writes_value_forecast_and_origin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from stillwatch.store.values import read_value

        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr("stillwatch.cli.lab._ASKED", 8)
        out = tmp_path / "out"
        arguments = ["curve", "--out", str(out), "--task", "arithmetic", "--size", "8", "--size", "24", "--held-out",
                     "16", "--defence", "watermark", "--defence-size", "24", "--seeds", "1",
                     "--steps", "3", "--problems", "12"]  # fmt: skip
        said = orjson.loads(run(*arguments, "--minutes", "0.001", "--json"))
        assert said["students_missing"] > 0
        said = orjson.loads(run(*arguments, "--json"))
        assert said["students_missing"] == 0 and len(said["forecasts"]) == 1
        value = read_value(out / "value.json")
        assert [point.exchanges for point in value.curves[0].points] == [8, 16, 24] and value.toy
        tested = {entry["test"]: entry["outcome"] for entry in said["origin"] if entry["taught"] == "marked"}
        assert tested["radioactivity"] == tested["served_weights"] == "tested"
        told = run(*arguments)
        assert "watermark" in told and "Forecasts" in told and "radioactivity" in told
        assert "repeat the command" not in told

    def test_another_pair_of_models_does_not_take_a_curves_folder(self, tmp_path: Path) -> None:
        (tmp_path / "models.json").write_text('{"teacher": "mine", "student": "mine"}', "utf-8")
        assert "other models" in run("curve", "--out", str(tmp_path), code=2)

    @pytest.mark.parametrize("arguments", [["--task", "geometry"], ["--defence", "moat"], ["--size", "8"]])
    def test_misuse_is_explained(self, arguments: list[str], tmp_path: Path) -> None:
        assert "stillwatch: " in run("curve", "--out", str(tmp_path / "out"), *arguments, code=2)
