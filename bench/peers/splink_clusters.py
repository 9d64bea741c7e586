"""Splink alone: accounts linked on card, address, mail domain and client, and scored by the size of their cluster."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from bench.by_splink import link_by_splink
from bench.folded import footprints_of, records_of
from bench.labelled import Labelled
from bench.linked import Linked
from bench.peers.peer import Verdict, account_ids
from numpy.typing import NDArray

from stillwatch.campaign.population import Population

SOURCE = "splink 5 (PyPI), on DuckDB"
FIELDS = ("card", "addresses", "mail", "client")
OWN_WEIGHT = "4"  # Posterior odds of 16 to 1, the usual cut of 0.95 in probability.
BEST_WEIGHT = "-4"  # Odds of 1 to 16: the best of twelve on labelled traffic of the same make (decision 3).
CLUSTER_LEAST = 4  # As small as the smallest group that stillwatch tells of.


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Train, link and cluster; all thresholds of the linkage bench are clustered, and two are told."""
    population = Population(footprints_of(labelled))
    linked = link_by_splink(records_of(population), FIELDS, seed)
    ids = account_ids(labelled)
    place = pc.index_in(ids, value_set=population.footprints.account_id.cast(ids.type))
    row = pc.fill_null(place, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    clustering = sum(took for step, took in linked.seconds.items() if step.startswith("cluster "))
    said = (
        f"fields {', '.join(FIELDS)}; flagged from {CLUSTER_LEAST} accounts on; {clustering:.0f} s are 13 clusterings"
    )
    out = []
    for weight, why in ((OWN_WEIGHT, "customary"), (BEST_WEIGHT, "best of twelve elsewhere")):
        size, tie = cluster_sizes(linked, linked.groups[weight])
        score = np.where(row >= 0, (size + tie)[row], 0.0)
        out.append(Verdict(f"Splink, weight {weight}", f"{said}; threshold {why}", score, score >= CLUSTER_LEAST))
    return out


def cluster_sizes(linked: Linked, group: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each account's cluster size, and its likeliest match's probability below 1 to part the ties."""
    size = np.where(group >= 0, np.bincount(group[group >= 0], minlength=int(group.max(initial=0)) + 1)[group], 1)
    probability = 1 / (1 + np.exp2(-linked.weight))
    best = np.zeros(len(group))
    np.maximum.at(best, linked.left, probability)
    np.maximum.at(best, linked.right, probability)
    return size.astype(np.float64), np.minimum(best, 0.999)
