"""Detection: from a population of footprints to the campaigns in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.chance import expected_strangers
from stillwatch.campaign.communities import ACCOUNTS_LEAST, communities, renumbered
from stillwatch.campaign.joint import VIEW_NATS_LEAST, Joint, after_growth, joint
from stillwatch.campaign.linkage import TEXT_ACCOUNTS_MOST, TEXT_TIES, Links, link, together
from stillwatch.campaign.membership import IDENTITY_TIES, TIE_NATS_LEAST, TIES, Membership, Ties, as_drawn, grow
from stillwatch.campaign.population import Population
from stillwatch.campaign.sharing import kept_to_themselves, rooted
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.evidence import sleepless
from stillwatch.statistics.false_discovery import e_benjamini_hochberg

CANDIDATE_NATS = 1.5  # Raw communities with less joint evidence are not grown.
ASKED_NATS = -1.0  # Likewise where what it asks for drew it: such a group is a handful with honest people among it.
REMAINDER_NATS = 0.0  # What is left of a community need not show as much: it was drawn too wide.
CANDIDATES_MOST = 32
TORN_SHARE = 0.1  # Of a community: from here on what grown groups leave of it is looked at again.
UNGROWN_NATS_MOST = 3.0  # The score of an account that growth left out of its community's campaign, at most.
NO_GROUP_NATS = -5.0  # The score of an account that is in no community at all.
LEAVING_SHARE = 0.2  # Of a block of accounts on one value: where fewer lead out of it, it keeps to itself.
OVERLAP_MOST = 0.3  # Of a group that earlier candidates may hold already.
CONTENT_RESOLUTION = 3.0
WIDE_RESOLUTION = 0.2  # Of identities in a small log, to be drawn once more: pools that are most of it.
IDENTITY_WEIGHT = 130_000.0  # Nats of ties, both ways, among 14,000 accounts of labelled traffic;
CONTENT_WEIGHT = 4_200_000.0  # the same of texts: the resolutions go with the graph, that of texts from here on.
FIRST_USE = [tie.name for tie in TIES].index("first_use")
SLEEPLESS_NATS_LEAST = 3.0  # Of an account by itself, to be drawn by its conduct.
ASKING_SHARE = 0.1  # Of an account's prompts, to be drawn by what it asks for;
ASKING_LEAST = 3  # fewer such prompts are curiosity.
ASKING_MOSTLY = (
    0.4  # Of an account's prompts: who does little else is drawn with others who do, whatever their settings.
)
ASKED_VIEWS = ("template", "coercion", "elicitation")
LATER = ("wide", "asks", "asks alike")  # Several campaigns can be in one: grown when all others are.
DREW = {"asks": ASKED_VIEWS, "asks alike": (*ASKED_VIEWS, "client")}  # Views that what drew a group answers already.


@dataclass(frozen=True, eq=False)
class Core:
    """A community as it was drawn, before it is grown.

    Attributes:
        graph: What drew it: identity, content, both at once, wide, asks, asks alike or conduct.
        accounts: Shape (members,). Their rows, ascending.
        beside: The content communities where content alone did not draw it, else None.
        evidence: Of this one group.
        log_e: Its nats.
    """

    graph: str
    accounts: NDArray[np.int64]
    beside: NDArray[np.int64] | None
    evidence: Joint
    log_e: float


@dataclass(frozen=True, eq=False)
class Candidate:
    """A group that was grown from a core and tested.

    Attributes:
        core: Where it began.
        membership: Who belongs to it, over all accounts.
    """

    core: Core
    membership: Membership


@dataclass(frozen=True, eq=False)
class Detection:
    """What one look at a population found.

    Attributes:
        population: What was looked at.
        candidates: The groups tested after growth.
        partition: Shape (accounts,). The candidate of each account, -1 for none.
        content: Shape (accounts,). The community of each account by what it sends.
        evidence: The candidates' joint evidence.
        flagged: Shape (candidates,). Discoveries at the level asked for.
        tested: How many communities were looked at, remainders counted: what the level is paid for.
        cores: All of them.
        score: Shape (accounts,), nats. The evidence of the best group that each account was in.
    """

    population: Population
    candidates: tuple[Candidate, ...]
    partition: NDArray[np.int64]
    content: NDArray[np.int64]
    evidence: Joint
    flagged: NDArray[np.bool_]
    tested: int
    cores: tuple[Core, ...]
    score: NDArray[np.float64]


def identity_ties(population: Population) -> Links:
    """Return the ties of accounts that share cards, addresses and mail domains, accounts by their place."""
    accounts, strangers = len(population), expected_strangers(population.network, len(population))
    network = link(population.network.renamed(population.place), accounts, strangers=strangers)
    views = [link(view.renamed(population.place), accounts) for view in (population.payment, population.mail)]
    return together([network, *views], accounts)


def identity(population: Population, least: float = 1.0) -> NDArray[np.int64]:
    """Return the communities of accounts that share cards, addresses and mail domains.

    A pool that is most of a small log falls to pieces at a resolution of 1, and stays whole below it, where pools that
    are a smaller part of it merge with others.
    """
    ties = population.once(identity_ties)
    return communities(ties, len(population), IDENTITY_WEIGHT, least=least)[population.place]


def content(population: Population) -> NDArray[np.int64]:
    """Return the communities of accounts that share rare texts and system instructions."""
    accounts = len(population)
    texts = link(population.template.renamed(population.place), accounts, TEXT_ACCOUNTS_MOST, TEXT_TIES)
    both = together([texts, link(population.system.renamed(population.place), accounts)], accounts)
    return communities(both, accounts, CONTENT_WEIGHT, CONTENT_RESOLUTION, CONTENT_RESOLUTION)[population.place]


def conduct(population: Population) -> NDArray[np.int64]:
    """Return the groups of accounts that never sleep and ask with the same settings.

    Asked only where the logs say neither who pays nor where from: a fleet of agents or a service for all time zones
    does not sleep either, and elsewhere its card and addresses tell it from a pool.
    """
    nobody = np.full(len(population), -1, np.int64)
    if not (population.network.empty and population.payment.empty):
        return nobody
    awake = np.nan_to_num(sleepless.detector(population.footprints).log_e, nan=0.0) >= SLEEPLESS_NATS_LEAST
    settings = nobody.copy()
    settings[population.settings.account] = population.settings.value
    return renumbered(np.where(awake, settings + 1, -1))


def asking(population: Population, share: float = ASKING_SHARE) -> NDArray[np.bool_]:
    """Return who asks for hidden reasoning, for grades or for training-style answers in ``share`` of the prompts."""
    footprints = population.footprints
    asked = sum(footprints.integers(name) for name in ("coercion", "grading", "training"))
    return np.asarray((asked >= ASKING_LEAST) & (asked >= share * footprints.integers("prompts")), np.bool_)


def asks(population: Population) -> NDArray[np.int64]:
    """Return one group: the accounts that do little else than ask for what a student is trained on.

    A pool whose accounts have a card and homes each is tied by nothing but what it does. Honest teams that test their
    own product ask as well, so that such a group is a beginning only: growth finds out who else has its habits.
    """
    return renumbered(np.where(asking(population, ASKING_MOSTLY), 0, -1))


def asks_alike(population: Population) -> NDArray[np.int64]:
    """Return the groups of accounts that ask for what a student is trained on, among others, with one setting each."""
    settings = np.zeros(len(population), np.int64)
    settings[population.settings.account] = 1 + population.settings.value
    return renumbered(np.where(asking(population), settings, -1))


def meet(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the groups of accounts that are together in both partitions."""
    both = (left >= 0) & (right >= 0)
    return renumbered(np.where(both, left * (int(right.max(initial=0)) + 1) + right, -1))


def _parents(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each group of ``part`` the group of ``whole`` that it lies in."""
    parent = np.zeros(int(part.max()) + 1, np.int64)
    parent[part[part >= 0]] = whole[part >= 0]
    return parent


def draw(population: Population, what: NDArray[np.int64]) -> list[Core]:
    """Return all communities of ``population`` with their evidence.

    By identity, by content ``what``, by both at once, by identity once more and wider, by what is asked for, and by
    conduct where there is no identity to go by.
    """
    who, wide = identity(population), identity(population, WIDE_RESOLUTION)
    cores: list[Core] = []
    by_identity: Joint | None = None
    families = (
        ("identity", who, what),
        ("content", what, None),
        ("both", meet(who, what), what),
        *([] if np.array_equal(who, wide) else [("wide", wide, what)]),
        ("asks", asks(population), what),
        ("asks alike", asks_alike(population), what),
        ("conduct", conduct(population), what),
    )
    for name, drawn, beside in families:
        groups = Groups(population, drawn, beside)
        drew = joint(groups)
        if name == "identity":
            by_identity = drew
        elif name == "both" and by_identity is not None and len(groups):
            drew = drew.with_view("template", by_identity, _parents(drawn, who))
        elif name in DREW:
            drew = drew.unasked(DREW[name])
        members = _by_group(drawn, groups.sizes)
        cores += [Core(name, members[k], beside, drew.take(k), nats) for k, nats in enumerate(drew.log_e.tolist())]
    return cores


def _by_group(partition: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each group's accounts, ascending."""
    order = np.argsort(partition, kind="stable")
    return np.split(order, len(partition) - np.cumsum(sizes[::-1])[::-1])[1:]


def detect(population: Population, level: float) -> Detection:
    """Return the campaigns of ``population``.

    Communities are drawn by who the accounts are, by what they send, and by both at once; each is tested, the
    promising ones are grown to all accounts that belong to them and tested again; e-BH controls the false
    discoveries over all communities that were looked at.

    Args:
        population: Accounts with their footprints.
        level: In (0, 1). The false-discovery level.
    """
    what = content(population)
    cores = draw(population, what)
    candidates, partition, looked_again = _grown(population, cores)
    cores += looked_again
    evidence = joint(Groups(population, partition, what))
    if candidates:
        evidence = after_growth([candidate.core.evidence for candidate in candidates], evidence)
        partition, evidence = _narrowed(candidates, partition, evidence, len(cores), level)
    partition = _without_bystanders(population, candidates, partition, evidence)
    large = np.bincount(partition[partition >= 0], minlength=len(candidates)) >= ACCOUNTS_LEAST
    flagged = _discoveries(np.where(large, _told(evidence), -np.inf), len(cores), level)
    score = np.full(len(population), NO_GROUP_NATS)
    for core in cores:
        score[core.accounts] = np.maximum(score[core.accounts], min(core.log_e, UNGROWN_NATS_MOST))
    grouped = np.flatnonzero(partition >= 0)
    odds = np.array([candidate.membership.log_odds for candidate in candidates])
    if len(candidates):
        sure = np.clip(odds[partition[grouped], grouped], 0.0, 10.0)
        score[grouped] = np.maximum(score[grouped], evidence.log_e[partition[grouped]]) + sure / 10
    return Detection(population, candidates, partition, what, evidence, flagged, len(cores), tuple(cores), score)


def _told(evidence: Joint) -> NDArray[np.float64]:
    return np.where(evidence.enough_views, evidence.log_e, -np.inf)


def _discoveries(log_e: NDArray[np.float64], cores: int, level: float) -> NDArray[np.bool_]:
    """Return which groups are discoveries among all communities looked at and all that were grown of them."""
    return e_benjamini_hochberg(np.append(log_e, np.full(cores, -np.inf)), level)[: len(log_e)]


def _narrowed(
    candidates: tuple[Candidate, ...], partition: NDArray[np.int64], evidence: Joint, cores: int, level: float
) -> tuple[NDArray[np.int64], Joint]:
    """Take back the growth of groups that are a discovery as they were drawn, and none as they were grown.

    Of a handful of accounts one stranger more can be a fifth. Both tests are among those that the level pays for.
    """
    drawn = Joint.of([candidate.core.evidence for candidate in candidates])
    whole = np.array([(partition[each.core.accounts] == k).all() for k, each in enumerate(candidates)])
    log_e = np.append(_told(evidence), np.where(whole, _told(drawn), -np.inf))
    as_grown, as_drawn = np.split(_discoveries(log_e, cores, level), 2)
    back = as_drawn & ~as_grown
    narrow = np.where((partition >= 0) & back[partition], -1, partition)
    for k in np.flatnonzero(back):
        narrow[candidates[k].core.accounts] = k
    return narrow, evidence.where(back, drawn)


def _without_bystanders(
    population: Population, candidates: tuple[Candidate, ...], partition: NDArray[np.int64], evidence: Joint
) -> NDArray[np.int64]:
    """Take out members that only what they send ties to their group.

    A firm's fleet or a few researchers with a test set may send what the group sends, and be tied to each other. A
    member stays if its cards or addresses speak for it, if they tie it to a piece of the group that the core makes up,
    and if it is not in a block that keeps to itself, as an office does that met the group by accident. Where the group
    shares no addresses but is of one hand in time, what they send is enough. Where the group is hardly more than one
    block, there is nobody that the block stands beside.
    """
    if population.network.empty:
        return partition
    says = dict(zip([view.name for view in VIEWS], np.nan_to_num(evidence.by_view, nan=0.0), strict=True))
    asked = (says["network"] >= VIEW_NATS_LEAST) | (says["timing"] < VIEW_NATS_LEAST)
    groups = Groups(population, partition)
    core, tied = np.zeros(len(population), bool), np.zeros(len(population), bool)
    identity_rows = [k for k, tie in enumerate(TIES) if tie.name in IDENTITY_TIES]
    for group, candidate in enumerate(candidates):
        core[candidate.core.accounts] |= partition[candidate.core.accounts] == group
        close = (candidate.membership.by_tie[identity_rows] >= TIE_NATS_LEAST).any(axis=0)
        tied |= close & (partition == group)
    shared_values = (groups.payment, groups.network, groups.own_mail)
    led = rooted(core, partition, shared_values)
    closed = kept_to_themselves(len(population), shared_values, ACCOUNTS_LEAST, LEAVING_SHARE)
    inside = np.flatnonzero(partition >= 0)
    closed[inside] &= ~groups.one_unit[partition[inside]]
    out = asked[partition[inside]] & ~(led & tied & ~closed)[inside]
    kept = partition.copy()
    kept[inside[out]] = -1
    return kept


def _grown(population: Population, cores: list[Core]) -> tuple[tuple[Candidate, ...], NDArray[np.int64], list[Core]]:
    """Grow the promising cores, the strongest first, and then what the grown groups left of the others.

    Returns:
        The candidates, the candidate of each account (-1 for none), and the remainders that were looked at again.
    """
    ties = Ties(population)
    partition = np.full(len(population), -1, np.int64)
    candidates: list[Candidate] = []
    promising = _strongest([core for core in cores if _promising(core)])
    for core in promising:
        if core.graph not in LATER:
            _admit(ties, core, partition, candidates)
    looked_again = _remainders(population, cores, partition >= 0) if candidates else []
    for core in _strongest([core for core in looked_again if core.log_e > REMAINDER_NATS]):
        _admit(ties, core, partition, candidates)
    for core in promising:
        if core.graph in LATER:
            _admit(ties, core, partition, candidates)
    return tuple(candidates), partition, looked_again


def _promising(core: Core) -> bool:
    if core.graph in DREW:
        return core.log_e > ASKED_NATS  # Two views are expected of it once it is grown.
    return core.log_e > CANDIDATE_NATS and bool(core.evidence.enough_views[0])


def _strongest(cores: list[Core]) -> list[Core]:
    return sorted(cores, key=lambda core: -core.log_e)[:CANDIDATES_MOST]


def _remainders(population: Population, cores: list[Core], taken: NDArray[np.bool_]) -> list[Core]:
    """Return what is left of communities of which a good part is taken: they may have been drawn too wide."""
    found = []
    for graph in ("identity", "content"):
        torn = [core.accounts for core in cores if core.graph == graph and _torn(core, taken)]
        rests = [accounts[~taken[accounts]] for accounts in torn]
        beside = next((core.beside for core in cores if core.graph == graph), None)
        part = np.full(len(population), -1, np.int64)
        for k, rest in enumerate(rests):
            part[rest] = k
        left = joint(Groups(population, part, beside))
        nats = left.log_e.tolist()
        found += [Core(graph, rest, beside, left.take(k), nats[k]) for k, rest in enumerate(rests)]
    return found


def _torn(core: Core, taken: NDArray[np.bool_]) -> bool:
    gone, size = int(taken[core.accounts].sum()), len(core.accounts)
    return gone >= TORN_SHARE * size and size - gone >= ACCOUNTS_LEAST


def _admit(ties: Ties, core: Core, partition: NDArray[np.int64], candidates: list[Candidate]) -> None:
    """Grow one core into a candidate, in place, unless earlier candidates hold too much of it."""
    taken = partition >= 0
    if taken[core.accounts].sum() > OVERLAP_MOST * len(core.accounts):
        return
    begun = np.zeros(len(partition), bool)
    begun[core.accounts] = True
    # What ties accounts without identities are habits that many share: such a group stays as it was drawn.
    membership = as_drawn(begun) if core.graph == "conduct" else grow(ties, begun)
    member = membership.member & ~taken
    if core.graph in DREW:  # With no identity to tie it, nobody joins who does not ask and began as they did.
        member &= asking(ties.population) & (membership.by_tie[FIRST_USE] >= TIE_NATS_LEAST / 2)
    if member.sum() >= ACCOUNTS_LEAST and 2 * member.sum() >= membership.member.sum():
        partition[member] = len(candidates)
        candidates.append(Candidate(core, membership))
