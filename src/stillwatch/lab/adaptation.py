"""The adaptive student: before it learns, it puts steps in order, drops what looks false and rewrites the words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.lab.answer import Answer, parsed
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.tasks.task import Task

Suspicion = Callable[[Sequence[Exchange]], NDArray[np.float64]]  # Of each exchange, larger for stranger ones.

# A split in two explains 2 / pi = 64 % of a normal law's variance: only what explains clearly more is two kinds.
_EXPLAINED_LEAST = 0.75
_KEPT_LEAST = 0.2


def adapted(
    task: Task, exchanges: Sequence[Exchange], rng: np.random.Generator, suspicion: Suspicion
) -> list[Exchange]:
    """Return the exchanges as an adaptive student learns from them.

    Steps are put into the order of the prompt where possible; answers whose steps fit no order are dropped, unless
    that would drop most. Then what ``suspicion`` finds strange is dropped, if strange and ordinary exchanges are
    clearly two kinds. Last, every free word is drawn anew from the words that mean the same.
    """
    ordered = in_order(task, exchanges)
    kept = sorted_out(ordered, suspicion(ordered))
    if task.restyled is None:
        return kept
    texts = task.restyled(rng, [exchange.answer for exchange in kept])
    return [Exchange(exchange.prompt, text) for exchange, text in zip(kept, texts, strict=True)]


def in_order(task: Task, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return the exchanges with their steps in the order in which the prompt asks for them.

    An answer is dropped if two of its steps could change places unnoticed or a step fits nowhere, but for answers
    without steps. If fewer than half remain, this task's steps don't tell their order, and nothing is changed.
    """
    if task.stages is None or task.quoted is None:
        return list(exchanges)
    told = []
    for exchange in exchanges:
        answer = parsed(exchange.answer)
        if answer is None or not answer.steps:
            told.append(exchange)
            continue
        steps = _arranged(task.stages(exchange.prompt), answer.steps, task.quoted)
        if steps is not None:
            told.append(Exchange(exchange.prompt, Answer(steps, answer.final).text))
    return told if 2 * len(told) >= len(exchanges) else list(exchanges)


def _arranged(stages: Sequence[str], steps: Sequence[str], quoted: Callable[[str], str]) -> tuple[str, ...] | None:
    """Return the steps by stage, or None if that is not possible in exactly one way.

    Steps already in order stay, whatever they quote: no sorting is needed to read them.
    """
    quotes = [quoted(step) for step in steps]
    if quotes == list(stages):
        in_place = len(set(quotes)) == len(quotes)
        return tuple(steps) if in_place else None
    if sorted(quotes) != sorted(stages) or len(set(quotes)) < len(quotes):
        return None
    by_quote = dict(zip(quotes, steps, strict=True))
    return tuple(by_quote[stage] for stage in stages)


def sorted_out(exchanges: Sequence[Exchange], suspicion: ArrayLike) -> list[Exchange]:
    """Return the exchanges without the strange kind, if there are clearly two kinds.

    Source: the split that explains most variance (Otsu 1979).
    """
    strange = np.asarray(suspicion, np.float64)
    if len(strange) != len(exchanges):
        raise ValueError(f"{len(exchanges)} exchanges and {len(strange)} suspicions")
    limit = split(strange)
    if limit is None:
        return list(exchanges)
    return [exchange for exchange, value in zip(exchanges, strange.tolist(), strict=True) if value <= limit]


def split(values: ArrayLike) -> float | None:
    """Return the largest value of the lower of two kinds, or None if the values look like one kind."""
    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    if count < 10 or ordered[0] == ordered[-1]:
        return None
    below = np.arange(1, count)
    sums = np.cumsum(ordered)
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / (count - below)
    explained = gap**2 * below * (count - below) / count**2 / ordered.var()
    explained[ordered[1:] == ordered[:-1]] = 0.0  # Equal values stay together.
    best = int(explained.argmax())
    if explained[best] < _EXPLAINED_LEAST or (best + 1) < _KEPT_LEAST * count:
        return None
    return float(ordered[best])
