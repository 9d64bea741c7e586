"""From what the looks found to the cases that an analyst reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.detection import Core, Detection
from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.joint import Joint
from stillwatch.campaign.membership import TIES, holdings
from stillwatch.campaign.population import Incidence, Population
from stillwatch.campaign.sharing import shared
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.case.account_reasons import account_reasons
from stillwatch.case.campaign_case import (
    Campaign,
    Explanation,
    FlaggedAccount,
    Graph,
    LookAlike,
    SharedValue,
    ViewEvidence,
)
from stillwatch.case.drawn import DRAWN
from stillwatch.case.findings import findings
from stillwatch.case.wording import plural
from stillwatch.evidence.baseline import Habits
from stillwatch.footprint.capabilities import targeted
from stillwatch.footprint.footprints import EMPTY, Footprints

SHARED_MOST = 60
GRAPH_ACCOUNTS_MOST = 140
GRAPH_VALUES_MOST = 60
LOOK_ALIKES_MOST = 8
LOOK_ALIKE_NATS = -3.0  # A group below this resembles a campaign in no way that an analyst would ask about.
_TIE_WORDS = {
    "payment": "shares its card with {others} of the group",
    "network": "was at an address where up to {others} of the group came too",
    "template": "sends rare texts that it shares with up to {others} of the group",
    "sign_up": "was opened on the same day as {others} of the group",
    "first_use": "sent its first exchange on the same day as {others} of the group",
    "mail": "shares its mail domain with {others} of the group",
    "client": "shares its client software with {others} of the group",
    "system": "shares its system instructions with {others} of the group",
    "settings": "shares its request settings with {others} of the group",
}
_WITHOUT_WORDS = {
    "payment": "has no card on file, like {others} of the group",
    "system": "sends no system instructions, like {others} of the group",
}


@dataclass(frozen=True, eq=False)
class Finding:
    """One campaign as it left the looks.

    Attributes:
        campaign_id: Its name in reports.
        member: Shape (accounts,), over the latest population.
        flagged_at_us: Shape (accounts,). When each member was flagged first.
        detection: The look that flagged it last.
        group: Its number there.
    """

    campaign_id: str
    member: NDArray[np.bool_]
    flagged_at_us: NDArray[np.int64]
    detection: Detection
    group: int


def instant(us: int) -> dt.datetime:
    """Return microseconds since 1970 as an instant in UTC."""
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC)


def campaign(
    finding: Finding, population: Population, models: Mapping[int, str], habits: tuple[Habits, ...] = ()
) -> Campaign:
    """Return the case of one campaign.

    Args:
        finding: What the looks found.
        population: Everyone, at the end of the scan.
        models: Clear names of the hashes of request models.
        habits: What the detectors hold honest accounts to; the shipped limits where empty.
    """
    footprints, member = population.footprints, finding.member
    rows = np.flatnonzero(member)
    groups = Groups(population, np.where(member, 0, -1))
    evidence = finding.detection.evidence.take(finding.group)
    drawn = finding.detection.candidates[finding.group].core.graph
    prompts = int(footprints.integers("prompts")[rows].sum())
    flagged_us = int(finding.flagged_at_us[rows].min())
    return Campaign(
        campaign_id=finding.campaign_id,
        log_e=float(evidence.log_e[0]),
        accounts=_accounts(finding, footprints, rows, habits),
        exchanges=int(footprints.integers("exchanges")[rows].sum()),
        input_tokens=_tokens(footprints, rows, "input"),
        output_tokens=_tokens(footprints, rows, "output"),
        first_seen=instant(int(footprints.integers("first_us")[rows].min())),
        last_seen=instant(int(footprints.integers("last_us")[rows].max())),
        flagged_at=instant(flagged_us),
        exchanges_by_day=_by_day(footprints, rows),
        countries=_countries(footprints, rows),
        networks=_networks(footprints, rows),
        models=_models(footprints, rows, models),
        capabilities=_capabilities(footprints, rows),
        eliciting_share=float(footprints.integers("eliciting")[rows].sum() / prompts) if prompts else None,
        shared=_shared_values(population, groups),
        evidence=_views(evidence, groups, finding.detection.content, drawn),
        explanations=_explanations(evidence),
        graph=_graph(population, groups, rows),
    )


def look_alikes(detection: Detection, flagged: NDArray[np.bool_]) -> tuple[LookAlike, ...]:
    """Return the largest groups that resembled a campaign in the last look and were not flagged.

    Args:
        detection: The last look.
        flagged: Shape (accounts,). Accounts of campaigns, whose groups are left out.
    """
    seen = flagged.copy()
    found: list[LookAlike] = []
    for core in sorted(detection.cores, key=lambda core: -core.log_e):
        if len(found) == LOOK_ALIKES_MOST or core.log_e <= LOOK_ALIKE_NATS:
            break
        if seen[core.accounts].mean() > 0.5:
            continue
        seen[core.accounts] = True
        found.append(_look_alike(detection, core))
    return tuple(found)


def _look_alike(detection: Detection, core: Core) -> LookAlike:
    population = detection.population
    partition = np.full(len(population), -1, np.int64)
    partition[core.accounts] = 0
    groups = Groups(population, partition, core.beside)
    views = _views(core.evidence, groups, detection.content, core.graph)
    speaking = [view.view for view in sorted(views, key=lambda view: -view.log_e) if view.log_e >= 1.0]
    best = EXPLANATIONS[int(core.evidence.against[:, 0].argmin())]
    rows = core.accounts
    return LookAlike(
        accounts=len(rows),
        exchanges=int(population.footprints.integers("exchanges")[rows].sum()),
        log_e=core.log_e,
        resembles=f"drawn together by {DRAWN[core.graph].by}"
        + (f"; {', '.join(name.replace('_', '-') for name in speaking)} spoke for a campaign" if speaking else ""),
        explanation=f"{best.name}: {best.claim}",
        evidence=views,
        examples=tuple(population.footprints.account_id.take(rows[:5]).to_pylist()),
    )


def _views(evidence: Joint, groups: Groups, content: NDArray[np.int64], graph: str) -> tuple[ViewEvidence, ...]:
    later = np.full(len(groups.population) - len(content), -1)  # Accounts that came after the look.
    said = findings(groups, np.append(content, later))
    return tuple(
        ViewEvidence(view.name, float(log_e), said[view.name], view.name in DRAWN[graph].views)
        for view, log_e in zip(VIEWS, evidence.by_view[:, 0], strict=True)
        if not np.isnan(log_e)
    )


def _explanations(evidence: Joint) -> tuple[Explanation, ...]:
    tested = []
    for k, explanation in enumerate(EXPLANATIONS):
        log_e, lacks = float(evidence.against[k, 0]), float(evidence.misfit[k, 0])
        left = [
            view.name.replace("_", "-")
            for view, nats in zip(VIEWS, evidence.by_view[:, 0], strict=True)
            if nats >= 1.0 and view.name not in explanation.excuses
        ]
        outcome = f"It leaves {', '.join(left)} unexplained" if left else "It explains what was seen"
        if lacks > 1:
            outcome += f", and the group lacks what it claims ({lacks:.1f} nats)"
        tested.append(Explanation(explanation.name, explanation.claim, outcome + ".", log_e))
    return tuple(sorted(tested, key=lambda each: each.log_e))


def _accounts(
    finding: Finding, footprints: Footprints, rows: NDArray[np.int64], habits: tuple[Habits, ...]
) -> tuple[FlaggedAccount, ...]:
    membership = finding.detection.candidates[finding.group].membership
    looked = len(membership.member)  # The look may have seen fewer accounts than the scan did at its end.
    company = _company(finding.detection.population, finding.member[:looked])
    ids = footprints.account_id.take(rows).to_pylist()
    exchanges = footprints.integers("exchanges")
    found = []
    for row, account_id, own in zip(rows, ids, account_reasons(footprints, rows, habits), strict=True):
        reasons = []
        if row < looked:
            nats = membership.by_tie[:, row]
            reasons = [
                (TIES[k].name, _tie_words(TIES[k].name, int(company[TIES[k].name][row])), float(nats[k]))
                for k in np.argsort(-nats, kind="stable")
                if nats[k] >= 0.5
            ]
        log_odds = float(membership.log_odds[row]) if row < looked else 0.0
        at = instant(int(finding.flagged_at_us[row]))
        found.append(FlaggedAccount(account_id, log_odds, at, int(exchanges[row]), (*reasons, *own)))
    return tuple(sorted(found, key=lambda account: (-account.log_odds, account.account_id)))


def _tie_words(name: str, others: int) -> str:
    words = _TIE_WORDS if others >= 0 else _WITHOUT_WORDS
    return words[name].format(others=plural(others if others >= 0 else ~others, "other account"))


def _company(population: Population, member: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
    """Return, by tie, with how many other members each account shares its most widely shared value.

    Where an account without a value is like n other members that have none either, the number is ~n, below 0.
    """
    out = {}
    for name, view in holdings(population).items():
        most = np.zeros(len(population), np.int64)
        inside = member[view.account]
        held = np.bincount(view.value[inside], minlength=len(view.label))
        np.maximum.at(most, view.account[inside], held[view.value[inside]] - 1)
        if name in _WITHOUT_WORDS:
            without = member.copy()
            without[view.account] = False
            most[without] = ~(without.sum() - 1)
        out[name] = most
    return out


def _tokens(footprints: Footprints, rows: NDArray[np.int64], way: str) -> int | None:
    if not footprints.integers(f"{way}_known")[rows].any():
        return None
    return int(footprints.integers(f"{way}_tokens")[rows].sum())


def _by_day(footprints: Footprints, rows: NDArray[np.int64]) -> tuple[tuple[dt.date, int], ...]:
    hours = footprints.hours[rows].astype(np.int64).sum(axis=0)
    days = hours[: len(hours) // 24 * 24].reshape(-1, 24).sum(axis=1)
    used = np.flatnonzero(days)
    if not len(used):
        return ()
    begin = instant(footprints.origin_us).date()
    span = range(int(used[0]), int(used[-1]) + 1)
    return tuple((begin + dt.timedelta(days=day), int(days[day])) for day in span)


def _countries(footprints: Footprints, rows: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    used = footprints.hashes("addresses")[rows] != EMPTY
    codes = np.where(used, footprints.integers("address_country")[rows], 0)
    counts = _accounts_by(codes)
    return tuple((chr(code // 256) + chr(code % 256), n) for code, n in counts if code > 0)


def _networks(footprints: Footprints, rows: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    used = footprints.hashes("addresses")[rows] != EMPTY
    return tuple(
        (asn, n) for asn, n in _accounts_by(np.where(used, footprints.integers("address_asn")[rows], -1)) if asn > 0
    )


def _accounts_by(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Count the accounts of each code, the commonest first; an account counts once a code."""
    account = np.repeat(np.arange(len(codes)), codes.shape[1])
    pairs = np.unique(np.stack([account, codes.reshape(-1)]), axis=1)
    values, counts = np.unique(pairs[1], return_counts=True)
    return [(int(values[k]), int(counts[k])) for k in np.lexsort((values, -counts))]


def _models(footprints: Footprints, rows: NDArray[np.int64], names: Mapping[int, str]) -> tuple[tuple[str, int], ...]:
    hashes, counts = footprints.hashes("models")[rows], footprints.integers("models_exchanges")[rows]
    values, place = np.unique(hashes, return_inverse=True)
    total = np.bincount(place.reshape(-1), counts.reshape(-1), minlength=len(values)).astype(np.int64)
    order = np.argsort(-total, kind="stable")
    return tuple(
        (names.get(int(values[k]), f"model {int(values[k]) >> 32:08x}"), int(total[k]))
        for k in order
        if values[k] != EMPTY
    )


def _capabilities(footprints: Footprints, rows: NDArray[np.int64]) -> tuple[tuple[str, float], ...]:
    topic, prompts = footprints.integers("topic"), footprints.integers("prompts")
    if not prompts[rows].any():
        return ()
    mean = topic.sum(axis=0) / max(int(prompts.sum()), 1)
    usual = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return tuple(targeted(topic[rows], prompts[rows], usual).items())


def _drawn(population: Population) -> tuple[tuple[str, str, Incidence], ...]:
    return (
        ("payment", "card", population.payment),
        ("network", "address", population.network),
        ("sign_up", "mail domain", population.mail),
        ("client", "client", population.client),
        ("client", "system instructions", population.system),
    )


def _label(word: str, label: np.uint64) -> str:
    return f"{word} {int(label) >> 32:08x}"


def _shared_values(population: Population, groups: Groups) -> tuple[SharedValue, ...]:
    found = []
    for view, word, held in _drawn(population):
        rows = shared(held, groups.partition)
        _, first = np.unique(rows.pair, return_index=True)
        widest = first[np.argsort(-rows.holders[first], kind="stable")][:SHARED_MOST]
        found += [
            SharedValue(
                view,
                _label(word, held.label[rows.value[k]]),
                int(rows.holders[k]),
                int(held.frequency[rows.value[k]] - rows.holders[k]),
            )
            for k in widest
        ]
    return tuple(sorted(found, key=lambda value: -value.accounts))


def _graph(population: Population, groups: Groups, rows: NDArray[np.int64]) -> Graph:
    """Draw the cards and addresses that tie the accounts, and the accounts that they tie most."""
    nodes: list[tuple[str, str]] = []
    ends: list[tuple[int, int, float]] = []
    for view, word, held in _drawn(population)[:3]:
        tied = shared(held, groups.partition)
        rare = tied.keep(held.frequency[tied.value] <= max(population.popular, len(rows)))
        pairs, first = np.unique(rare.pair, return_index=True)
        widest = pairs[np.argsort(-rare.holders[first], kind="stable")][: GRAPH_VALUES_MOST // 2]
        for pair in widest:
            inside = np.flatnonzero(rare.pair == pair)
            weight = float(np.log(len(population) / held.frequency[rare.value[inside[0]]]))
            ends += [(int(rare.account[k]), len(nodes), weight) for k in inside]
            nodes.append((view, _label(word, held.label[rare.value[inside[0]]])))
    account, degree = np.unique(np.array([end[0] for end in ends], np.int64), return_counts=True)
    kept = account[np.argsort(-degree, kind="stable")][:GRAPH_ACCOUNTS_MOST]
    place = {int(row): k for k, row in enumerate(kept)}
    edges = [(place[row], value, weight) for row, value, weight in ends if row in place]
    used = sorted({value for _, value, _ in edges})
    number = {value: k for k, value in enumerate(used)}
    return Graph(
        accounts=tuple(population.footprints.account_id.take(kept).to_pylist()),
        values=tuple(nodes[value] for value in used),
        edges=tuple((row, number[value], weight) for row, value, weight in edges),
        accounts_total=len(rows),
    )
