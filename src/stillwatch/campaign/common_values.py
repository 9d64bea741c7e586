"""Values in common between the honest units of a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Incidence
from stillwatch.campaign.view import Groups
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.own_pool import log_e_own_pool

HONEST_EXCESS = 2.0  # People of one kind can hold a value this much more often than everyone.


def log_e_common_values(groups: Groups, *views: Incidence) -> NDArray[np.float64]:
    """Return the mean of the views' e-values that a group's units draw from a pool of their own; NaN for no data."""
    parts = [log_e_of_units(groups, view) for view in views if not view.empty]
    if not parts:
        return np.full(len(groups), np.nan)
    return combine_mean(parts)


def log_e_of_units(groups: Groups, view: Incidence) -> NDArray[np.float64]:
    """Return the evidence of one view, each of its values counting once for each unit of a group."""
    group = groups.partition[view.account]
    inside = np.flatnonzero(group >= 0)
    unit = groups.unit[view.account[inside]]
    key = unit * (int(view.value.max()) + 1) + view.value[inside]
    _, first = np.unique(group[inside] * (int(key.max(initial=0)) + 1) + key, return_index=True)
    rows = inside[np.sort(first)]
    chance = np.minimum(HONEST_EXCESS * view.frequency[view.value[rows]] / len(groups.population), 1.0)
    return log_e_own_pool(group[rows], view.value[rows], chance, len(groups))
