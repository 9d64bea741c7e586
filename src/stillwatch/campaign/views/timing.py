"""Timing: one queue behind many accounts, or one hand that starts and stops them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from stillwatch.campaign.view import Groups, View
from stillwatch.statistics.co_timing import log_e_joint_hours
from stillwatch.statistics.steadiness import log_e_steady

PART_NATS = 3.0  # A member steadier than this by itself explains its own part: it is left out of the whole.


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean of two e-values: the whole is steadier than chance allows, or its members wake together."""
    hours = _without_steady_members(groups)
    if hours.shape[1] == 0:
        return np.full(len(groups), np.nan)
    steady = log_e_steady(hours[:, 0::2], hours[:, 1::2])
    joint = log_e_joint_hours(groups.active.reshape(len(groups), -1, 24))
    return np.asarray(logsumexp(np.stack([steady, joint]), axis=0) - np.log(2))


def _without_steady_members(groups: Groups) -> NDArray[np.int64]:
    """Return the groups' hourly counts without the members whose own counts are steadier than chance allows."""
    hours = groups.hours
    footprints = groups.population.footprints
    busy = np.flatnonzero((groups.partition >= 0) & (footprints.integers("exchanges") >= 24))
    own = footprints.hours[busy, : hours.shape[1]].astype(np.int64)
    steady = log_e_steady(own[:, 0::2], own[:, 1::2]) > PART_NATS
    if not steady.any():
        return hours
    left = hours.copy()
    np.subtract.at(left, groups.partition[busy[steady]], own[steady])
    return left


view = View(
    name="timing",
    null="The accounts act independently of each other: together they vary at least as much as independent arrivals, "
    "and no more of them are awake in an hour than the hour and the day explain.",
    source="Load balancing and synchronised traffic as disclosed by Anthropic (Feb 2026); Cao et al., SynchroTrap "
    "(CCS 2014), for co-action in time.",
    needs=("timestamp",),
    cap_nats=8.0,
    strong=True,
    ties=False,
    weigh=weigh,
)
