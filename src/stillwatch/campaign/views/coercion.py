"""Coercion: most of the units demand the reasoning that the model was told to keep to itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.marked_units import log_e_marked_units
from stillwatch.campaign.view import Groups, View

PROMPTS_LEAST = 20  # Who is curious tries it a few times.
BENIGN = (0.989, 0.01, 0.00099, 0.00001)  # Of honest units: at least, and thrice at most.
CAMPAIGN = (0.350, 0.125, 0.125, 0.400)
FEW_NATS_MOST = 8.0  # What all units but crowds are worth together: a test set for just this may come to be public.


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare how many units demand hidden reasoning again and again with how many honest ones do."""
    return log_e_marked_units(groups, _asked(groups), PROMPTS_LEAST, BENIGN, CAMPAIGN, few_nats_most=FEW_NATS_MOST)


def weigh_apart(groups: Groups) -> NDArray[np.float64]:
    """Return what the accounts would say if each were a unit of its own, as strangers are."""
    each = np.arange(len(groups.population))
    return log_e_marked_units(groups, _asked(groups), PROMPTS_LEAST, BENIGN, CAMPAIGN, each)


def _asked(groups: Groups) -> NDArray[np.int64]:
    return groups.population.footprints.integers("coercion")


view = View(
    name="coercion",
    null="Of honest units at most one in 100 ever demands hidden reasoning in a tenth of its prompts and twenty times "
    "at least, and one in 1,000 in half of them: public test sets and courses do not ask for it. At most one in "
    "100,000 is an address from which three accounts that share neither card nor firm do so, 150 times each.",
    source="Reasoning trace coercion, 100,000 prompts: Google GTIG (Feb 2026).",
    needs=("prompt",),
    cap_nats=10.0,
    strong=False,
    ties=False,
    weigh=weigh,
    ever=True,
    strong_nats=9.0,
)
