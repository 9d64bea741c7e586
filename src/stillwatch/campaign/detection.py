"""Detection: from a population of footprints to the campaigns in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.communities import ACCOUNTS_LEAST, communities
from stillwatch.campaign.joint import Joint, joint
from stillwatch.campaign.linkage import link, together
from stillwatch.campaign.membership import Membership, Ties, grow
from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.statistics.false_discovery import e_benjamini_hochberg

CANDIDATE_NATS = 0.0  # Raw communities with less joint evidence are not grown.
CANDIDATES_MOST = 64
OVERLAP_MOST = 0.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group that was grown from a community and tested.

    Attributes:
        graph: The views that drew the community.
        membership: Who belongs to it, over all accounts.
    """

    graph: str
    membership: Membership


@dataclass(frozen=True, slots=True)
class Detection:
    """What one look at a population found.

    Attributes:
        candidates: The groups tested after growth.
        partition: Shape (accounts,). The candidate of each account, -1 for none.
        evidence: The candidates' joint evidence.
        flagged: Shape (candidates,). Discoveries at the level asked for.
        tested: How many communities were looked at: what the level is paid for.
    """

    candidates: tuple[Candidate, ...]
    partition: NDArray[np.int64]
    evidence: Joint
    flagged: NDArray[np.bool_]
    tested: int


GRAPHS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("identity", ("payment", "network", "mail"), 1.0),
    ("content", ("template", "system"), 3.0),
    ("content", ("template", "system"), 1.0),
)


def detect(population: Population, level: float) -> Detection:
    """Return the campaigns of ``population``.

    Communities are drawn on several graphs, each tested, the promising ones grown to all accounts that belong to
    them and tested again; e-BH controls the false discoveries over all communities that were looked at.

    Args:
        population: Accounts with their footprints.
        level: In (0, 1). The false-discovery level.
    """
    accounts = len(population)
    cores: list[tuple[float, str, NDArray[np.bool_]]] = []
    tested = 0
    for name, views, resolution in GRAPHS:
        links = together([link(getattr(population, view), accounts) for view in views], accounts)
        partition = communities(links, accounts, resolution)
        groups = Groups(population, partition)
        tested += len(groups)
        if len(groups) == 0:
            continue
        log_e = joint(groups).log_e
        cores += [(log_e[k], name, partition == k) for k in np.flatnonzero(log_e > CANDIDATE_NATS)]
    ties = Ties(population)
    partition = np.full(accounts, -1, np.int64)
    candidates: list[Candidate] = []
    for _, name, core in sorted(cores, key=lambda entry: -entry[0])[:CANDIDATES_MOST]:
        taken = partition >= 0
        if (core & taken).sum() > OVERLAP_MOST * core.sum():
            continue
        membership = grow(ties, core)
        member = membership.member
        if member.sum() < ACCOUNTS_LEAST or (member & taken).sum() > OVERLAP_MOST * member.sum():
            continue
        partition[member & ~taken] = len(candidates)
        candidates.append(Candidate(name, membership))
    evidence = joint(Groups(population, partition))
    log_e = np.full(max(tested, len(candidates)), -np.inf)
    log_e[: len(candidates)] = np.where(evidence.enough_views, evidence.log_e, -np.inf)
    flagged = e_benjamini_hochberg(log_e, level)[: len(candidates)]
    return Detection(tuple(candidates), partition, evidence, flagged, tested)
