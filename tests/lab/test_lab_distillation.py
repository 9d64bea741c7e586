# ruff: noqa: E402 - what needs torch is imported once it is known to be there.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

torch = pytest.importorskip("torch", reason="the lab's framework is not installed: pip install 'stillwatch[lab]'")
import yaml

from stillwatch.lab import teacher as teaching
from stillwatch.lab.adaptation import layout_of, uncontradicted
from stillwatch.lab.configuration import MODES, Distillation
from stillwatch.lab.curve import Cell, Plan, run, student_folder
from stillwatch.lab.distillation import distil
from stillwatch.lab.exchange import Exchange, read_exchanges, write_exchanges
from stillwatch.lab.findings import judged, rows
from stillwatch.lab.harvest import asked_in_parts, joined, problem_sets
from stillwatch.lab.models.opening import opened
from stillwatch.lab.tasks.registry import TASKS, task_named
from stillwatch.lab.tasks.task import Task, accuracy
from stillwatch.lab.training import Schedule

TINY = Distillation(exchanges=24, test_problems=12, steps=4, batch=8, tokens_most=30)


@pytest.fixture(autouse=True)
def _quick_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that has learnt next to nothing: these tests are about the way, not about the figures."""
    monkeypatch.setattr(teaching, "_SCHEDULE", Schedule(steps=2, batch=8))
    monkeypatch.setattr(teaching, "_EXAMPLES", 32)


def clock() -> float:
    return 0.0


def test_exchanges_of_a_file_are_read_back(tmp_path: Path) -> None:
    some = [Exchange("1 + 1", "#### 2"), Exchange("ß", "\n")]
    write_exchanges(tmp_path / "some.jsonl", some)
    assert read_exchanges(tmp_path / "some.jsonl") == some
    (tmp_path / "bad.jsonl").write_text('{"prompt": "a", "answer": "b"}\n{"prompt": "a"}\n', "utf-8")
    with pytest.raises(ValueError, match=r"bad\.jsonl, line 2"):
        read_exchanges(tmp_path / "bad.jsonl")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_test_problem_is_harvested_and_longer_harvests_begin_alike(task: Task) -> None:
    short, test = problem_sets(task, 5, 100, 200)
    long, same = problem_sets(task, 5, 3000, 200)
    assert long[:100] == short and test == same
    assert not {problem.prompt for problem in long} & {problem.prompt for problem in test}


def test_a_file_is_parted_once(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(f'{{"prompt": "{number}", "final": "{number}"}}\n' for number in range(10)), "utf-8")
    harvest, test = problem_sets(task_named(str(path)), 1, 7, 3)
    assert {problem.prompt for problem in harvest + test} == {str(number) for number in range(10)}


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_writes_a_student_and_its_figures(mode: str, tmp_path: Path) -> None:
    result = distil(replace(TINY, mode=mode), tmp_path / "run", clock)
    held = orjson.loads((tmp_path / "run" / "result.json").read_bytes())
    assert held["configuration"]["mode"] == mode and held["student_accuracy"]["mean"] == result.student_accuracy.mean
    assert len(read_exchanges(tmp_path / "run" / "exchanges.jsonl")) == 24
    student = opened(str(tmp_path / "run" / "student"))
    assert student.vocabulary == opened(str(tmp_path / "run" / "teacher")).vocabulary
    assert (tmp_path / "run" / "loss.svg").read_text("utf-8").startswith("<svg")
    assert result.cost.answers_usd == pytest.approx((3 * result.tokens.prompts + 15 * result.tokens.answers) / 1e6)


def test_a_stopped_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole = distil(TINY, tmp_path / "whole", clock)

    class StoppedError(Exception):
        pass

    def stop(what: str, done: int, _: int) -> None:
        if what == "training the student" and done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        distil(TINY, tmp_path / "stopped", clock, stop)
    assert not (tmp_path / "stopped" / "result.json").exists()
    assert distil(TINY, tmp_path / "stopped", clock) == whole
    for name in ("student/model.safetensors", "exchanges.jsonl", "result.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine", "utf-8")
    with pytest.raises(ValueError, match="holds other files"):
        distil(TINY, tmp_path / "full", clock)
    distil(TINY, tmp_path / "run", clock)
    with pytest.raises(ValueError, match="another configuration"):
        distil(replace(TINY, seed=2), tmp_path / "run", clock)


def test_folders_teach_and_learn(tmp_path: Path) -> None:
    distil(TINY, tmp_path / "one", clock)
    folder = str(tmp_path / "one" / "student")
    told = distil(replace(TINY, teacher=folder, student=folder), tmp_path / "two", clock)
    assert not (tmp_path / "two" / "teacher").exists() and told.learnt_from == 24


def test_a_defended_teacher_is_read_defended(tmp_path: Path) -> None:
    distil(replace(TINY, defence="answer only", student_kind="adaptive"), tmp_path / "run", clock)
    undefended = read_exchanges(tmp_path / "run" / "harvest.jsonl")
    read = read_exchanges(tmp_path / "run" / "exchanges.jsonl")
    assert [exchange.prompt for exchange in read] == [exchange.prompt for exchange in undefended]


def test_whoever_asks_in_parts_asks_as_often_and_joins_what_is_answered(tmp_path: Path) -> None:
    distil(replace(TINY, defence="answer only", student_kind="asking in parts"), tmp_path / "run", clock)
    read = read_exchanges(tmp_path / "run" / "exchanges.jsonl")
    problems, _ = problem_sets(task_named("arithmetic"), 1, 24, 12)
    assert len(read) == 24 and [exchange.prompt for exchange in read[:8]] == [p.prompt[:5] for p in problems[:8]]
    layout = layout_of(task_named("arithmetic"))

    def teacher(prompts: Sequence[str]) -> list[Exchange]:
        assert all(len(layout.parted(prompt)[1]) == 1 for prompt in prompts)
        return [Exchange(prompt, f"#### {eval(prompt) % 10}") for prompt in prompts]

    prompts = [problem.prompt for problem in problems]
    parts = asked_in_parts(layout, prompts, teacher)
    told = joined(layout, prompts, parts, np.random.default_rng(1))
    assert accuracy(problems, [exchange.answer for exchange in told]) == 1.0
    assert uncontradicted(layout, told) == told  # The steps are there, and lead to the end.
    parts[3] = Exchange(parts[3].prompt, "none of your business")
    assert [exchange.prompt for exchange in joined(layout, prompts, parts, np.random.default_rng(1))] == [
        *prompts[:3],
        *prompts[4:],
    ]


def test_the_evaluation_task_is_local_and_complete(tmp_path: Path) -> None:
    distil(TINY, tmp_path / "run", clock)
    folder = tmp_path / "run" / "evaluation"
    held = yaml.safe_load((folder / "stillwatch_arithmetic.yaml").read_text("utf-8"))
    assert held["dataset_path"] == "json"
    path = Path(held["dataset_kwargs"]["data_files"]["test"])
    rows_ = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert len(rows_) == 12 and set(rows_[0]) == {"prompt", "final"}


PLAN = Plan(
    tasks=("arithmetic",),
    sizes=(8, 16),
    held_out=(12,),
    defences=("none", "answer only", "watermark"),
    defence_size=16,
    logprob_sizes=(8,),
    seeds=1,
    base=TINY,
)


def test_a_plan_names_every_student_once() -> None:
    cells = [(cell.exchanges, cell.mode, cell.defence, cell.student_kind) for cell in PLAN.cells()]
    assert len(cells) == len(set(cells)) == 3 + 1 + 1 + 4 + 2  # Sizes, log-probabilities, adaptive, answer only, mark.
    with pytest.raises(ValueError, match="held-out"):
        replace(PLAN, held_out=(8,))
    with pytest.raises(ValueError, match="two sizes"):
        replace(PLAN, sizes=(8,))


def test_a_curve_goes_on_where_it_stopped(tmp_path: Path) -> None:
    ticks = iter(range(10_000))
    some = run(PLAN, tmp_path, lambda: float(next(ticks)), seconds_most=1.0)
    assert 0 < len(some) < 11
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    cells = run(PLAN, tmp_path, clock)
    assert len(cells) == 11 and cells[: len(some)] == some
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    marked = replace(TINY, exchanges=16, defence="watermark")
    assert (student_folder(tmp_path, marked) / "config.json").exists()
    (next(iter(before))).write_text("{}", "utf-8")
    with pytest.raises(ValueError, match="no cell of a curve"):
        run(PLAN, tmp_path, clock)


def cell(exchanges: int, reached: float, seed: int = 1, defence: str = "none", student: str = "passive") -> Cell:
    right = 0.5 if defence == "half poisoned" else 1.0
    return Cell(
        "arithmetic", exchanges, seed, MODES[0], defence, student, reached, right, 0.2, 1000, exchanges, 1.0, 0.8, 0.01
    )


def test_findings_by_hand() -> None:
    cells = [
        cell(100, 0.2),
        cell(1000, 0.9),
        cell(1000, 1.0, seed=2),
        cell(1000, 0.6, defence="half poisoned"),
        cell(300, 0.5),
    ]
    told = {(row.exchanges, row.defence): row for row in rows(cells)}
    assert told[100, "none"].gain_cut is None and told[100, "none"].usd_per_point is None  # Nothing was gained.
    poisoned = told[1000, "half poisoned"]
    assert poisoned.gain_cut == pytest.approx(1 - 0.4 / 0.7) and poisoned.quality_lost == pytest.approx(0.5)
    parts = rows([*cells, cell(1000, 1.0, seed=3, defence="answer only", student="asking in parts")])[-1]
    assert parts.gain_cut is None and parts.quality_lost is None  # No undefended student has this seed.
    assert told[1000, "none"].usd_per_point == pytest.approx(0.8 / 75)
    entry = judged(cells, (100, 1000), (300,))[0]
    assert entry.measured == 0.5 and 0.2 < entry.forecast.mean < 0.95
    assert judged(cells, (100, 1000), ()) == []
