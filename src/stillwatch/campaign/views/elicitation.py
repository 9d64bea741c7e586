"""Elicitation: most of the units ask for what a student model is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups, View

MARKED_SHARE = 0.10  # An account is marked when at least a tenth of its prompts elicit.
BENIGN_MARKED = 0.04  # Of honest units, at most so many are marked: researchers and templates that say "step by step".


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare the share of marked units with the largest honest share, for a campaign that marks half of them."""
    footprints = groups.population.footprints
    prompts = footprints.integers("prompts")
    if not prompts.any():
        return np.full(len(groups), np.nan)
    exacting = footprints.integers("coercion") + footprints.integers("grading") + footprints.integers("training")
    inside = np.flatnonzero((groups.partition >= 0) & (prompts > 0))
    _, place = np.unique(groups.unit[inside], return_inverse=True)
    units = int(place.max(initial=-1)) + 1
    asked = np.bincount(place, exacting[inside], minlength=units)
    of = np.bincount(place, prompts[inside], minlength=units)
    group = np.zeros(units, np.int64)
    group[place] = groups.partition[inside]
    marked = asked >= MARKED_SHARE * of
    step = np.where(marked, np.log(0.5 / BENIGN_MARKED), np.log(0.5 / (1 - BENIGN_MARKED)))
    return np.bincount(group, step, minlength=len(groups))


view = View(
    name="elicitation",
    null="At most one honest unit in 25 asks in a tenth of its prompts for hidden reasoning, grades or training-style "
    "answers.",
    source="Reasoning trace coercion: Google GTIG (Feb 2026); rubric grading and training-style answers: Anthropic "
    "(Feb 2026), Frontier Model Forum.",
    needs=("prompt",),
    cap_nats=4.0,
    strong=False,
    weigh=weigh,
)
