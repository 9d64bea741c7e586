from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.lab.adaptation import adapted, in_order, sorted_out, split
from stillwatch.lab.answer import parsed
from stillwatch.lab.defences.registry import defence_named, defended
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.tasks.registry import TASKS, task_named
from stillwatch.lab.tasks.task import Problem, Task, accuracy


def exchanges(task: Task, count: int, seed: int = 1) -> list[Exchange]:
    rng = np.random.default_rng(seed)
    problems = task.problems(rng, count)
    assert task.worked is not None
    texts = task.worked(rng, problems)
    return [Exchange(problem.prompt, text) for problem, text in zip(problems, texts, strict=True)]


def through(defence: str, given_: list[Exchange]) -> list[Exchange]:
    texts = defended(defence_named(defence), np.random.default_rng(2), [exchange.answer for exchange in given_])
    return [Exchange(exchange.prompt, text) for exchange, text in zip(given_, texts, strict=True)]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_reordering_is_undone_by_sorting(task: Task) -> None:
    straight = exchanges(task, 400)
    told = in_order(task, through("reordered", straight))
    assert 200 <= len(told) < 400  # Answers that quote one thing twice fit in two ways, and are dropped.
    assert set(told) <= set(straight)


def test_steps_that_tell_no_order_stay() -> None:
    task = task_named("arithmetic")
    bare = through("answer only", exchanges(task, 50))
    assert in_order(task, bare) == bare
    strange = [Exchange(exchange.prompt, "well \n so \n #### 1") for exchange in bare]
    assert in_order(task, strange) == strange


def test_what_is_plainly_two_kinds_is_split() -> None:
    rng = np.random.default_rng(7)
    two = np.concatenate([rng.normal(0, 1, 500), rng.normal(8, 1, 500)])
    limit = split(two)
    assert limit is not None and 2 < limit < 6
    kept = sorted_out([Exchange(str(number), "") for number in range(1000)], two)
    assert {int(exchange.prompt) for exchange in kept} == set(range(500))


@pytest.mark.parametrize("seed", range(5))
def test_one_kind_is_not_split(seed: int) -> None:
    assert split(np.random.default_rng(seed).normal(0, 1, 1000)) is None


@given(st.lists(st.floats(0, 10), max_size=30))
def test_a_split_leaves_values_on_both_sides(values: list[float]) -> None:
    limit = split(values)
    if limit is not None:
        assert min(values) <= limit < max(values)


def test_an_adaptive_student_sorts_drops_and_rewrites() -> None:
    task = task_named("arithmetic")
    straight = exchanges(task, 300)
    right = {exchange.prompt: parsed(exchange.answer).final for exchange in straight}  # type: ignore[union-attr]
    read = through("half poisoned", straight)

    def suspicion(some: list[Exchange]) -> np.ndarray:
        rng = np.random.default_rng(1)
        false = [parsed(exchange.answer).final != right[exchange.prompt] for exchange in some]  # type: ignore[union-attr]
        return np.array(false) * 5.0 + rng.normal(0, 0.5, len(some))

    told = adapted(task, read, np.random.default_rng(3), suspicion)  # type: ignore[arg-type]
    assert 100 < len(told) < 200
    problems = [Problem(exchange.prompt, right[exchange.prompt]) for exchange in told]
    assert accuracy(problems, [exchange.answer for exchange in told]) == 1.0
    assert not {exchange.answer for exchange in told} & {exchange.answer for exchange in read}
