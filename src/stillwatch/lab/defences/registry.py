"""The defences that the lab compares, registered once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillwatch.lab.answer import parsed
from stillwatch.lab.defences import (
    answer_only,
    logprobs_off,
    none,
    poisoned,
    reordered,
    summarised,
    watermark,
)
from stillwatch.lab.defences.defence import Defence

DEFENCES: tuple[Defence, ...] = (
    none.defence,
    logprobs_off.defence,
    answer_only.defence,
    summarised.defence,
    reordered.defence,
    poisoned.defence,
    watermark.defence,
)


def defence_named(name: str) -> Defence:
    """Return the defence of that name.

    Raises:
        ValueError: If there is none.
    """
    for defence in DEFENCES:
        if defence.name == name:
            return defence
    raise ValueError(f"no defence {name!r}: name one of {', '.join(entry.name for entry in DEFENCES)}")


def defended(defence: Defence, rng: np.random.Generator, texts: Sequence[str]) -> list[str]:
    """Return the texts as a flagged client reads them; text without a final answer goes out as it is."""
    told = []
    for text in texts:
        answer = parsed(text)
        told.append(text if answer is None else defence.transform(rng, answer).text)
    return told
