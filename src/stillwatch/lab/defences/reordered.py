"""Reordered: all steps are there, in an order that leads nowhere."""

from __future__ import annotations

import numpy as np

from stillwatch.lab.answer import Answer
from stillwatch.lab.defences.defence import Defence


def reordered(rng: np.random.Generator, answer: Answer) -> Answer:
    """Return the answer with its steps in a random order, each order as likely."""
    order = rng.permutation(len(answer.steps)).tolist()
    return Answer(tuple(answer.steps[place] for place in order), answer.final)


defence = Defence("reordered", "all steps, in a random order", reordered, logprobs=False)
