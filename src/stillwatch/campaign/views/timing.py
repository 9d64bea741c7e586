"""Timing: one queue behind many accounts, or one hand that starts and stops them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    footprints = groups.population.footprints
    sent = footprints.integers("exchanges")
    middle = np.zeros(len(groups))
    inside = np.flatnonzero(groups.partition >= 0)
    order = inside[np.lexsort((sent[inside], groups.partition[inside]))]
    ends = np.cumsum(groups.sizes)
    middle[:] = sent[order[ends - (groups.sizes + 1) // 2]] if len(order) else 0.0
    busy = np.flatnonzero((groups.partition >= 0) & (sent >= 24))
    own = footprints.hours[busy, : hours.shape[1]].astype(np.int64)
    alone = log_e_steady(own[:, 0::2], own[:, 1::2]) > PART_NATS
    alone |= sent[busy] > HEAVY_TIMES * middle[groups.partition[busy]]
    if not alone.any():
        return hours
    left = hours.copy()
    np.subtract.at(left, groups.partition[busy[alone]], own[alone])
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
