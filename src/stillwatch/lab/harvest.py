"""Harvesting: asking a teacher, reading what a defence lets through, counting tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stillwatch.lab.answer import parsed
from stillwatch.lab.defences.defence import Defence
from stillwatch.lab.defences.registry import defended
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.sampling import Marker, sample
from stillwatch.lab.tasks.task import Layout, Problem, Task

_ROUNDS_MOST = 200  # Of drawing problems that are not among the test's.


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a harvest is billed for."""

    prompts: int
    answers: int


def problem_sets(task: Task, seed: int, harvest: int, test: int) -> tuple[list[Problem], list[Problem]]:
    """Return problems to harvest and problems to test on; no test prompt is ever harvested.

    The test's problems depend on the seed and on ``test`` alone, so that harvests of all sizes are judged alike; a
    longer harvest of a built-in task begins with the shorter one.

    Raises:
        ValueError: If the task has too few problems.
    """
    if not task.words:  # A file: each problem once.
        both = task.problems(np.random.default_rng([seed, 2]), harvest + test)
        return both[test:], both[:test]
    tested = task.problems(np.random.default_rng([seed, 2]), test)
    shut = {problem.prompt for problem in tested}
    rng, kept = np.random.default_rng([seed, 3]), []
    for _ in range(_ROUNDS_MOST):
        kept += [problem for problem in task.problems(rng, 1024) if problem.prompt not in shut]
        if len(kept) >= harvest:
            return kept[:harvest], tested
    raise ValueError(f"the task {task.name} has too few problems beside the {test} of the test")


def asked(
    teacher: LanguageModel,
    problems: Sequence[Problem],
    seed: int,
    *,
    temperature: float = 1.0,
    tokens_most: int = 64,
    marker: Marker | None = None,
) -> list[Exchange]:
    """Return the teacher's undefended answers to the problems."""
    generator = torch.Generator().manual_seed(seed)
    prompts = [problem.prompt for problem in problems]
    told = sample(
        teacher, prompts, generator=generator, temperature=temperature, tokens_most=tokens_most, marker=marker
    )
    return [Exchange(prompt, teacher.decode(tokens)) for prompt, tokens in zip(prompts, told, strict=True)]


def asked_in_parts(
    layout: Layout, prompts: Sequence[str], ask: Callable[[Sequence[str]], list[Exchange]]
) -> list[Exchange]:
    """Return what is answered if every stage of the prompts is a question of its own, and goes on from the last answer.

    The first stages come first, then the second ones. All prompts must have equally many stages.
    """
    parted = [layout.parted(prompt) for prompt in prompts]
    states, told = [begun for begun, _ in parted], []
    for stages in zip(*(stages for _, stages in parted), strict=True):
        answers = ask([f"{state} {stage}" for state, stage in zip(states, stages, strict=True)])
        states = [_final(exchange) for exchange in answers]
        told += answers
    return told


def joined(
    layout: Layout, prompts: Sequence[str], parts: Sequence[Exchange], rng: np.random.Generator
) -> list[Exchange]:
    """Return worked answers to the prompts, put together from the final answers of their parts alone.

    A prompt is dropped if one of its parts has no final answer.
    """
    stages = [layout.parted(prompt)[1] for prompt in prompts]
    results = [[_final(part) for part in parts[row :: len(prompts)]] for row in range(len(prompts))]
    whole = [row for row, found in enumerate(results) if all(found)]
    texts = layout.written(rng, [(stages[row], results[row]) for row in whole])
    return [Exchange(prompts[row], text) for row, text in zip(whole, texts, strict=True)]


def _final(exchange: Exchange) -> str:
    answer = parsed(exchange.answer)
    return answer.final if answer else ""


def served(defence: Defence, exchanges: Sequence[Exchange], seed: int) -> list[Exchange]:
    """Return what a flagged client reads of the exchanges."""
    texts = defended(defence, np.random.default_rng([seed, 4]), [exchange.answer for exchange in exchanges])
    return [Exchange(exchange.prompt, text) for exchange, text in zip(exchanges, texts, strict=True)]


def tokens_of(teacher: LanguageModel, exchanges: Iterable[Exchange]) -> Tokens:
    """Return how many tokens of prompts and of answers the teacher has read and written."""
    prompts = answers = 0
    for exchange in exchanges:
        prompts += len(teacher.encode_prompt(exchange.prompt))
        answers += len(teacher.encode_answer(exchange.answer))
    return Tokens(prompts, answers)
