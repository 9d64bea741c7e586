"""Hidden steps made up again: a thief who knows how steps are built infers them from beginnings and ends alone.

Hiding a trace hides less than it seems to. Each final answer says something about every step before it, and the same
small steps occur in many answers; enough of them leave one explanation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stillwatch.lab.answer import parsed
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.tasks.task import Layout

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

_STARTS = 4  # The likeliest explanation of several is taken.
_ROUNDS_MOST = 400
_GAIN_LEAST = 1e-5  # Nats a chain and round; below, a start has come to its end.
_SMOOTHING = 0.01  # Imagined observations of each result of a step, so that none is ever impossible.


def reconstructed(layout: Layout, exchanges: Sequence[Exchange], rng: np.random.Generator) -> list[Exchange]:
    """Return the exchanges with worked steps, where results were hidden: those whose made-up steps end as they do.

    Exchanges that show their results stay. All prompts must have equally many stages.
    """
    hidden, told = [], []
    for exchange in exchanges:
        answer = parsed(exchange.answer)
        if answer and answer.steps and all(layout.read(step)[1] is not None for step in answer.steps):
            told.append(exchange)
        elif answer:
            hidden.append((exchange.prompt, answer.final))
    table = inferred(layout, hidden, rng)
    prompts, worked = [], []
    for prompt, final in hidden:
        state, stages = layout.parted(prompt)
        results = []
        for stage in stages:
            state = table[stage, state]
            results.append(state)
        if state == final:
            prompts.append(prompt)
            worked.append((stages, results))
    texts = layout.written(rng, worked)
    return told + [Exchange(prompt, text) for prompt, text in zip(prompts, texts, strict=True)]


def inferred(layout: Layout, ends: Sequence[tuple[str, str]], rng: np.random.Generator) -> dict[tuple[str, str], str]:
    """Return the likeliest result of each stage and state that occur, from prompts and final answers alone.

    All prompts must have equally many stages.
    """
    if not ends:
        return {}
    begun, parts = zip(*(layout.parted(prompt) for prompt, _ in ends), strict=True)
    finals = [final for _, final in ends]
    states = sorted({*begun, *finals})
    kinds = sorted({stage for stages in parts for stage in stages})
    first, final = np.searchsorted(states, begun), np.searchsorted(states, finals)
    stages = np.searchsorted(kinds, np.array(parts))
    likeliest = steps_from_ends(first, stages, final, len(states), len(kinds), rng).argmax(axis=-1)
    return {
        (kind, state): states[likeliest[row, column]]
        for row, kind in enumerate(kinds)
        for column, state in enumerate(states)
    }


def steps_from_ends(
    first: Numbers, stages: Numbers, final: Numbers, states: int, kinds: int, rng: np.random.Generator
) -> Floats:
    """Return the odds of each step's result, from where chains of steps began and ended.

    Args:
        first: Shape (chains,): the state before the first step.
        stages: Shape (chains, steps): what each step does.
        final: Shape (chains,): the state after the last.
        states: How many there are.
        kinds: How many kinds of stage there are.
        rng: Of the odds to begin with; from equal ones nothing could be learnt.

    Returns:
        Shape (kinds, states before, states after). A local optimum: nothing says that it is the best explanation.

    Source:
        Expectation maximisation for hidden Markov chains (Baum et al. 1970), with known ends and known kinds of step.
    """
    found = []
    for _ in range(_STARTS):
        table, reached = rng.dirichlet(np.ones(states), (kinds, states)), -np.inf
        for _ in range(_ROUNDS_MOST):
            counts, likelihood = expected_counts(table, first, stages, final)
            if likelihood - reached < _GAIN_LEAST * len(final):
                break
            table, reached = (counts + _SMOOTHING) / (counts + _SMOOTHING).sum(axis=-1, keepdims=True), likelihood
        found.append((reached, table))
    return max(found, key=lambda entry: entry[0])[1]


def expected_counts(table: Floats, first: Numbers, stages: Numbers, final: Numbers) -> tuple[Floats, float]:
    """Return how often each step is expected to have been taken, and the log-likelihood of all ends in nats."""
    rows = [[np.flatnonzero(column == kind) for kind in range(len(table))] for column in stages.T]
    forward = [np.eye(table.shape[1])[first]]
    for chosen in rows:
        after = np.empty_like(forward[0])
        for kind, row in enumerate(chosen):
            after[row] = forward[-1][row] @ table[kind]
        forward.append(after)
    odds = forward[-1][np.arange(len(final)), final]
    backward = np.eye(table.shape[1])[final] / odds[:, None]
    counts = np.zeros_like(table)
    for before, chosen in zip(forward[-2::-1], rows[::-1], strict=True):
        after = np.empty_like(backward)
        for kind, row in enumerate(chosen):
            counts[kind] += before[row].T @ backward[row] * table[kind]
            after[row] = backward[row] @ table[kind].T
        backward = after
    return counts, float(np.log(odds).sum())
