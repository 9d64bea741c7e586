"""Detection: from a population of footprints to the campaigns in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.chance import expected_strangers
from stillwatch.campaign.communities import ACCOUNTS_LEAST, communities, renumbered
from stillwatch.campaign.joint import Joint, after_growth, joint
from stillwatch.campaign.linkage import TEXT_ACCOUNTS_MOST, TEXT_TIES, link, together
from stillwatch.campaign.membership import Membership, Ties, grow
from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.statistics.false_discovery import e_benjamini_hochberg

CANDIDATE_NATS = 1.5  # Raw communities with less joint evidence are not grown.
CANDIDATES_MOST = 32
OVERLAP_MOST = 0.3
CONTENT_RESOLUTION = 3.0


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


def identity(population: Population) -> NDArray[np.int64]:
    """Return the communities of accounts that share cards, addresses and mail domains."""
    accounts = len(population)
    network = link(population.network, accounts, strangers=expected_strangers(population.network, accounts))
    views = [network, link(population.payment, accounts), link(population.mail, accounts)]
    return communities(together(views, accounts), accounts)


def content(population: Population) -> NDArray[np.int64]:
    """Return the communities of accounts that share rare texts and system instructions."""
    accounts = len(population)
    texts = link(population.template, accounts, TEXT_ACCOUNTS_MOST, TEXT_TIES)
    return communities(together([texts, link(population.system, accounts)], accounts), accounts, CONTENT_RESOLUTION)


def meet(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the groups of accounts that are together in both partitions."""
    both = (left >= 0) & (right >= 0)
    return renumbered(np.where(both, left * (int(right.max(initial=0)) + 1) + right, -1))


def _parents(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each group of ``part`` the group of ``whole`` that it lies in."""
    parent = np.zeros(int(part.max()) + 1, np.int64)
    parent[part[part >= 0]] = whole[part >= 0]
    return parent


def detect(population: Population, level: float) -> Detection:
    """Return the campaigns of ``population``.

    Communities are drawn by who the accounts are, by what they send, and by both at once; each is tested, the
    promising ones are grown to all accounts that belong to them and tested again; e-BH controls the false
    discoveries over all communities that were looked at.

    Args:
        population: Accounts with their footprints.
        level: In (0, 1). The false-discovery level.
    """
    accounts = len(population)
    cores: list[tuple[float, str, NDArray[np.bool_], Joint]] = []
    tested = 0
    who, what = identity(population), content(population)
    both = meet(who, what)
    by_identity: Joint | None = None
    for name, drawn, beside in (("identity", who, what), ("content", what, None), ("both", both, what)):
        groups = Groups(population, drawn, beside)
        tested += len(groups)
        if len(groups) == 0:
            continue
        drew = joint(groups)
        if name == "identity":
            by_identity = drew
        elif name == "both" and by_identity is not None:
            drew = drew.with_view("template", by_identity, _parents(drawn, who))
        cores += [
            (drew.log_e[k], name, drawn == k, drew.take(np.array([k])))
            for k in np.flatnonzero((drew.log_e > CANDIDATE_NATS) & drew.enough_views)
        ]
    ties = Ties(population)
    partition = np.full(accounts, -1, np.int64)
    candidates: list[Candidate] = []
    drawn_evidence: list[Joint] = []
    for _, name, core, drew in sorted(cores, key=lambda entry: -entry[0])[:CANDIDATES_MOST]:
        taken = partition >= 0
        if (core & taken).sum() > OVERLAP_MOST * core.sum():
            continue
        membership = grow(ties, core)
        member = membership.member
        if member.sum() < ACCOUNTS_LEAST or (member & taken).sum() > OVERLAP_MOST * member.sum():
            continue
        partition[member & ~taken] = len(candidates)
        candidates.append(Candidate(name, membership))
        drawn_evidence.append(drew)
    evidence = joint(Groups(population, partition, what))
    if candidates:
        by_view = np.concatenate([drew.by_view for drew in drawn_evidence], axis=1)
        misfit = np.concatenate([drew.misfit for drew in drawn_evidence], axis=1)
        evidence = after_growth(Joint(by_view, misfit), evidence)
    log_e = np.full(max(tested, len(candidates)), -np.inf)
    log_e[: len(candidates)] = np.where(evidence.enough_views, evidence.log_e, -np.inf)
    flagged = e_benjamini_hochberg(log_e, level)[: len(candidates)]
    return Detection(tuple(candidates), partition, evidence, flagged, tested)
