from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.lab.adaptation import adapted, layout_of
from stillwatch.lab.answer import parsed
from stillwatch.lab.defences.registry import defence_named, defended
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.reconstruction import expected_counts, reconstructed, steps_from_ends
from stillwatch.lab.tasks.registry import TASKS
from stillwatch.lab.tasks.task import Task


@given(st.integers(0, 10_000), st.integers(2, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_expected_counts_are_those_of_all_paths(seed: int, states: int, kinds: int, steps: int, chains: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(states), (kinds, states))
    first, final = rng.integers(states, size=chains), rng.integers(states, size=chains)
    stages = rng.integers(kinds, size=(chains, steps))
    counts, likelihood = np.zeros_like(table), 0.0
    for begun, row, end in zip(first, stages, final, strict=True):
        odds = {}
        for between in product(range(states), repeat=steps - 1):
            path = (int(begun), *between, int(end))
            odds[path] = np.prod([table[stage, path[k], path[k + 1]] for k, stage in enumerate(row)])
        likelihood += np.log(sum(odds.values()))
        for path, share in odds.items():
            for k, stage in enumerate(row):
                counts[stage, path[k], path[k + 1]] += share / sum(odds.values())
    told = expected_counts(table, first, stages, final)
    assert told[0] == pytest.approx(counts, abs=1e-9) and told[1] == pytest.approx(likelihood)


def test_each_round_explains_the_ends_better() -> None:
    rng = np.random.default_rng(4)
    first, final, stages = rng.integers(4, size=200), rng.integers(4, size=200), rng.integers(3, size=(200, 3))
    table, before = rng.dirichlet(np.ones(4), (3, 4)), -np.inf
    for _ in range(20):
        counts, likelihood = expected_counts(table, first, stages, final)
        assert likelihood >= before - 1e-9
        table, before = counts / counts.sum(axis=-1, keepdims=True), likelihood


def test_steps_are_found_from_ends_alone() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(6, size=(4, 6))
    first, stages = rng.integers(6, size=600), rng.integers(4, size=(600, 3))
    final = first
    for stage in stages.T:
        final = truth[stage, final]
    found = steps_from_ends(first, stages, final, 6, 4, np.random.default_rng(1))
    assert found.sum(axis=-1) == pytest.approx(1.0)
    assert (found.argmax(axis=-1) == truth).mean() > 0.9  # A step that hardly occurs may stay unknown.


@pytest.mark.parametrize("defence", ["answer only", "summarised"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_hidden_results_are_made_up_rightly(task: Task, defence: str) -> None:
    rng, layout = np.random.default_rng(1), layout_of(task)
    problems = task.problems(rng, 1500)
    assert task.worked is not None
    texts = task.worked(rng, problems)
    hidden = defended(defence_named(defence), rng, texts)
    read = [Exchange(problem.prompt, text) for problem, text in zip(problems, hidden, strict=True)]
    told = adapted(task, read, np.random.default_rng(2), infers=True)
    assert len(told) > 0.95 * len(read)

    def results(text: str) -> list[str | None]:
        answer = parsed(text)
        return [layout.read(step)[1] for step in answer.steps] if answer else []

    right = {problem.prompt: results(text) for problem, text in zip(problems, texts, strict=True)}
    assert np.mean([results(exchange.answer) == right[exchange.prompt] for exchange in told]) > 0.95


def test_what_is_shown_stays() -> None:
    task = TASKS[0]
    rng = np.random.default_rng(1)
    problems = task.problems(rng, 20)
    assert task.worked is not None
    shown = [Exchange(p.prompt, text) for p, text in zip(problems, task.worked(rng, problems), strict=True)]
    assert reconstructed(layout_of(task), shown, rng) == shown
