"""Elicitation: most of the units ask for what a student model is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups, View

LEVELS = (0.10, 0.50)  # A unit is marked when a tenth of its prompts elicit, and strongly marked from one half on.
BENIGN = (0.95, 0.04, 0.01)  # Of honest units: at least, at most, at most. Templates that grade, researchers, tests.
CAMPAIGN = (0.40, 0.30, 0.30)


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare how many units are marked with how many honest ones are."""
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
    level = np.digitize(asked / np.maximum(of, 1), LEVELS)
    step = np.log(np.array(CAMPAIGN) / np.array(BENIGN))[level]
    return np.asarray(np.bincount(group, step, minlength=len(groups)), np.float64)


view = View(
    name="elicitation",
    null="Of honest units at most one in 25 asks in a tenth of its prompts for hidden reasoning, grades or "
    "training-style answers, and one in 100 in half of them.",
    source="Reasoning trace coercion: Google GTIG (Feb 2026); rubric grading and training-style answers: Anthropic "
    "(Feb 2026), Frontier Model Forum.",
    needs=("prompt",),
    cap_nats=6.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
