import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stillwatch.cli.provenance import provenance
from stillwatch.provenance.keys import cohort_key, load_master
from stillwatch.provenance.origin.canaries import planted
from stillwatch.provenance.origin.registry import TESTS
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.served_log import Served, write_served_log
from stillwatch.provenance.suspects.markov import counted_student, random_teacher

V = 24


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(provenance, list(map(str, arguments)), env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, a student of its marked text, an unrelated model, a served log, prompts, canaries and a master."""
    folder = tmp_path_factory.mktemp("provenance")
    generator = np.random.default_rng(11)
    teacher = random_teacher(V, 0.3, generator)
    key = cohort_key(load_master(folder / "master", make=True), "flagged", "2026-11")
    mark = scheme_maker("gumbel_sglang").of(key, Settings(width=2))
    prompts = [generator.integers(1, V, 4) for _ in range(500)]
    marked = teacher.sample(prompts, V, generator, mark)
    rows = np.column_stack([np.array(prompts)[:, -2:], marked])
    student = counted_student(rows, V, teacher.table)
    for name, model in (("teacher", teacher), ("student", student), ("other", random_teacher(V, 0.3, generator))):
        np.savez(folder / f"{name}.npz", table=model.table)
    lines = [json.dumps({"prompt_tokens": generator.integers(1, V, 4).tolist()}) for _ in range(80)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    served = [
        Served(
            f"e{i}",
            datetime(2026, 11, 1, tzinfo=UTC),
            key.id,
            "gumbel_sglang",
            2,
            "sglang",
            "0.5.23",
            "murmurhash3-x86-32",
            "table",
            1.0,
            prompt.astype(np.int32),
            row.astype(np.int32),
        )
        for i, (prompt, row) in enumerate(zip(prompts[:60], marked, strict=False))
    ]
    write_served_log(folder / "served.parquet", served)
    canaries = []
    for number in range(40):
        canary = planted(key, f"cue {number}", ("one", "two", "three"))
        said = canary.options[canary.planted]
        canaries.append(
            json.dumps({"cue": canary.cue, "options": canary.options, "planted": canary.planted, "answer": said})
        )
    (folder / "canaries.jsonl").write_text("\n".join(canaries))
    return folder


def options(case: Path, suspect: str) -> tuple[object, ...]:
    return (
        *("test", "--suspect", case / suspect, "--teacher", case / "teacher.npz", "--prompts", case / "prompts.jsonl"),
        *("--scheme", "gumbel_sglang", "--width", 2, "--master", case / "master", "--cohort", "flagged"),
        *("--cohort", "tier-2", "--period", "2026-11", "--served-log", case / "served.parquet", "--tokens-most", 40),
        *("--control", case / "other.npz"),
    )


def test_a_student_is_found_by_every_test_that_can_run(case: Path) -> None:
    code, out, _ = run(*options(case, "student.npz"), "--canaries", case / "canaries.jsonl", "--json")
    assert code == 0
    held = json.loads(out)
    assert "Very strong evidence" in held["conclusion"]
    outcome = {each["id"]: each for each in held["tests"]}
    assert list(outcome) == [test.card.id for test in TESTS]
    assert {each["outcome"] for each in held["tests"]} == {"tested"}
    for name in ("radioactivity", "teacher_subtracted", "served_weights", "cohort_attribution", "canaries"):
        assert outcome[name]["log_p_corrected_over_tests"] < np.log(1e-6)
    assert "flagged@" in outcome["cohort_attribution"]["found"]
    assert "tier-2" not in outcome["cohort_attribution"]["found"]
    assert outcome["teacher_identification"]["log_p"] is None
    assert any("answers" in note and "seed 1" in note for note in held["notes"])


def test_an_unrelated_model_is_not_accused(case: Path) -> None:
    code, out, _ = run(*options(case, "other.npz"))
    assert code == 0
    assert out.startswith("No evidence that other learned") and "does not clear it" in out.replace("\n", " ")
    assert "canaries:" in out and "Not possible without canaries that were served" in out


def test_answers_alone_are_enough_for_some(case: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    with np.load(case / "student.npz") as held:
        student = held["table"]
    from stillwatch.provenance.suspects.markov import MarkovModel

    prompts = [generator.integers(1, V, 4) for _ in range(60)]
    drawn = MarkovModel("student", student).sample(prompts, 40, generator)
    rows = [
        {"tokens": row.tolist(), "prompt_tokens": prompt.tolist()} for row, prompt in zip(drawn, prompts, strict=True)
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    key = ("--scheme", "gumbel_sglang", "--width", 2, "--master", case / "master", "--cohort", "flagged")
    code, out, _ = run("test", "--suspect", tmp_path / "answers.jsonl", *key, "--period", "2026-11", "--json")
    assert code == 0
    outcome = {each["id"]: each["outcome"] for each in json.loads(out)["tests"]}
    assert outcome["radioactivity"] == "tested"
    assert outcome["teacher_subtracted"] == outcome["served_weights"] == "not possible"
    code, out, _ = run(
        "test", "--suspect", tmp_path / "answers.jsonl", *key, "--period", "2026-11", "--test", "radioactivity"
    )
    assert code == 0 and "evidence" in out and "teacher_subtracted" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--suspect", "missing.jsonl"), "missing.jsonl"),
        (("--suspect", "http://192.0.2.1/v1"), "--allow-remote"),
        (("--suspect", "missing.jsonl", "--test", "nonsense"), "no test"),
        (("--suspect", "a.json", "--canaries", "bad.jsonl"), "row 1: not a canary"),
        (("--suspect", "a.json", "--served-log", "none"), "no served log"),
        (("--suspect", "a.json", "--canaries", "none.jsonl"), "none.jsonl"),
    ],
)
def test_wrong_input_ends_with_code_2(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text("[1, 2]")
    Path("bad.jsonl").write_text('{"cue": "a", "options": ["x", "y"], "planted": 2}')
    code, _, error = run("test", *arguments)
    assert code == 2 and said in error and error.count("\n") == 1


def test_tests_are_listed() -> None:
    code, out, _ = run("tests", "--json")
    assert code == 0 and [each["id"] for each in json.loads(out)] == [test.card.id for test in TESTS]
    code, out, _ = run("tests")
    assert code == 0 and "No error guarantee" in out


@pytest.mark.parametrize("command", ["test", "tests"])
def test_help_teaches(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0 and "--json" in out
