"""Elicitation: most of the units ask for what a student model is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.marked_units import log_e_marked_units
from stillwatch.campaign.view import Groups, View

BENIGN = (0.95, 0.04, 0.01)  # Of honest units: at least, at most, at most. Templates that grade, researchers, tests.
CAMPAIGN = (0.40, 0.30, 0.30)


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare how many units have answers graded or ask for training-style ones with how many honest ones do."""
    footprints = groups.population.footprints
    asked = footprints.integers("grading") + footprints.integers("training")
    return log_e_marked_units(groups, asked, 0, BENIGN, CAMPAIGN)


view = View(
    name="elicitation",
    null="Of honest units at most one in 25 asks in a tenth of its prompts for grades or training-style answers, and "
    "one in 100 in half of them.",
    source="Rubric grading and training-style answers: Anthropic (Feb 2026), Frontier Model Forum.",
    needs=("prompt",),
    cap_nats=6.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
