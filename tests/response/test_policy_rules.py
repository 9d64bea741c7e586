from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from stillwatch.response.features import FEATURES, checked
from stillwatch.response.ladder import Rung
from stillwatch.response.policy import Policy
from stillwatch.response.policy_file import load_policy, parse_policy
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing

DAY_US = 86_400_000_000
NOW_US = 20_000 * DAY_US


def made(rules: list[dict[str, Any]], enforce: bool = True, **more: Any) -> Policy:
    held = [{"id": f"r{place}", "reason": "why", **rule} for place, rule in enumerate(rules)]
    document = {"version": 1, "name": "p", "enforce": enforce, "rules": held, **more}
    return parse_policy(yaml.safe_dump(document), "p.yaml", Path())


def request(account: int = 1, **more: Any) -> Request:
    return Request(account, NOW_US, **more)


def limits_of(policy: Policy, standing: Standing | None = None, **more: Any) -> dict[str, tuple[float, float]]:
    return {
        limit.name: (limit.rate_per_s, limit.cost) for limit in policy.judge(request(**more), standing, NOW_US).limits
    }


class TestOrder:
    def test_rules_raise_to_the_highest(self) -> None:
        policy = made([{"when": True, "then": {"rung": "hide"}}, {"when": True, "then": {"rung": "slow"}}])
        judgement = policy.judge(request(), None, NOW_US)
        assert (judgement.rung, judgement.fired) == (Rung.HIDE, ("r0", "r1"))

    def test_most_lowers_what_came_before_and_not_what_comes_after(self) -> None:
        up, down = {"when": True, "then": {"rung": "suspend"}}, {"when": True, "then": {"most": "slow"}}
        assert made([up, down]).judge(request(), None, NOW_US).rung == Rung.SLOW
        assert made([down, up]).judge(request(), None, NOW_US).rung == Rung.SUSPEND
        assert made([down]).judge(request(), None, NOW_US).rung == Rung.NONE

    def test_a_rule_can_follow_the_standing(self) -> None:
        policy = made([{"when": "rung >= SLOW", "then": {"rung": "standing"}}])
        assert policy.judge(request(), Standing(Rung.MARK, 9), NOW_US).rung == Rung.MARK
        assert policy.judge(request(), Standing(Rung.OBSERVE, 9), NOW_US).rung == Rung.NONE
        assert policy.judge(request(), None, NOW_US).rung == Rung.NONE

    def test_the_last_limit_of_a_name_counts(self) -> None:
        policy = made(
            [
                {"when": True, "then": {"limits": [{"name": "requests", "rate": "60 requests a minute"}]}},
                {"when": 'plan == "new"', "then": {"limits": [{"name": "requests", "rate": "6 requests a minute"}]}},
            ]
        )
        assert limits_of(policy) == {"requests": (1.0, 1.0)}
        assert limits_of(policy, plan="new") == {"requests": (0.1, 1.0)}


class TestShadow:
    def test_nothing_counts_unless_enforced(self) -> None:
        rules = [
            {"when": True, "then": {"rung": "cap"}},
            {"when": True, "then": {"rung": "suspend"}, "shadow": True},
            {
                "when": True,
                "then": {"most": "slow", "limits": [{"name": "a", "rate": "1 request a day"}]},
                "shadow": True,
            },
        ]
        enforced = made(rules).judge(request(), None, NOW_US)
        assert (enforced.rung, enforced.fired, enforced.shadow) == (Rung.CAP, ("r0",), ("r1", "r2"))
        assert (enforced.shadow_rung, enforced.limits) == (Rung.SLOW, ())
        assert [limit.name for limit in enforced.shadow_limits] == ["a"]
        tried = made(rules, enforce=False).judge(request(), None, NOW_US)
        assert (tried.rung, tried.fired, tried.shadow) == (Rung.NONE, (), ("r0", "r1", "r2"))
        assert tried.shadow_rung == Rung.SLOW

    def test_as_enforced(self) -> None:
        rules = [
            {"when": True, "then": {"rung": "cap"}},
            {"when": True, "then": {"rung": "hide"}, "shadow": True},
        ]
        policy = made(rules, enforce=False)
        assert policy.judge(request(), None, NOW_US).rung == Rung.NONE
        assert policy.as_enforced(also_shadow=False).judge(request(), None, NOW_US).rung == Rung.CAP
        assert policy.as_enforced(also_shadow=True).judge(request(), None, NOW_US).rung == Rung.HIDE
        assert policy.judge(request(), None, NOW_US).rung == Rung.NONE


class TestLimits:
    LADDER: ClassVar[dict[str, Any]] = {
        "slow": {"limits": [{"name": "own", "rate": "6 requests a minute", "burst": 3}]},
        "cap": {"limits": [{"name": "shared", "per": "actor", "rate": "86400 tokens a day", "burst": 100}]},
    }

    @pytest.mark.parametrize(
        ("rung", "names"),
        [("observe", []), ("slow", ["own"]), ("cap", ["own", "shared"]), ("mark", ["own", "shared"]), ("verify", [])],
    )
    def test_rungs_add_up(self, rung: str, names: list[str]) -> None:
        policy = made([{"when": True, "then": {"rung": rung}}], ladder=self.LADDER)
        assert list(limits_of(policy)) == names

    def test_accounts_of_an_actor_share_and_others_do_not(self) -> None:
        policy = made([{"when": True, "then": {"rung": "cap"}}], ladder=self.LADDER)
        own: list[int] = []
        shared: list[int] = []
        for account, actor in ((1, 9), (2, 9), (3, 8)):
            judged = policy.judge(request(account), Standing(Rung.NONE, actor), NOW_US)
            own.append(judged.limits[0].key)
            shared.append(judged.limits[1].key)
        assert len(set(own)) == 3
        assert shared[0] == shared[1] != shared[2]
        assert [limit.disclosed for limit in judged.limits] == [True, False]

    def test_subjects(self) -> None:
        names = ("account", "actor", "country", "network", "everyone")
        bounds = [{"name": name, "per": name, "rate": "1 request a second"} for name in names]
        policy = made([{"when": True, "then": {"limits": bounds}}])

        def keys(**more: Any) -> list[int]:
            return [limit.key for limit in policy.judge(request(**more), None, NOW_US).limits]

        base = keys(account=1, country="DE", asn=5)
        assert len(set(base)) == 5
        changed = [
            [a != b for a, b in zip(base, other, strict=True)]
            for other in (keys(account=2, country="DE", asn=5), keys(account=1, country="FR", asn=6))
        ]
        assert changed == [[True, True, False, False, False], [False, False, True, True, False]]

    @pytest.mark.parametrize(("sent", "bound", "charged"), [(100, 0, 110), (100, 5, 105), (0, 10_000, 20), (-5, -5, 0)])
    def test_tokens_are_estimated(self, sent: int, bound: int, charged: float) -> None:
        limits = [{"name": "tokens", "rate": "1 token a second"}]
        policy = made([{"when": True, "then": {"limits": limits}}], tokens={"assumed_output": 10, "counted_most": 20})
        assert limits_of(policy, input_tokens=sent, max_output_tokens=bound) == {"tokens": (1.0, charged)}


class TestFeatures:
    def test_each_reads_its_own(self) -> None:
        names = [feature.name for feature in FEATURES]
        # A condition that is true for any value makes all features used.
        policy = made(
            [{"when": f"{each} == {each}", "then": {"rung": "observe"}} for each in names],
            networks={"hosting": [64500]},
        )
        facts = Request(5, NOW_US, "m", 10, 20, "de", 64500, "pro", "id", 3 * 86_400 + 5, True, True, True, 0.5, "IR")
        standing = Standing(
            Rung.HIDE, 9, 7.5, "c", True, 1.5, 40, NOW_US - 2 * DAY_US - 1, 0, "free", "none", "FR", "US", 1, True
        )
        held = dict(zip(policy.used_features, policy.feature_values(facts, standing, NOW_US), strict=True))
        assert held == {
            "known": True, "rung": 4, "evidence_nats": 7.5, "membership_nats": 1.5, "in_campaign": True,
            "campaign_id": "c", "actor_accounts": 40, "standing_age_days": 2, "verified": True, "restored": True,
            "plan": "pro", "verification": "id", "account_age_days": 3, "country": "DE", "billing_country": "FR",
            "owner_country": "IR", "asn": 64500, "asn_class": "hosting", "hour_utc": 0, "weekday": 5, "model": "m",
            "input_tokens": 10, "max_output_tokens": 20, "stream": True, "wants_reasoning": True,
            "wants_logprobs": True, "temperature": 0.5,
        }  # fmt: skip
        unknown = dict(zip(policy.used_features, policy.feature_values(Request(5, NOW_US), None, NOW_US), strict=True))
        expected = {feature.name: feature.default for feature in FEATURES}
        assert unknown == expected | {"weekday": 5}  # 20,000 days after Thursday, 1 January 1970.

    def test_what_a_door_does_not_know_comes_from_the_standing(self) -> None:
        policy = made(
            [{"when": 'plan == "pro" && account_age_days == 7 && owner_country == "IR"', "then": {"rung": "slow"}}]
        )
        standing = Standing(Rung.NONE, 1, plan="pro", owner_country="IR", created_us=NOW_US - 7 * DAY_US)
        assert policy.judge(request(), standing, NOW_US).rung == Rung.SLOW
        assert policy.judge(request(plan="free"), standing, NOW_US).rung == Rung.NONE

    def test_a_standing_lapses(self) -> None:
        policy = made([{"when": "rung > NONE || in_campaign || actor_accounts > 1", "then": {"rung": "suspend"}}])
        standing = Standing(Rung.CAP, 9, 8.0, "c", actor_accounts=4, until_us=NOW_US + 1)
        assert policy.judge(request(), standing, NOW_US).rung == Rung.SUSPEND
        assert policy.judge(request(), standing, NOW_US + 1).rung == Rung.NONE

    def test_checked(self) -> None:
        assert checked("rung", "cap") == 3
        assert checked("evidence_nats", 5) == 5.0
        for name, value in (("rung", "high"), ("asn", True), ("country", 5), ("stream", 1)):
            with pytest.raises(ValueError, match=name if name != "rung" else "not a rung"):
                checked(name, value)


class TestFailingConditions:
    RULES: tuple[dict[str, Any], ...] = (
        {"when": "[1, 2, 3, 4, 5, 6, 7, 8][asn] > 0", "then": {"rung": "cap"}},
        {"when": "[1, 2, 3, 4, 5, 6, 7, 8][asn] > 0", "then": {"rung": "slow"}, "on_error": "fire"},
    )

    def test_do_what_the_rule_says(self) -> None:
        judged = made(list(self.RULES), cache_s=1).judge(request(asn=99), None, NOW_US)
        assert (judged.rung, judged.fired, judged.failed) == (Rung.SLOW, ("r1",), ("r0", "r1"))
        assert judged.cache_s == 0
        assert made(list(self.RULES)).judge(request(asn=3), None, NOW_US).rung == Rung.CAP

    def test_are_explained(self) -> None:
        steps = made(list(self.RULES)).explain(request(asn=99), None, NOW_US)
        assert [(step.fired, bool(step.error), step.rung) for step in steps] == [(False, True, 0), (True, True, 2)]


class TestCaching:
    def test_only_without_limits_and_facts_of_one_request(self) -> None:
        plain = {"when": 'country == "DE"', "then": {"rung": "observe"}}
        bound = {"when": 'plan == "free"', "then": {"limits": [{"name": "a", "rate": "1 request a second"}]}}
        policy = made([plain, bound], cache_s=2)
        assert policy.judge(request(country="DE"), None, NOW_US).cache_s == 2
        assert policy.judge(request(plan="free"), None, NOW_US).cache_s == 0
        fickle = made([plain, {"when": "stream", "then": {"rung": "slow"}}], cache_s=2)
        assert fickle.judge(request(country="DE"), None, NOW_US).cache_s == 0


def test_kept_plans_are_those_that_would_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillwatch.response.policy._PLANS_MOST", 3)
    policy = load_policy().as_enforced(also_shadow=True)
    for turn in range(60):
        facts = request(country=("DE", "KP", "")[turn % 3], asn=(0, 14061)[turn % 2])
        standing = Standing(
            Rung(turn % 8), 4, float(turn % 12), "c" if turn % 5 else "", membership_nats=turn % 3 - 1.0
        )
        fresh = policy.as_enforced(also_shadow=True)
        assert policy.judge(facts, standing, NOW_US) == fresh.judge(facts, standing, NOW_US)
        assert policy.judge(facts, standing, NOW_US) == fresh.judge(facts, standing, NOW_US)


texts = st.text(max_size=8) | st.sampled_from(["KP", "DE", "id", "none", "\ud800", "hosting"])
wide = st.integers(-(2**70), 2**70)
requests = st.builds(
    Request,
    account=st.integers(0, 2**64 - 1),
    at_us=st.integers(0, 2**53),
    model=texts,
    input_tokens=wide,
    max_output_tokens=wide,
    country=texts,
    asn=wide,
    plan=texts,
    verification=texts,
    account_age_s=wide,
    stream=st.booleans(),
    wants_reasoning=st.booleans(),
    wants_logprobs=st.booleans(),
    temperature=st.floats(),
    owner_country=texts,
)
standings = st.none() | st.builds(
    Standing,
    rung=st.sampled_from(Rung),
    actor=st.integers(0, 2**64 - 1),
    evidence_nats=st.floats(),
    campaign_id=texts,
    verified=st.booleans(),
    membership_nats=st.floats(),
    until_us=st.integers(0, 2**53),
    owner_country=texts,
)


NAMES = [feature.name for feature in FEATURES]
EVERYTHING = made([{"when": f"{name} == {name} || true", "then": {"rung": "slow"}} for name in NAMES])
DEFAULT = load_policy()
DEFAULT_ENFORCED = DEFAULT.as_enforced(also_shadow=True)


@given(requests, standings)
@example(Request(account=0, at_us=0), Standing(Rung.NONE, 0, 10.0, "c", membership_nats=float("nan")))
def test_no_request_makes_a_judgement_fail(facts: Request, standing: Standing | None) -> None:
    judged = EVERYTHING.judge(facts, standing, facts.at_us)
    assert (judged.rung, judged.failed) == (Rung.SLOW, ())
    assert DEFAULT.judge(facts, standing, facts.at_us).rung == Rung.NONE
    assert DEFAULT_ENFORCED.judge(facts, standing, facts.at_us).failed == ()
