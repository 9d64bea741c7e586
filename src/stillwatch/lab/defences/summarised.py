"""Summarised: each step says what was done and keeps to itself what came out, but for the final answer."""

from __future__ import annotations

import numpy as np

from stillwatch.lab.answer import Answer
from stillwatch.lab.defences.defence import Defence


def _without_result(step: str) -> str:
    """Cut a step before its last equals sign; without one, let its last two words go."""
    before, sign, _ = step.rpartition("=")
    if sign:
        return before.strip()
    words = step.split()
    return " ".join(words[:-2]) if len(words) > 3 else ""


def summarised(rng: np.random.Generator, answer: Answer) -> Answer:
    """Return the answer with the results of its steps left out."""
    del rng
    kept = (_without_result(step) for step in answer.steps)
    return Answer(tuple(step for step in kept if step), answer.final)


defence = Defence(
    "summarised", "steps without their results, then the final answer", summarised, logprobs=False, hides_steps=True
)
