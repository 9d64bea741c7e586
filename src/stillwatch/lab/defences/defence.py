"""A defence: what happens to an answer before a flagged client reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stillwatch.lab.answer import Answer

Transform = Callable[[np.random.Generator, Answer], Answer]


@dataclass(frozen=True, slots=True)
class Defence:
    """One thing that a provider may do at the output.

    ``false_statements`` tells defences that put something false into an answer; such a one is a baseline of the lab
    and has no place in what is shipped.
    """

    name: str
    what: str
    transform: Transform
    logprobs: bool  # Whether the client still gets log-probabilities; a changed text has none that fit.
    marked: bool = False
    hides_steps: bool = False
    false_statements: bool = False


def unchanged(rng: np.random.Generator, answer: Answer) -> Answer:
    """Return the answer as it is."""
    del rng
    return answer
