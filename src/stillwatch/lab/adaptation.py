"""The adaptive student: before it learns, it orders steps, drops what others contradict and rewrites the words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from stillwatch.lab.answer import Answer, parsed
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.reconstruction import reconstructed
from stillwatch.lab.tasks.task import Layout, Task

_STRAIGHT_LEAST = 0.9  # Of the answers: a teacher rarely errs in the order of its steps.


def adapted(
    task: Task, exchanges: Sequence[Exchange], rng: np.random.Generator, *, infers: bool = False
) -> list[Exchange]:
    """Return the exchanges as an adaptive student learns from them.

    Steps are put into the order of the prompt; answers that the others contradict are dropped. A student that
    ``infers`` then makes up the results that are hidden, and keeps answers that end where the teacher's do. Last, every
    free word is drawn anew from the words that mean the same.

    Raises:
        ValueError: If the task's layout is unknown, as that of a file is.
    """
    layout = layout_of(task)
    kept = uncontradicted(layout, in_order(layout, exchanges))
    if infers:
        kept = reconstructed(layout, kept, rng)
    texts = layout.restyled(rng, [exchange.answer for exchange in kept])
    return [Exchange(exchange.prompt, text) for exchange, text in zip(kept, texts, strict=True)]


def layout_of(task: Task) -> Layout:
    """Return what a thief knows of the task's form.

    Raises:
        ValueError: If nothing is known of it, as of a file's.
    """
    if task.layout is None:
        raise ValueError(f"how steps of the task {task.name} are built is not known: only a passive student can learn")
    return task.layout


def in_order(layout: Layout, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return the exchanges with their steps in the order in which the prompt asks for them.

    Where almost all are in order already, the others are dropped. Else an answer is dropped if two of its steps could
    change places unnoticed or a step fits nowhere, but for answers without steps. If fewer than half remain, this
    task's steps don't tell their order, and nothing is changed.
    """
    straight, arranged = [], []
    for exchange in exchanges:
        answer, stages = parsed(exchange.answer), layout.parted(exchange.prompt)[1]
        by_quote = {layout.read(step)[0]: step for step in answer.steps} if answer else {}
        if answer is None or not answer.steps:
            straight.append(exchange)
            arranged.append(exchange)
        elif len(by_quote) == len(answer.steps) and sorted(by_quote) == sorted(stages):
            steps = tuple(by_quote[stage] for stage in stages)
            arranged.append(Exchange(exchange.prompt, Answer(steps, answer.final).text))
        if answer and answer.steps and [layout.read(step)[0] for step in answer.steps] == stages:
            straight.append(exchange)
    if len(straight) >= _STRAIGHT_LEAST * len(exchanges):
        return straight
    return arranged if 2 * len(arranged) >= len(exchanges) else list(exchanges)


def uncontradicted(layout: Layout, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return the exchanges each of whose steps comes out as it does in most answers, and whose end follows from them.

    Two steps are the same if they take the same result through the same stage. Of results that are equally common the
    first one counts. Answers that show no results stay; those without an end go, and if none remains, all stay.

    Source: self-consistency (Wang et al., arXiv:2203.11171), over the steps of different answers instead of several
    answers to one question.
    """
    votes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for exchange in exchanges:
        for before, stage, result in _transitions(layout, exchange):
            votes[before, stage][result] += 1
    commonest = {step: counts.most_common(1)[0][0] for step, counts in votes.items()}
    kept = []
    for exchange in exchanges:
        answer, steps = parsed(exchange.answer), list(_transitions(layout, exchange))
        agreed = all(commonest[before, stage] == result for before, stage, result in steps)
        if agreed and answer is not None and (not steps or answer.final == steps[-1][2]):
            kept.append(exchange)
    return kept or list(exchanges)


def _transitions(layout: Layout, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
    """Yield what came before, stage and result of each step, up to the first that shows no result."""
    answer, before = parsed(exchange.answer), layout.parted(exchange.prompt)[0]
    for step in answer.steps if answer else ():
        stage, result = layout.read(step)
        if result is None:
            return
        yield before, stage, result
        before = result
