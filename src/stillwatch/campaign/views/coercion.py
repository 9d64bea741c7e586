"""Coercion: most of the units demand the reasoning that the model was told to keep to itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.marked_units import log_e_marked_units
from stillwatch.campaign.view import Groups, View

PROMPTS_LEAST = 20  # Who is curious tries it a few times.
BENIGN = (0.989, 0.01, 0.001)  # Of honest units: at least, at most, at most.
CAMPAIGN = (0.40, 0.30, 0.30)


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare how many units demand hidden reasoning again and again with how many honest ones do."""
    asked = groups.population.footprints.integers("coercion")
    return log_e_marked_units(groups, asked, PROMPTS_LEAST, BENIGN, CAMPAIGN)


view = View(
    name="coercion",
    null="Of honest units at most one in 100 demands hidden reasoning in a tenth of its prompts and twenty times at "
    "least, and one in 1,000 in half of them: public test sets and courses do not ask for it.",
    source="Reasoning trace coercion, 100,000 prompts: Google GTIG (Feb 2026).",
    needs=("prompt",),
    cap_nats=8.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
