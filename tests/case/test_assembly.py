"""From a detection to the case that an analyst reads: the figures add up, the words are plain, the picture is small."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from stillwatch.campaign.detection import Detection, detect
from stillwatch.campaign.population import Population
from stillwatch.case import assembly
from stillwatch.case.assembly import Finding, campaign, instant, look_alikes
from stillwatch.case.campaign_case import Campaign
from stillwatch.evidence.registry import DETECTORS
from stillwatch.footprint.footprints import DAY_US, EMPTY, Footprints

SEED = 81
STRANGERS = 700
MEMBERS = 40
TIES = ("payment", "network", "template", "sign_up", "first_use", "mail", "client", "system", "settings")
PLACES = {9000: "DE", 9001: "BR", 9002: "VN"}  # Other networks of the campaign have no country.


def code(country: str) -> int:
    return 256 * ord(country[0]) + ord(country[1])


def with_places_and_tokens(footprints: Footprints) -> Footprints:
    """Give addresses their countries, leave some networks unknown, and count the tokens that were read."""
    arrays = footprints.arrays
    asn = arrays["address_asn"]
    used = footprints.hashes("addresses") != EMPTY
    for network, country in PLACES.items():
        arrays["address_country"][used & (asn == network)] = code(country)
    asn[used & (asn == 9004)] = -1
    arrays["input_known"][:] = arrays["exchanges"]
    arrays["input_tokens"][:] = 7 * arrays["exchanges"].astype(np.int64)
    arrays["models_exchanges"][:] = 0
    arrays["models_exchanges"][:, 0] = arrays["exchanges"][:]
    return footprints


@pytest.fixture(scope="module")
def accounts(builder: ModuleType) -> list[Any]:
    draw = builder.Builder(SEED)
    return [*draw.campaign(MEMBERS), *draw.strangers(STRANGERS), *draw.office(), *draw.school_class(), *draw.fleet()]


@pytest.fixture(scope="module")
def detection(builder: ModuleType, accounts: list[Any]) -> Detection:
    found = detect(Population(with_places_and_tokens(builder.footprints_of(accounts))), 0.05)
    assert found.flagged.sum() == 1
    return found


def finding_of(detection: Detection, accounts: int, late: int = 0) -> Finding:
    """The strongest group; its first ``late`` accounts were flagged a day after the others."""
    group = int(detection.evidence.log_e.argmax())
    member = np.zeros(accounts, bool)
    member[: len(detection.partition)] = detection.partition == group
    when = np.full(accounts, np.iinfo(np.int64).max)
    when[member] = detection.population.footprints.origin_us + 10 * DAY_US
    when[np.flatnonzero(member)[:late]] += DAY_US
    return Finding("20241005-01", member, when, detection, group)


@pytest.fixture(scope="module")
def case(builder: ModuleType, detection: Detection) -> Campaign:
    names = {builder.hashed("model", "old"): "apex-4", builder.hashed("model", "new"): "apex-5"}
    population = detection.population
    return campaign(finding_of(detection, len(population), late=3), population, names)


def rows_of(case: Campaign) -> list[int]:
    return sorted(int(account.account_id.split()[1]) for account in case.accounts)


def test_the_members_are_those_of_the_campaign(case: Campaign) -> None:
    rows = rows_of(case)
    assert len(rows) >= 0.9 * MEMBERS and max(rows) < MEMBERS


def test_exchanges_tokens_and_days_add_up(builder: ModuleType, accounts: list[Any], case: Campaign) -> None:
    sent = {row: int(accounts[row].hours.sum()) for row in rows_of(case)}
    assert case.exchanges == sum(sent.values()) == sum(n for _, n in case.exchanges_by_day)
    assert {int(each.account_id.split()[1]): each.exchanges for each in case.accounts} == sent
    assert case.input_tokens == 7 * case.exchanges and case.output_tokens is None
    by_day = np.sum([accounts[row].hours for row in sent], axis=0).reshape(builder.DAYS, 24).sum(axis=1)
    first = instant(builder.ORIGIN_US).date()
    assert dict(case.exchanges_by_day) == {first + dt.timedelta(days=k): int(n) for k, n in enumerate(by_day)}
    assert case.first_seen < case.last_seen
    assert (case.first_seen.date(), case.last_seen.date()) == (
        case.exchanges_by_day[0][0],
        case.exchanges_by_day[-1][0],
    )
    asked = sum(round(accounts[row].eliciting_share * sent[row]) for row in sent)
    assert case.eliciting_share == pytest.approx(asked / case.exchanges)


def test_countries_and_networks_are_counted_by_account_without_the_unknown(accounts: list[Any], case: Campaign) -> None:
    networks: Counter[int] = Counter()
    countries: Counter[str] = Counter()
    for row in rows_of(case):
        here = {network for _, network in accounts[row].addresses}
        networks.update(here - {9004})
        countries.update({PLACES[network] for network in here if network in PLACES})
    assert dict(case.networks) == dict(networks) and dict(case.countries) == dict(countries)
    for counted in ([n for _, n in case.networks], [n for _, n in case.countries]):
        assert counted == sorted(counted, reverse=True) and len(counted) == len(set(range(len(counted))))


def test_models_have_their_names_or_a_pseudonym(detection: Detection, case: Campaign) -> None:
    assert {name for name, _ in case.models} <= {"apex-4", "apex-5"}
    assert sum(n for _, n in case.models) == case.exchanges
    nameless = campaign(finding_of(detection, len(detection.population)), detection.population, {})
    assert all(re.fullmatch(r"model [0-9a-f]{8}", name) for name, _ in nameless.models)
    assert sorted(n for _, n in nameless.models) == sorted(n for _, n in case.models)


def test_capabilities_are_shares(case: Campaign) -> None:
    shares = [share for _, share in case.capabilities]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1.0)


def test_explanations_stand_in_order_and_the_first_decides(case: Campaign) -> None:
    strengths = [explanation.log_e for explanation in case.explanations]
    assert strengths == sorted(strengths) and case.log_e == pytest.approx(strengths[0])
    assert len({explanation.name for explanation in case.explanations}) == len(strengths) == 5
    unexplained = {each.name: each.outcome for each in case.explanations}["strangers"]
    for view in case.evidence:
        assert (view.view.replace("_", "-") in unexplained) == (view.log_e >= 1.0)


def test_evidence_is_of_views_that_had_data(case: Campaign) -> None:
    assert all(math.isfinite(view.log_e) and view.finding for view in case.evidence)
    assert any(view.linked for view in case.evidence) and any(not view.linked for view in case.evidence)


def test_accounts_come_surest_first_with_their_own_date(case: Campaign) -> None:
    odds = [account.log_odds for account in case.accounts]
    assert odds == sorted(odds, reverse=True) and min(odds) >= 1.0
    assert sorted(Counter(account.flagged_at for account in case.accounts).values()) == [3, len(odds) - 3]
    assert case.flagged_at == min(account.flagged_at for account in case.accounts)


def test_reasons_are_plain_and_strongest_first(case: Campaign) -> None:
    detectors = {detector.claim.detector for detector in DETECTORS}
    for account in case.accounts:
        ties = [reason for reason in account.reasons if reason[0] in TIES and reason[0] not in detectors]
        own = [reason for reason in account.reasons if reason[0] in detectors]
        assert account.reasons == (*ties, *own) and len(ties) >= 2
        for part in (ties, own):
            assert [nats for _, _, nats in part] == sorted((nats for _, _, nats in part), reverse=True)
        for view, words, nats in ties:
            assert nats >= 0.5 and "_" not in words and "{" not in words, view
            assert not re.search(r"\b0 other|no other|\b1 other accounts", words), words


def test_reasons_count_who_shares(accounts: list[Any], case: Campaign) -> None:
    rows = rows_of(case)
    holders = Counter(accounts[row].card for row in rows)
    for account in case.accounts:
        words = {view: text for view, text, _ in account.reasons}
        others = holders[accounts[int(account.account_id.split()[1])].card] - 1
        if "payment" in words:
            assert others and f" {others} other account" in words["payment"]


def test_who_has_no_card_is_not_said_to_share_one(builder: ModuleType) -> None:
    draw = builder.Builder(SEED + 1)
    paying = [replace(person, card=builder.hashed("card", k)) for k, person in enumerate(draw.strangers(STRANGERS))]
    members = draw.campaign(2 * MEMBERS)
    members[::2] = [replace(member, card=None) for member in members[::2]]
    found = detect(Population(builder.footprints_of([*members, *paying])), 0.05)
    case = campaign(finding_of(found, len(found.population)), found.population, {})
    free = {f"account {row}" for row in range(0, 2 * MEMBERS, 2)} & {account.account_id for account in case.accounts}
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for account in case.accounts:
        said[account.account_id in free] |= {text for view, text, _ in account.reasons if view == "payment"}
    assert said[True] == {f"has no card on file, like {len(free) - 1} other accounts of the group"}
    assert said[False] and all(text.startswith("shares its card with ") for text in said[False])


def test_shared_values_are_pseudonyms_and_count_the_holders(accounts: list[Any], case: Campaign) -> None:
    rows = set(rows_of(case))
    inside = Counter(accounts[row].card for row in rows)
    outside = Counter(account.card for row, account in enumerate(accounts) if row not in rows)
    want = sorted((n, outside[card]) for card, n in inside.items() if card is not None and n > 1)
    cards = [value for value in case.shared if value.view == "payment"]
    assert sorted((value.accounts, value.accounts_elsewhere) for value in cards) == want
    sizes = [value.accounts for value in case.shared]
    assert sizes == sorted(sizes, reverse=True) and min(sizes) >= 2
    assert all(re.fullmatch(r"[a-z ]+ [0-9a-f]{8}", value.label) for value in case.shared)
    whole = {f"{hash_:016x}" for hash_ in inside if hash_ is not None}
    assert not any(value.label.endswith(tuple(whole)) for value in case.shared)


def test_the_graph_is_bounded_and_whole(case: Campaign, detection: Detection, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = case.graph
    assert graph.accounts_total == len(case.accounts) and set(graph.accounts) <= {a.account_id for a in case.accounts}
    assert len(set(graph.accounts)) == len(graph.accounts) > 0
    assert {account for account, _, _ in graph.edges} <= set(range(len(graph.accounts)))
    assert {value for _, value, _ in graph.edges} == set(range(len(graph.values)))
    assert all(weight > 0 for _, _, weight in graph.edges)
    monkeypatch.setattr(assembly, "GRAPH_ACCOUNTS_MOST", 7)
    monkeypatch.setattr(assembly, "GRAPH_VALUES_MOST", 4)
    small = campaign(finding_of(detection, len(detection.population)), detection.population, {}).graph
    assert len(small.accounts) == 7 and len(small.values) <= 3 * 4 // 2
    assert small.accounts_total == graph.accounts_total
    assert {value for _, value, _ in small.edges} == set(range(len(small.values)))


def test_accounts_that_came_after_the_last_look_do_no_harm(
    builder: ModuleType, accounts: list[Any], detection: Detection, case: Campaign
) -> None:
    """A campaign may have been flagged last on a day after which others came."""
    more = [*accounts, *builder.Builder(SEED + 2).strangers(25)]
    later = Population(with_places_and_tokens(builder.footprints_of(more)))
    after = campaign(finding_of(detection, len(later), late=3), later, {})
    assert [each.account_id for each in after.accounts] == [each.account_id for each in case.accounts]
    assert (after.exchanges, after.networks, after.log_e) == (case.exchanges, case.networks, case.log_e)


def test_look_alikes_are_the_strongest_groups_that_were_not_flagged(detection: Detection) -> None:
    flagged = detection.flagged[detection.partition] & (detection.partition >= 0)
    found = look_alikes(detection, flagged)
    strengths = [group.log_e for group in found]
    assert strengths == sorted(strengths, reverse=True) and all(nats > assembly.LOOK_ALIKE_NATS for nats in strengths)
    assert 0 < len(found) <= assembly.LOOK_ALIKES_MOST
    members = {f"account {row}" for row in np.flatnonzero(flagged)}
    for group in found:
        assert group.examples and not set(group.examples) <= members and len(group.examples) <= 5
        assert group.accounts >= len(group.examples) and group.exchanges > 0
        name, claim = group.explanation.split(": ", 1)
        assert name and claim and group.resembles.startswith("drawn together by ") and "_" not in group.resembles
    nobody_flagged = look_alikes(detection, np.zeros(len(flagged), bool))
    assert nobody_flagged[0].log_e >= found[0].log_e and nobody_flagged != found


def test_reasons_read_as_before(case: Campaign, snapshot: SnapshotAssertion) -> None:
    said = {f"{view}: {re.sub(r'[0-9.]+', '#', words)}" for each in case.accounts for view, words, _ in each.reasons}
    assert "\n".join(sorted(said)) == snapshot
