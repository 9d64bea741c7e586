"""Marked units: how many of a group's honest units ask for something, beside how many honest ones ever do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups

LEVELS = (0.10, 0.50)  # A unit is marked when a tenth of its prompts ask, and strongly marked from one half on.


def log_e_marked_units(
    groups: Groups,
    asked: NDArray[np.int64],
    least: int,
    benign: tuple[float, float, float],
    campaign: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Return each group's evidence that more of its units are marked than of honest ones; NaN for no data.

    Args:
        groups: The groups.
        asked: Shape (accounts,). Prompts that ask for it.
        least: A unit with fewer such prompts is not marked: it may have tried.
        benign: Shares of honest units that are not marked, marked, strongly marked: at least, at most, at most.
        campaign: The same of a campaign's units.

    Returns:
        Shape (groups,), nats.
    """
    prompts = groups.population.footprints.integers("prompts")
    if not prompts.any():
        return np.full(len(groups), np.nan)
    inside = np.flatnonzero((groups.partition >= 0) & (prompts > 0))
    _, place = np.unique(groups.unit[inside], return_inverse=True)
    units = int(place.max(initial=-1)) + 1
    count = np.bincount(place, asked[inside], minlength=units)
    of = np.bincount(place, prompts[inside], minlength=units)
    group = np.zeros(units, np.int64)
    group[place] = groups.partition[inside]
    level = np.where(count >= least, np.digitize(count / np.maximum(of, 1), LEVELS), 0)
    step = np.log(np.array(campaign) / np.array(benign))[level]
    return np.asarray(np.bincount(group, step, minlength=len(groups)), np.float64)
