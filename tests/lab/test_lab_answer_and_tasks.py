from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.lab.answer import Answer, parsed
from stillwatch.lab.tasks.registry import TASKS, task_named
from stillwatch.lab.tasks.task import Problem, Task, accuracy, is_right

STEP = st.text("abc 123+=", min_size=1).map(str.strip).filter(bool)


@given(st.lists(STEP, max_size=4).map(tuple), STEP)
def test_what_is_written_is_read_back(steps: tuple[str, ...], final: str) -> None:
    answer = Answer(steps, final)
    assert parsed(answer.text) == answer


def test_the_last_final_answer_counts_and_none_is_told_apart() -> None:
    assert parsed("#### 1 \n then \n #### 2") == Answer(("#### 1", "then"), "2")
    assert parsed("4 + 4 = 8") is None
    assert parsed("all done \n ####  ") is None


def test_right_and_wrong() -> None:
    problem = Problem("1 + 1", "2")
    assert is_right(problem, "first \n #### 2")
    assert not is_right(problem, "#### 12") and not is_right(problem, "2")
    assert accuracy([problem, problem], ["#### 2", "#### 3"]) == 0.5
    with pytest.raises(ValueError, match="at least one"):
        accuracy([], [])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_worked_answers_are_right_in_known_words_and_in_order(task: Task) -> None:
    rng = np.random.default_rng(3)
    problems = task.problems(rng, 300)
    assert task.worked and task.layout
    layout = task.layout
    texts = task.worked(rng, problems)
    assert accuracy(problems, texts) == 1.0
    known = set(task.words)
    for problem, text in zip(problems, texts, strict=True):
        assert set(text.split(" ")) <= known and set(problem.prompt.split(" ")) <= known
        answer = parsed(text)
        assert answer is not None
        read = [layout.read(step) for step in answer.steps]
        assert [stage for stage, _ in read] == layout.parted(problem.prompt)[1] and read[-1][1] == problem.final
    fresh = layout.restyled(rng, texts)
    assert fresh != texts and accuracy(problems, fresh) == 1.0
    assert [layout.read(step)[0] for step in parsed(fresh[0]).steps] == layout.parted(problems[0].prompt)[1]  # type: ignore[union-attr]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_single_step_is_a_question_too(task: Task) -> None:
    rng = np.random.default_rng(4)
    assert task.single and task.worked and task.layout
    problems = task.single(rng, 50)
    for problem, text in zip(problems, task.worked(rng, problems), strict=True):
        begun, stages = task.layout.parted(problem.prompt)
        assert len(stages) == 1 and problem.prompt == f"{begun} {stages[0]}"
        answer = parsed(text)
        assert answer is not None and len(answer.steps) == 1 and answer.final == problem.final


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_constant_answer_beats_the_stated_guess(task: Task) -> None:
    finals = [problem.final for problem in task.problems(np.random.default_rng(8), 20_000)]
    best = max(finals.count(final) for final in set(finals)) / len(finals)
    assert abs(best - task.guess) < 0.02  # Five standard errors.


def test_arithmetic_is_arithmetic() -> None:
    for problem in task_named("arithmetic").problems(np.random.default_rng(5), 200):
        value, *rest = problem.prompt.split(" ")
        total = int(value)
        for sign, operand in zip(rest[::2], rest[1::2], strict=True):
            total = {"+": total + int(operand), "-": total - int(operand), "*": total * int(operand)}[sign]
        assert problem.final == str(total % 10)


def test_problems_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"prompt": "1 + 1", "final": 2}\n{"question": "2 + 2", "answer": "add\\n#### 4"}\n', "utf-8")
    task = task_named(str(path))
    drawn = task.problems(np.random.default_rng(1), 2)
    assert {(problem.prompt, problem.final) for problem in drawn} == {("1 + 1", "2"), ("2 + 2", "4")}
    assert task.guess == 0.5 and task.worked is None
    with pytest.raises(ValueError, match="2 problems, and 3"):
        task.problems(np.random.default_rng(1), 3)


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"prompt": "x"}', '{"prompt": "x", "answer": "no final"}', '{"final": 1}']
)
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"prompt": "1 + 1", "final": 2}\n' + line + "\n", "utf-8")
    with pytest.raises(ValueError, match=r"own\.jsonl, line 2: .*prompt"):
        task_named(str(path))


def test_an_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="arithmetic, look-up"):
        task_named("geometry")
