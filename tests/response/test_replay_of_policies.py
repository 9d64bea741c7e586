import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.response.counters import Limit
from stillwatch.response.ladder import Rung
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.policy import Policy
from stillwatch.response.policy_file import parse_policy
from stillwatch.response.profiles import read_profiles
from stillwatch.response.replay import LIMITED, PASSED, REFUSED, Flag, Profile, replay
from stillwatch.response.replay_report import Prices, report
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing
from stillwatch.response.traffic import Traffic, TrafficGathering

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
START_US = int(START.timestamp() * 1e6)
DAY_US = 86_400_000_000


def bound(name: str, rate: str, **more: Any) -> dict[str, Any]:
    return {"limits": [{"name": name, "rate": rate, **more}]}


RULES: list[dict[str, Any]] = [
    {"id": "campaign", "when": "in_campaign && evidence_nats > 5.0", "then": {"rung": "cap"}},
    {"id": "old", "when": "standing_age_days >= 1", "then": {"rung": "suspend"}},
    {"id": "region", "when": 'country == "KP"', "then": {"rung": "verify"}},
    {"id": "hide", "when": "wants_reasoning && asn == 5", "then": {"rung": "hide"}},
    {"id": "night", "when": "hour_utc < 6 && weekday == 1", "then": bound("night", "1 request a minute")},
    {"id": "quota", "when": 'verification != "id"', "then": bound("tokens", "900 tokens an hour", burst=300)},
    {
        "id": "young",
        "when": "account_age_days >= 0 && account_age_days < 2",
        "then": bound("tokens", "90 tokens an hour", burst=90),
    },
    {"id": "place", "when": "true", "then": bound("place", "600 requests a day", burst=40, per="country")},
]
LADDER = {"cap": {"limits": [{"name": "shared", "per": "actor", "rate": "50 requests a day", "burst": 10}]}}


def policy() -> Policy:
    rules = [{"reason": "why", **rule} for rule in RULES]
    document = {"version": 1, "name": "p", "enforce": True, "rules": rules, "ladder": LADDER}
    return parse_policy(yaml.safe_dump(document), "p.yaml", Path())


POLICY = policy()


def traffic(seed: int, rows: int = 400, accounts: int = 12) -> Traffic:
    draws = np.random.default_rng(seed)
    table = pa.table(
        {
            "timestamp": pa.array(START_US + draws.integers(0, 4 * DAY_US, rows), pa.timestamp("us", "UTC")),
            "account_id": [f"acct-{k}" for k in draws.integers(0, accounts, rows)],
            "client_country": draws.choice(np.array(["DE", "FR", "KP", None], object), rows, p=[0.5, 0.3, 0.1, 0.1]),
            "client_asn": pa.array(draws.integers(4, 7, rows)),
            "input_tokens": pa.array(draws.integers(0, 60, rows)),
            "output_tokens": pa.array(draws.integers(0, 60, rows), mask=draws.random(rows) < 0.2),
            "max_tokens": pa.array(draws.integers(1, 90, rows), mask=draws.random(rows) < 0.5),
            "reasoning": draws.random(rows) < 0.3,
        }
    )
    gathering = TrafficGathering()
    gathering.add(table.slice(0, rows // 3))
    gathering.add(table.slice(rows // 3))
    return gathering.traffic()


FLAGS = {f"acct-{k}": Flag("c-1", START_US + DAY_US + k * 3_600_000_000, 8.0, 1.0) for k in range(4)} | {
    "acct-4": Flag("c-2", START_US + DAY_US, 3.0, -1.0)
}
PROFILES = {
    f"acct-{k}": Profile("pro" if k % 2 else "free", "id" if k % 3 else "none", START_US - (k - 4) * DAY_US)
    for k in range(2, 9)
}


def one_by_one(held: Traffic, hindsight: bool) -> list[tuple[int, int]]:
    """The same, request by request, with the parts that a gateway uses."""
    counters, found = MemoryCounters(), []
    for row in range(len(held)):
        name = held.names["account"][held.codes["account"][row]]
        at_us = int(held.at_us[row])
        flag, profile = FLAGS.get(name), PROFILES.get(name, Profile())
        number = 1 + int(held.codes["account"][row])
        standing = Standing(
            Rung.NONE, number, plan=profile.plan, verification=profile.verification, created_us=profile.created_us
        )
        if flag is not None and (hindsight or flag.flagged_us <= at_us):
            members = sum(each.campaign_id == flag.campaign_id for each in FLAGS.values())
            standing = standing._replace(
                rung=Rung.OBSERVE,
                actor={"c-1": 1 << 50, "c-2": 1 << 51}[flag.campaign_id],
                evidence_nats=flag.evidence_nats,
                membership_nats=flag.membership_nats,
                campaign_id=flag.campaign_id,
                actor_accounts=members,
                since_us=0 if hindsight else flag.flagged_us,
            )
        request = Request(
            number,
            at_us,
            country=held.names["country"][held.codes["country"][row]],
            asn=int(held.numbers["asn"][row]),
            wants_reasoning=bool(held.reasoning[row]),
        )
        judged = POLICY.judge(request, standing, at_us)
        if judged.rung >= Rung.VERIFY:
            found.append((REFUSED, judged.rung))
            continue
        written = int(held.numbers["output_tokens"][row])
        bound = int(held.numbers["max_output_tokens"][row])
        tokens = int(held.numbers["input_tokens"][row]) + (written if written >= 0 else bound or 500)
        limits: list[Limit] = [each._replace(cost=float(tokens)) if each.in_tokens else each for each in judged.limits]
        found.append((PASSED if counters.charge(limits, at_us).allowed else LIMITED, judged.rung))
    return found


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_agrees_with_deciding_one_by_one(seed: int, hindsight: bool) -> None:
    held = traffic(seed)
    replayed = replay(POLICY, held, FLAGS, PROFILES, hindsight=hindsight)
    assert list(zip(replayed.outcome.tolist(), replayed.rung.tolist(), strict=True)) == one_by_one(held, hindsight)


def test_every_outcome_comes_about() -> None:
    """Else the comparison above would say little."""
    held = traffic(1)
    replayed = replay(POLICY, held, FLAGS, PROFILES)
    assert set(replayed.outcome.tolist()) == {PASSED, REFUSED, LIMITED}
    assert set(replayed.rung.tolist()) == {0, 3, 4, 6, 7}
    assert replayed.situations < len(held)


def test_a_report_adds_up() -> None:
    held = traffic(2)
    replayed = replay(POLICY, held, FLAGS, PROFILES)
    campaign_of = {name: flag.campaign_id for name, flag in FLAGS.items()}
    found = report(replayed, held, campaign_of, PROFILES, Prices(1e6, 2e6), [rule.id for rule in POLICY.rules])
    parts = [*(outcome.touched for outcome in found.campaigns), found.honest]
    assert sum(part.exchanges for part in parts) == found.exchanges == len(held)
    assert sum(part.refused for part in parts) == int((replayed.outcome == REFUSED).sum())
    assert sum(part.limited for part in parts) == int((replayed.outcome == LIMITED).sum())
    hidden = (replayed.outcome == PASSED) & (replayed.rung >= Rung.HIDE)
    assert sum(part.hidden for part in parts) == int(hidden.sum()) > 0
    for split in ([touched for _, touched in found.by_kind], [touched for _, touched in found.by_rung]):
        for name in ("accounts", "accounts_touched", "exchanges", "refused", "limited", "hidden"):
            assert sum(getattr(part, name) for part in split) == getattr(found.honest, name), name
    stopped = replayed.outcome != PASSED
    read = held.numbers["input_tokens"]
    lost = (read + 2 * (replayed.tokens - read))[stopped].sum()
    assert sum(part.revenue_lost for part in parts) == pytest.approx(lost)
    assert sum(inside + outside for _, inside, outside in found.by_limit) == int((replayed.outcome == LIMITED).sum())
    by_rule = {rule.rule: rule for rule in found.rules}
    everyone = by_rule["place"]
    assert everyone.campaign_exchanges + everyone.honest_exchanges == len(held)
    assert everyone.campaign_accounts + everyone.honest_accounts == 12
    assert (by_rule["campaign"].honest_exchanges, by_rule["campaign"].honest_accounts) == (0, 0)
    first = {outcome.campaign_id: outcome for outcome in found.campaigns}["c-2"]
    of_second = np.array(held.names["account"], object)[held.codes["account"]] == "acct-4"
    assert first.before_flag == int((of_second & (held.at_us < START_US + DAY_US)).sum())
    assert [example.stopped for example in found.examples] == sorted(
        (example.stopped for example in found.examples), reverse=True
    )


def test_absent_columns_are_unknown() -> None:
    gathering = TrafficGathering()
    gathering.add(pa.table({"timestamp": pa.array([5, 3], pa.timestamp("us", "UTC")), "account_id": ["b", "a"]}))
    held = gathering.traffic()
    assert held.at_us.tolist() == [3, 5]
    assert [held.names["account"][code] for code in held.codes["account"]] == ["a", "b"]
    assert held.numbers["output_tokens"].tolist() == [-1, -1]
    outcome = replay(POLICY, held, {}, {}).outcome
    assert outcome.tolist() == [PASSED, PASSED]
    with pytest.raises(ValueError, match="no exchanges"):
        TrafficGathering().traffic()


def test_profiles(tmp_path: Path) -> None:
    accounts, owners = tmp_path / "accounts.csv", tmp_path / "owners.csv"
    accounts.write_text(
        "account_id,plan,created_at,verification_level,billing_country\na,pro,2026-03-02T00:00:00Z,id,de\nb,,,,\n"
    )
    owners.write_text("account_id,owner_country\nb,ir\nc,KP\n")
    assert read_profiles(accounts, owners) == {
        "a": Profile("pro", "id", START_US, "DE"),
        "b": Profile(owner_country="IR"),
        "c": Profile(owner_country="KP"),
    }
    assert read_profiles(None) == {}
    owners.write_text("account,country\n")
    with pytest.raises(Exception, match="names no owners"):
        read_profiles(None, owners)
