"""Answer only: the final answer stays, the worked steps go."""

from __future__ import annotations

import numpy as np

from stillwatch.lab.answer import Answer
from stillwatch.lab.defences.defence import Defence


def answer_only(rng: np.random.Generator, answer: Answer) -> Answer:
    """Return the final answer without any step."""
    del rng
    return Answer((), answer.final)


defence = Defence("answer only", "the final answer, no steps", answer_only, logprobs=False, hides_steps=True)
