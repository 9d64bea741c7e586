"""A task of the lab: problems that have one right answer, and what an adaptive student knows about their layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stillwatch.lab.answer import parsed


@dataclass(frozen=True, slots=True)
class Problem:
    """A prompt and the final answer that is right."""

    prompt: str
    final: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What a thief knows of a task before the first exchange: how questions and steps are built, and not one result.

    A prompt is a beginning and stages; a step takes what came before it through one stage. So a beginning and a single
    stage, with a space between them, are a question, too.
    """

    parted: Callable[[str], tuple[str, list[str]]]  # A prompt as beginning and stages.
    read: Callable[[str], tuple[str, str | None]]  # The stage that a step quotes, and its result where it is shown.
    written: Callable[
        [np.random.Generator, Sequence[tuple[Sequence[str], Sequence[str]]]], list[str]
    ]  # Stages, results.
    restyled: Callable[[np.random.Generator, Sequence[str]], list[str]]  # Other words for the same.


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of problem.

    ``words`` are all words that prompts and worked answers are made of, for models that are built in; a task of real
    text has none and needs models that bring a tokeniser.
    """

    name: str
    what: str
    words: tuple[str, ...]
    problems: Callable[[np.random.Generator, int], list[Problem]]
    single: Callable[[np.random.Generator, int], list[Problem]] | None  # Of one step, as parts of the others.
    worked: Callable[[np.random.Generator, Sequence[Problem]], list[str]] | None
    layout: Layout | None
    guess: float  # Accuracy of the best constant answer, in [0, 1].

    @property
    def restyled(self) -> Callable[[np.random.Generator, Sequence[str]], list[str]] | None:
        """The layout's way to say the same in other words."""
        return self.layout.restyled if self.layout else None


def is_right(problem: Problem, text: str) -> bool:
    """Tell whether ``text`` ends in the problem's final answer; text without a final answer is wrong."""
    answer = parsed(text)
    return answer is not None and answer.final == problem.final


def accuracy(problems: Sequence[Problem], texts: Sequence[str]) -> float:
    """Return the share of right answers, in [0, 1].

    Raises:
        ValueError: If the lengths differ or there is no problem.
    """
    if not problems:
        raise ValueError("accuracy needs at least one problem")
    return sum(is_right(problem, text) for problem, text in zip(problems, texts, strict=True)) / len(problems)
