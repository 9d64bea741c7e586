"""Linkage by the project itself: values tie accounts in rings, Louvain draws communities."""

from __future__ import annotations

import time

import numpy as np
from bench.linked import Linked
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.campaign.communities import communities
from stillwatch.campaign.detection import IDENTITY_WEIGHT
from stillwatch.campaign.linkage import Links, link, together
from stillwatch.campaign.population import Population
from stillwatch.footprint.footprints import Footprints

WEIGHTS_NATS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
COMMUNITIES = "communities"


def link_by_rings(footprints: Footprints) -> Linked:
    """Tie the accounts by card, address and mail domain as ``identity`` does, and draw communities.

    Connected components of the ties above each of ``WEIGHTS_NATS`` are drawn too: what pair-level thresholds would
    make of the same ties.
    """
    begun = time.perf_counter()
    population = Population(footprints)
    accounts = len(population)
    views = (population.payment, population.network, population.mail)
    ties = together([link(view, accounts) for view in views], accounts)
    tied = time.perf_counter()
    group = communities(ties, accounts, IDENTITY_WEIGHT)
    drawn = time.perf_counter()
    linked = Linked(ties.left, ties.right, ties.weight)
    linked.groups[COMMUNITIES] = group
    linked.seconds = {"tie": tied - begun, COMMUNITIES: drawn - tied}
    for weight in WEIGHTS_NATS:
        linked.groups[f"{weight:g}"] = components(ties, weight, accounts)
    return linked


def components(ties: Links, weight: float, accounts: int) -> NDArray[np.int64]:
    """Return each account's connected component by the ties of at least ``weight``."""
    kept = ties.weight >= weight
    graph = coo_matrix((np.ones(int(kept.sum())), (ties.left[kept], ties.right[kept])), (accounts, accounts))
    return np.asarray(connected_components(graph, False)[1], np.int64)
