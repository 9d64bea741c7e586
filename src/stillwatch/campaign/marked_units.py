"""Marked units: how many of a group's honest units ask for something, beside how many honest ones ever do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups

LEVELS = (0.10, 0.50)  # A unit is marked when a tenth of its prompts ask, and strongly marked from one half on.
CROWD_ACCOUNTS = 3  # So many strongly marked accounts at one address, with so many such prompts each, make a crowd:
CROWD_PROMPTS = 150  # one curious person has neither, a class has not the second.


def log_e_marked_units(
    groups: Groups,
    asked: NDArray[np.int64],
    least: int,
    benign: tuple[float, ...],
    campaign: tuple[float, ...],
    unit: NDArray[np.int64] | None = None,
    few_nats_most: float = np.inf,
) -> NDArray[np.float64]:
    """Return each group's evidence that more of its units are marked than of honest ones; NaN for no data.

    Args:
        groups: The groups.
        asked: Shape (accounts,). Prompts that ask for it.
        least: A unit with fewer such prompts is not marked: it may have tried.
        benign: Shares of honest units that are not marked, marked, strongly marked and, where given, a crowd: the
            first at least, the others at most.
        campaign: The same of a campaign's units.
        unit: Shape (accounts,), the unit of each account; the groups' own where None.
        few_nats_most: The most that units which are no crowd are worth together, in nats.

    Returns:
        Shape (groups,), nats.
    """
    prompts = groups.population.footprints.integers("prompts")
    if not prompts.any():
        return np.full(len(groups), np.nan)
    inside = np.flatnonzero((groups.partition >= 0) & (prompts > 0))
    _, place = np.unique((groups.unit if unit is None else unit)[inside], return_inverse=True)
    units = int(place.max(initial=-1)) + 1
    many = (asked[inside] >= np.maximum(LEVELS[-1] * prompts[inside], CROWD_PROMPTS)) & groups.met[inside]
    count, of, crowd = (np.bincount(place, each, units) for each in (asked[inside], prompts[inside], many))
    group = np.zeros(units, np.int64)
    group[place] = groups.partition[inside]
    level = np.where(count >= least, np.digitize(count / np.maximum(of, 1), LEVELS), 0)
    level += (level == len(LEVELS)) & (crowd >= CROWD_ACCOUNTS)
    level = np.minimum(level, len(benign) - 1)
    nats = np.log(np.array(campaign) / np.array(benign))[level]
    few, crowds = (np.bincount(group, nats * held, len(groups)) for held in (level <= len(LEVELS), level > len(LEVELS)))
    return np.asarray(np.minimum(few, few_nats_most) + crowds, np.float64)
