"""Half poisoned: every second answer is false from a step on. A baseline of the lab, never to be shipped.

An honest user who was flagged by mistake would be lied to. It is here because the literature proposes it, to show what
it does to a student that trusts and how little it does to one that checks.
"""

from __future__ import annotations

import numpy as np

from stillwatch.lab.answer import Answer
from stillwatch.lab.defences.defence import Defence

_SHARE = 0.5


def poisoned(rng: np.random.Generator, answer: Answer) -> Answer:
    """Return, for half of the answers, one whose results are those of other steps or other digits.

    A result that is a digit becomes another digit; any other word becomes that word of the answer's own results that
    follows it. The final answer becomes what the last false step says.
    """
    if rng.random() >= _SHARE or not answer.steps:
        return answer
    results = [step.split()[-1] for step in answer.steps]
    shifts = rng.integers(1, 10, len(results)).tolist()
    false = [
        str((int(result) + shifts[place]) % 10) if result.isdigit() else results[(place + 1) % len(results)]
        for place, result in enumerate(results)
    ]
    steps = tuple(" ".join([*step.split()[:-1], word]) for step, word in zip(answer.steps, false, strict=True))
    return Answer(steps, false[-1])


defence = Defence(
    "half poisoned",
    "every second answer has false results (lab baseline only)",
    poisoned,
    logprobs=False,
    false_statements=True,
)
