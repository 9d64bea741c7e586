"""The policy that comes along, once enforced: regions, campaigns met at one stroke, ways back, everybody's quotas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stillwatch.response.decision import Decider
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Entry, edit_overlay, overlay_path
from stillwatch.response.policy_file import DEFAULT_POLICY, load_policy, parse_policy
from stillwatch.response.request import Request
from stillwatch.response.standing import Reloading, Standings, write_snapshot

DAY_S = 86_400
NOW_US = 20_000 * DAY_S * 1_000_000
NOBODY = Standings({"account": np.zeros(0, np.uint64)}, {})
ENFORCED = load_policy().as_enforced(also_shadow=True)


def suspended(request: Request) -> bool:
    refusal = Decider(ENFORCED, NOBODY).decide(request, NOW_US).refusal
    return refusal is not None and refusal.type.endswith(":suspended")


@pytest.mark.parametrize("country", ["CU", "IR", "KP"])
def test_unsupported_regions_are_met_by_request_and_by_owner(country: str) -> None:
    assert suspended(Request(1, NOW_US, country=country, verification="id"))
    assert suspended(Request(1, NOW_US, country="DE", owner_country=country))
    assert not suspended(Request(1, NOW_US, country="DE", owner_country="DE"))
    assert not suspended(Request(1, NOW_US))  # Nobody is refused for what is not known.


def test_networks_of_unsupported_owners_are_met_wherever_they_are() -> None:
    text = DEFAULT_POLICY.read_text().replace("unsupported: []", "unsupported: [64500]")
    policy = parse_policy(text, "policy", DEFAULT_POLICY.parent).as_enforced(also_shadow=False)
    for asn, rung in ((64500, Rung.SUSPEND), (64501, Rung.NONE), (24940, Rung.OBSERVE)):
        assert Decider(policy, NOBODY).decide(Request(1, NOW_US, country="DE", asn=asn), NOW_US).rung is rung


def table(accounts: int, **columns: object) -> Standings:
    held = {name: np.full(accounts, value) for name, value in columns.items() if name != "names"}
    names = {"campaign": ("", "c-1"), "billing_country": ("", "CU")}
    return Standings({"account": np.arange(1, accounts + 1, dtype=np.uint64) << np.uint64(40), **held}, names)


def test_a_payers_country_asks_for_proof_which_lifts_it() -> None:
    asked = Request(1 << 40, NOW_US)
    assert Decider(ENFORCED, table(1, billing_country=1)).decide(asked, NOW_US).rung is Rung.VERIFY
    assert Decider(ENFORCED, table(1, billing_country=1, verified=1)).decide(asked, NOW_US).rung is Rung.NONE


class Met:
    """A campaign of many accounts in a snapshot that a gateway watches."""

    def __init__(self, folder: Path, accounts: int) -> None:
        self.path = folder / "standings"
        self.accounts = [number << 40 for number in range(1, accounts + 1)]
        write_snapshot(self.path, table(accounts))
        self.source = Reloading(self.path, poll_s=1.0, in_background=False)
        self.decider = Decider(ENFORCED, self.source)
        self.now_us = NOW_US

    def flag(self) -> None:
        nats = {"evidence_nats": np.float32(12), "membership_nats": np.float32(1)}
        write_snapshot(self.path, table(len(self.accounts), rung=1, campaign=1, actor=77, **nats))

    def rungs(self) -> list[Rung]:
        self.now_us += 2_000_000
        return [self.decider.decide(Request(account, self.now_us), self.now_us).rung for account in self.accounts]

    def edit(self, account: int, entry: Entry) -> None:
        edit_overlay(overlay_path(self.path), lambda entries: entries.__setitem__(account, entry))


def test_a_campaign_is_met_by_one_snapshot_and_never_in_part(tmp_path: Path) -> None:
    met = Met(tmp_path, 500)
    assert set(met.rungs()) == {Rung.NONE}
    met.flag()
    assert set(met.rungs()) == {Rung.VERIFY}


def test_an_appeal_restores_at_once_and_revoking_a_flag_does_for_all(tmp_path: Path) -> None:
    met = Met(tmp_path, 20)
    met.flag()
    met.rungs()
    met.edit(met.accounts[3], Entry(restored=True, reason="appeal"))
    met.edit(met.accounts[4], Entry(verification="id"))
    rungs = met.rungs()
    assert (rungs[3], rungs[4]) == (Rung.NONE, Rung.CAP) and set(rungs[5:]) == {Rung.VERIFY}
    asked = Request(met.accounts[3], met.now_us, country="KP")
    assert met.decider.decide(asked, met.now_us).rung is Rung.SUSPEND  # No appeal changes where one may serve.
    for account in met.accounts:
        met.edit(account, Entry(restored=True, reason="the campaign was none"))
    assert set(met.rungs()) == {Rung.NONE}


def taken(request: Request, a_day: int, days: float, tokens: int = 700) -> float:
    """The share of requests at an even pace that pass."""
    decider, passed = Decider(ENFORCED, NOBODY), 0
    for number in range(int(a_day * days)):
        later_s = number * DAY_S // a_day
        asked = replace(request, account_age_s=request.account_age_s + later_s, input_tokens=tokens // 3)
        now_us = NOW_US + later_s * 1_000_000
        command = decider.decide(asked, now_us)
        if command.refusal is None:
            passed += 1
            decider.settle(command, tokens, now_us)
    return passed / int(a_day * days)


FRESH, OLD_S = 0, 40 * DAY_S


@pytest.mark.parametrize(
    ("plan", "verification", "age_s", "a_day"),
    [
        ("free", "none", FRESH, 400),  # A student in the week before an examination.
        ("free", "none", OLD_S, 900),  # A person with a coding tool from morning to night.
        ("pro", "phone", OLD_S, 4_000),
        ("api", "none", FRESH, 20_000),  # A test set over a week-end, a product's first day.
        ("api", "phone", OLD_S, 60_000),
        ("", "", -1, 20_000),  # Nothing is known of it.
        ("free", "id", FRESH, 20_000),
    ],
)
def test_busy_honest_accounts_are_not_refused(plan: str, verification: str, age_s: int, a_day: int) -> None:
    request = Request(1, NOW_US, plan=plan, verification=verification, account_age_s=age_s)
    if age_s < 0:
        request = replace(request, account_age_s=-DAY_S * 100)
    assert taken(request, a_day, 0.1 if a_day > 10_000 else 2) == 1.0


def test_fresh_free_accounts_of_a_pool_get_little_of_what_they_ask_for() -> None:
    fresh = Request(1, NOW_US, plan="free", verification="none", account_age_s=FRESH)
    assert taken(fresh, 3_125, 3) < 0.3
    assert taken(fresh, 20_000, 1) < 0.1
    assert taken(replace(fresh, verification="phone"), 20_000, 1) < 0.1


def test_a_burst_is_a_persons_and_not_a_scripts() -> None:
    decider = Decider(ENFORCED, NOBODY)
    for account, (plan, passes) in enumerate((("free", 40), ("pro", 150), ("api", 3_000))):
        asked = Request(account, NOW_US, plan=plan, account_age_s=FRESH)
        outcomes = [decider.decide(asked, NOW_US).refusal is None for _ in range(passes + 1)]
        assert outcomes == [True] * passes + [False], plan
