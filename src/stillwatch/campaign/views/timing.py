"""Timing: one queue behind many accounts, or one hand that starts and stops them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import BUSY_EXCHANGES
from stillwatch.campaign.view import Groups, View
from stillwatch.statistics.co_timing import log_e_joint_hours
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.steadiness import log_e_steady

PART_NATS = 3.0  # A member steadier than this by itself explains its own part: it is left out of the whole.
HEAVY_TIMES = 10  # So is one that sends more than this many times what the middle member sends.


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean of two e-values: the whole is steadier than chance allows, or its units wake together."""
    hours = _together(groups)
    if hours.shape[1] == 0:
        return np.full(len(groups), np.nan)
    steady = log_e_steady(hours[:, 0::2], hours[:, 1::2])
    joint = log_e_joint_hours(groups.active.reshape(len(groups), -1, 24))
    return combine_mean([steady, joint])


def _together(groups: Groups) -> NDArray[np.int64]:
    """Return the groups' hourly counts without the members that decide them alone, by steadiness or by weight."""
    hours = groups.hours
    population, partition = groups.population, groups.partition
    sent = population.footprints.integers("exchanges")
    inside = np.flatnonzero(partition >= 0)
    if len(inside) == 0:
        return hours
    order = inside[np.lexsort((sent[inside], partition[inside]))]
    middle = sent[order[np.cumsum(groups.sizes) - (groups.sizes + 1) // 2]]
    busy = np.flatnonzero((partition >= 0) & (sent >= BUSY_EXCHANGES))
    alone = population.steadiness[busy] > PART_NATS
    alone |= sent[busy] > HEAVY_TIMES * middle[partition[busy]]
    left = hours.copy()
    for account in busy[alone]:
        left[partition[account]] -= population.footprints.hours[account, : hours.shape[1]]
    return left


view = View(
    name="timing",
    null="The accounts act independently of each other: together they vary at least as much as independent arrivals, "
    "and no more firms, places and persons of them are awake in an hour than the hour and the day explain.",
    source="Load balancing and synchronised traffic as disclosed by Anthropic (Feb 2026); Cao et al., SynchroTrap "
    "(CCS 2014), for co-action in time.",
    needs=("timestamp",),
    cap_nats=8.0,
    strong=True,
    ties=False,
    weigh=weigh,
)
