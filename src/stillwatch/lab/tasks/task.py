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
class Task:
    """A kind of problem.

    ``words`` are all words that prompts and worked answers are made of, for models that are built in; a task of real
    text has none and needs models that bring a tokeniser.
    """

    name: str
    what: str
    words: tuple[str, ...]
    problems: Callable[[np.random.Generator, int], list[Problem]]
    worked: Callable[[np.random.Generator, Sequence[Problem]], list[str]] | None
    stages: Callable[[str], list[str]] | None  # What each step must quote from the prompt, in the right order.
    quoted: Callable[[str], str] | None  # What a step quotes.
    restyled: Callable[[np.random.Generator, Sequence[str]], list[str]] | None  # Other words for the same.
    guess: float  # Accuracy of the best constant answer, in [0, 1].


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
