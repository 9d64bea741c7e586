from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stillwatch.lab.adaptation import adapted, in_order, layout_of, uncontradicted
from stillwatch.lab.answer import parsed
from stillwatch.lab.defences.registry import defence_named, defended
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.tasks.registry import TASKS, task_named
from stillwatch.lab.tasks.task import Problem, Task, accuracy

ARITHMETIC = layout_of(task_named("arithmetic"))


def exchanges(task: Task, count: int, seed: int = 1) -> list[Exchange]:
    rng = np.random.default_rng(seed)
    problems = task.problems(rng, count)
    assert task.worked is not None
    texts = task.worked(rng, problems)
    return [Exchange(problem.prompt, text) for problem, text in zip(problems, texts, strict=True)]


def through(defence: str, given_: list[Exchange]) -> list[Exchange]:
    texts = defended(defence_named(defence), np.random.default_rng(2), [exchange.answer for exchange in given_])
    return [Exchange(exchange.prompt, text) for exchange, text in zip(given_, texts, strict=True)]


def final(exchange: Exchange) -> str:
    answer = parsed(exchange.answer)
    assert answer is not None
    return answer.final


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_reordering_is_undone_by_sorting(task: Task) -> None:
    straight = exchanges(task, 400)
    told = in_order(layout_of(task), through("reordered", straight))
    assert 200 <= len(told) < 400  # Answers that quote one thing twice fit in two ways, and are dropped.
    assert set(told) <= set(straight)


def test_where_order_is_kept_nothing_but_disorder_is_dropped() -> None:
    straight = exchanges(task_named("arithmetic"), 50)
    wrong = Exchange("1 + 2 + 3 + 4", straight[0].answer)
    assert in_order(ARITHMETIC, [*straight, wrong]) == straight


def test_steps_that_tell_no_order_stay() -> None:
    bare = through("answer only", exchanges(task_named("arithmetic"), 50))
    assert in_order(ARITHMETIC, bare) == bare
    strange = [Exchange(exchange.prompt, "well \n so \n #### 1") for exchange in bare]
    assert in_order(ARITHMETIC, strange) == strange


def worked(prompt: str, *results: str, end: str | None = None) -> Exchange:
    stages = ARITHMETIC.parted(prompt)[1]
    text = ARITHMETIC.written(np.random.default_rng(0), [(stages, results)])[0]
    return Exchange(prompt, text if end is None else text.rpartition("####")[0] + f"#### {end}")


def test_the_commonest_result_of_a_step_decides() -> None:
    right = [worked("1 + 2", "3"), worked("1 + 2 * 2", "3", "6"), worked("9 - 8 + 2", "1", "3")]
    wrong = [
        worked("1 + 2", "4"),  # Three answers take 1 + 2 to 3.
        worked("5 + 1 + 1", "6", "7", end="8"),  # Its end does not follow from its steps.
        Exchange("1 + 2", "no final answer"),
    ]
    silent = Exchange("1 + 2", "#### 7")  # It shows no step that could be contradicted.
    assert uncontradicted(ARITHMETIC, [*wrong, *right, silent]) == [*right, silent]
    assert uncontradicted(ARITHMETIC, wrong[2:]) == wrong[2:]  # Something must be learnt from.


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_half_of_the_answers_poisoned_are_told_from_the_others(task: Task) -> None:
    straight = exchanges(task, 2000)
    right = {exchange.prompt: final(exchange) for exchange in straight}
    read = through("half poisoned", straight)
    clean = sum(final(exchange) == right[exchange.prompt] for exchange in read)
    told = adapted(task, read, np.random.default_rng(3))
    problems = [Problem(exchange.prompt, right[exchange.prompt]) for exchange in told]
    assert accuracy(problems, [exchange.answer for exchange in told]) > 0.99
    assert 0.8 * clean < len(told) <= clean
    assert not {exchange.answer for exchange in told} & {exchange.answer for exchange in read}  # In other words.


def test_a_file_tells_nothing_of_its_steps(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"prompt": "1 + 1", "final": "2"}\n', "utf-8")
    with pytest.raises(ValueError, match="only a passive student"):
        adapted(task_named(str(tmp_path / "own.jsonl")), [], np.random.default_rng(1))
