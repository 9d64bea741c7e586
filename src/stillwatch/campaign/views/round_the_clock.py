"""Round-the-clock: several accounts behind one address that never sleep, as a small pool's workers do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups, View
from stillwatch.evidence import sleepless

ACCOUNTS_LEAST = 3  # Of one address, and at least half of the accounts there.
EXCHANGES_LEAST = 150  # Of each of them.
SLEEPLESS_NATS_LEAST = 1.5  # Of each of them by itself.
BENIGN_SHARE_MOST = 0.01  # Of honest units.
CAMPAIGN_SHARE = 0.4


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare how many units are addresses that never sleep with how many honest ones are."""
    if groups.population.network.empty:
        return np.full(len(groups), np.nan)
    inside = np.flatnonzero(groups.partition >= 0)
    marked, place = crowded(groups)
    step = np.where(
        marked, np.log(CAMPAIGN_SHARE / BENIGN_SHARE_MOST), np.log((1 - CAMPAIGN_SHARE) / (1 - BENIGN_SHARE_MOST))
    )
    group = np.zeros(len(step), np.int64)
    group[place] = groups.partition[inside]
    return np.asarray(np.bincount(group, step, minlength=len(groups)), np.float64)


def crowded(groups: Groups) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return for each unit whether a crowd there never sleeps, and the unit of each account that is in a group."""
    inside = np.flatnonzero(groups.partition >= 0)
    _, place = np.unique(groups.unit[inside], return_inverse=True)
    awake = np.bincount(place, groups.population.once(never_sleep)[inside] & groups.met[inside])
    return (awake >= ACCOUNTS_LEAST) & (2 * awake >= np.bincount(place)), place


def never_sleep(population: Population) -> NDArray[np.bool_]:
    """Return the accounts that work without a night, at exchanges enough to tell."""
    nats = np.nan_to_num(sleepless.detector(population.footprints).log_e, nan=0.0)
    many = population.footprints.integers("exchanges") >= EXCHANGES_LEAST
    return np.asarray((nats >= SLEEPLESS_NATS_LEAST) & many)


view = View(
    name="round_the_clock",
    null="Of honest units at most one in 100 is an address from which three accounts or more, and half of all there, "
    "never sleep while they share neither card nor firm.",
    source="Automation without human rhythm; small pools behind one proxy, as in Google GTIG's account (Feb 2026) of "
    "100,000 prompts against one provider.",
    needs=("client_address",),
    cap_nats=2.5,
    strong=False,
    ties=False,
    weigh=weigh,
)
