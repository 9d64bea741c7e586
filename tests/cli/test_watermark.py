import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stillwatch.cli.watermark import watermark
from stillwatch.provenance.keys import cohort_key, load_master
from stillwatch.provenance.schemes.registry import SCHEMES, scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.suspects.markov import random_teacher

PERIOD = "2026-11"


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(watermark, list(map(str, arguments)), env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A folder with a master, and texts that bear the mark of cohort "flagged" under vLLM's function."""
    (tmp_path / "master").write_text("5e" * 32)  # Always the same: by chance one key in twenty sees a mark in any text.
    (tmp_path / "master").chmod(0o600)
    master = load_master(tmp_path / "master")
    mark = scheme_maker("gumbel_vllm").of(cohort_key(master, "flagged", PERIOD), Settings(width=4))
    generator = np.random.default_rng(7)
    prompts = [generator.integers(0, 40, 4) for _ in range(30)]
    teacher = random_teacher(40, 0.5, generator)
    for name, key in (("marked", mark), ("plain", None)):
        rows = teacher.sample(prompts, 40, generator, key).tolist()
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_detect_names_the_cohort_and_clears_the_other(marked: Path) -> None:
    options = ("--master", marked / "master", "--cohort", "flagged", "--cohort", "other", "--period", PERIOD, "--json")
    code, out, _ = run("detect", marked / "marked.jsonl", *options)
    assert code == 0
    held = json.loads(out)
    assert [each["key_id"].split("@")[0] for each in held["keys"]] == ["flagged", "other"]
    flagged, other = (each["p_adjusted"] for each in held["keys"])
    assert flagged < 1e-6 and other > 1e-3
    assert held["keys"][0]["scheme"]["id"] == "gumbel_vllm" and held["texts"] == 30
    code, out, _ = run("detect", marked / "plain.jsonl", *options)
    assert json.loads(out)["keys"][0]["p_adjusted"] > 1e-3


def test_detect_says_so_in_words(marked: Path) -> None:
    options = ("--master", marked / "master", "--cohort", "flagged", "--period", PERIOD)
    code, out, _ = run("detect", marked / "marked.jsonl", *options)
    assert code == 0
    assert "Very strong evidence of this mark" in out and "distinct pairs judged" in out
    assert "GPU sampling kernel was not run" in out
    (marked / "short.json").write_text("[1, 2, 3]")
    code, out, _ = run("detect", marked / "short.json", *options)
    assert code == 0 and "No evidence" in out and "Fewer than 100 pairs" in out


def test_keys_shows_ids_and_writes_files_but_no_secret(tmp_path: Path) -> None:
    options = ("--master", tmp_path / "master", "--cohort", "a", "--cohort", "b", "--period", PERIOD)
    code, _, error = run("keys", *options)
    assert code == 2 and "no such master key" in error
    code, out, _ = run("keys", *options, "--make", "--write", tmp_path / "keys", "--width", 2, "--json")
    assert code == 0
    held = json.loads(out)
    assert [each["id"][:10] for each in held["keys"]] == ["a@2026-11#", "b@2026-11#"]
    assert [each["width"] for each in held["width"]] == [2, 4]
    secret = json.loads(Path(held["keys"][0]["file"]).read_text())
    assert secret["context_width"] == 2 and secret["algorithm"] == "gumbel"
    master = (tmp_path / "master").read_text().strip()
    _, words, _ = run("keys", *options)
    for shown in (out, words):
        assert str(secret["key"]) not in shown and f"{secret['key']:x}" not in shown and master not in shown
    assert "Width 2:" in words and "Width 4, with a served log:" in words


def test_a_written_key_reads_what_the_cohort_s_key_marked(marked: Path) -> None:
    run("keys", "--master", marked / "master", "--cohort", "flagged", "--period", PERIOD, "--write", marked / "keys")
    (file,) = (marked / "keys").iterdir()
    code, out, _ = run("detect", marked / "marked.jsonl", "--key", file, "--json")
    assert code == 0 and json.loads(out)["keys"][0]["p_adjusted"] < 1e-6
    assert str(json.loads(file.read_text())["key"]) not in out


def test_schemes_are_listed_with_what_is_known_of_them() -> None:
    code, out, _ = run("schemes", "--json")
    assert code == 0
    assert [each["id"] for each in json.loads(out)] == [maker.card.id for maker in SCHEMES]
    code, out, _ = run("schemes")
    assert code == 0 and "synthid_hugging_face" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.json", "--key", "k"), "cannot be read"),
        (("t.json",), "no key"),
        (("t.json", "--key", "k", "--scheme", "nonsense"), "no scheme"),
        (("t.json", "--key", "k", "--scheme", "kgw_left_hugging_face"), "vocabulary"),
        (("t.txt", "--key", "k"), "tokenizer"),
    ],
)
def test_wrong_input_ends_with_code_2_and_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in (("t.json", "[1, 2, 3]"), ("t.txt", "words"), ("k", "12345")):
        Path(name).write_text(content)
    code, _, error = run("detect", *arguments)
    assert code == 2 and said in error and error.count("\n") == 1
    assert "12345" not in error


@pytest.mark.parametrize("command", ["detect", "keys", "schemes"])
def test_help_teaches(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0 and "--json" in out
