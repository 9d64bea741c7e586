import re
from pathlib import Path

import pytest

from stillwatch.response.ladder import Rung
from stillwatch.response.located_yaml import YamlError, plain, read_located
from stillwatch.response.policy_file import DEFAULT_POLICY, PolicyError, load_policy, parse_policy
from stillwatch.response.request import Request

HEAD = "version: 1\nname: p\nenforce: true\n"
RULE = "rules:\n- id: a\n  when: {when}\n  then: {{rung: cap}}\n  reason: why\n"


def refused(text: str, folder: Path = Path()) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml", folder)
    assert str(caught.value).startswith("p.yaml")
    assert caught.value.hint
    return caught.value


def rule(**changes: str) -> str:
    held = {"id": "a", "when": "'true'", "then": "{rung: cap}", "reason": "why"} | changes
    return HEAD + "rules:\n- " + "\n  ".join(f"{name}: {value}" for name, value in held.items() if value) + "\n"


@pytest.mark.parametrize(
    ("text", "line", "named", "said"),
    [
        ("", 1, "", "empty"),
        ("version: 1\nname: [", 2, "", ""),
        ("a: 1\na: 2\n", 2, "", "given twice"),
        ("- 1\n", 1, "", "must be a mapping"),
        (HEAD, 1, "", "lacks 'rules'"),
        (HEAD.replace("1", "7", 1) + "rules: []\n", 1, "", "version 7"),
        (HEAD.replace("enforce: true", "enforce: yes") + "rules: []\n", 3, "", "neither true nor false"),
        (HEAD + "rulez: []\nrules: []\n", 4, "", "has no 'rulez'"),
        (rule(reason=""), 5, "", "lacks 'reason'"),
        (rule(id="No id"), 5, "", "is no id"),
        (rule(then="{}"), 7, "a", "does nothing"),
        (rule(then="{rung: high}"), 7, "a", "not a rung"),
        (rule(on_error="maybe"), 9, "a", "skip or fire"),
        (rule(shadow="1"), 9, "a", "neither true nor false"),
        (rule(then="{limits: [{name: x, rate: 5}]}"), 7, "a", "not a text"),
        (rule(then="{limits: [{name: x, rate: 5 apples a day}]}"), 7, "a", "is no rate"),
        (rule(then="{limits: [{name: x, rate: 0 requests a day}]}"), 7, "a", "above 0"),
        (rule(then="{limits: [{name: 'x\"', rate: 1 request a day}]}"), 7, "a", "no name of a limit"),
        (rule(then="{limits: [{name: x, per: planet, rate: 1 request a day}]}"), 7, "a", "no limit per 'planet'"),
        (rule(then="{limits: [{name: x, rate: 1 request a day, burst: 0.5}]}"), 7, "a", "lets nothing through"),
        (rule(when="'rung >='"), 5, "a", "column 8"),
        (rule(when="'contry == \"DE\"'"), 5, "a", "no feature 'contry'"),
        (rule(when="'country > 5'"), 5, "a", "the condition fails at country=''"),
        (rule(when="'verified || country > 5'"), 5, "a", "the condition fails at"),
        (rule(when="'rung'"), 5, "a", "neither true nor false"),
        (rule(when="'10 / asn > 1'"), 5, "a", "division by zero"),
        (rule(when="'[1].exists(asn, asn > 1)'"), 5, "a", "is a feature"),
        (rule(when="'" + "(" * 2001 + "'"), 5, "a", "characters"),
        (rule(tests="[{given: {asn: 1}, fires: false}]"), 9, "a", "its own test fails: the rule fires"),
        (rule(tests="[{given: {asm: 1}, fires: true}]"), 9, "a", "has no 'asm'"),
        (rule(tests="[{given: {asn: one}, fires: true}]"), 9, "a", "asn is int"),
        (rule(tests="[{given: {rung: top}, fires: true}]"), 9, "a", "not a rung"),
        (rule() + rule()[len(HEAD + "rules:\n") :], 9, "", "is taken in line 5"),
        (rule() + "lists: {asn: [1]}\n", 9, "", "cannot name a list"),
        (rule() + "lists: {x: [1, a]}\n", 9, "", "texts only or numbers only"),
        (rule() + "networks: {hosting: [a]}\n", 9, "", "no whole number"),
        (rule() + "networks_file: missing.csv\n", 9, "", "cannot be read as networks"),
        (rule() + "cache_s: 3600\n", 9, "", "no number from 0 to 60"),
        (rule() + "ladder: {hide: {reasons: true}}\n", 9, "", "has no 'reasons'"),
        (rule() + "ladder: {verify: {link: 'javascript:x'}}\n", 9, "", "is no link"),
        (rule() + "ladder: {suspend: {link: \"https://a\\r\\nx: y\"}}\n", 9, "", "is no link"),
        (rule() + "ladder: {counters_away: {cap: maybe}}\n", 9, "", "neither open nor closed"),
        (rule() + "x: !!python/object/apply:os.system [ls]\n", 9, "", "has no 'x'"),
        (rule() + "name2: !thing 5\n", 9, "", "tag"),
    ],
)  # fmt: skip
def test_a_bad_policy_is_refused_with_line_rule_and_hint(text: str, line: int, named: str, said: str) -> None:
    error = refused(text)
    assert (error.line, error.rule) == (line, named)
    assert said in error.message


def test_a_misspelt_feature_gets_a_hint() -> None:
    assert refused(rule(when="'contry == \"DE\"'")).hint == "did you mean 'country'?"


def test_a_missing_file() -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(Path("/nowhere/policy.yaml"))


def test_networks_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "networks.csv").write_text("asn,class\n64500,vpn\n")
    text = rule(when="'asn_class == \"vpn\"'") + "networks_file: networks.csv\n"
    policy = parse_policy(text, "p.yaml", tmp_path)
    assert policy.judge(Request(1, 0, asn=64500), None, 0).rung == Rung.CAP
    assert policy.judge(Request(1, 0, asn=64501), None, 0).rung == Rung.NONE


@pytest.mark.parametrize(
    ("text", "rate_per_s", "burst", "in_tokens"),
    [
        ("60 requests a minute", 1, 60, False),
        ("1 request per second", 1, 1, False),
        ("86_400 tokens a day", 1, 86_400, True),
        ("7,200.5 tokens an hour", 7200.5 / 3600, 7200.5, True),
    ],
)
def test_rates(text: str, rate_per_s: float, burst: float, in_tokens: bool) -> None:
    policy = parse_policy(rule(then=f"{{limits: [{{name: x, rate: '{text}'}}]}}"), "p.yaml", Path())
    found = policy.rules[0].limits[0]
    assert (found.rate_per_s, found.burst, found.in_tokens) == (pytest.approx(rate_per_s), burst, in_tokens)


def test_loops_over_lists_may_bind_a_name() -> None:
    text = rule(when='\'["a", "b"].exists(each, each == plan)\'')
    policy = parse_policy(text, "p.yaml", Path())
    assert policy.judge(Request(1, 0, plan="b"), None, 0).rung == Rung.CAP
    # The same name outside of its loop is no variable, and no request makes it raise.
    loose = rule(when="'[\"a\"].exists(each, each == plan) || each == plan'")
    judged = parse_policy(loose, "p.yaml", Path()).judge(Request(1, 0, plan="b"), None, 0)
    assert (judged.rung, judged.failed) == (Rung.NONE, ())


def test_yaml_is_read_as_people_mean_it() -> None:
    held = plain(read_located("{a: NO, b: 2026-11-23, c: 1_000, d: 0x10, e: 1.5, f: ~, g: on, h: true, i: 010}"))
    assert held == {
        "a": "NO", "b": "2026-11-23", "c": 1000, "d": "0x10", "e": 1.5, "f": None, "g": "on", "h": True, "i": "010",
    }  # fmt: skip


def test_aliases_cannot_make_a_text_huge() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 9)]
    with pytest.raises(YamlError, match="too large"):
        read_located("\n".join(lines))


class TestTheDefaultPolicy:
    def test_every_rule_has_tests_of_its_own_both_ways(self) -> None:
        for rule in load_policy().rules:
            outcomes = {example.fires for example in rule.examples}
            assert outcomes == {True, False} or rule.id == "restored" or rule.when == "true", rule.id

    def test_enforces_nothing(self) -> None:
        policy = load_policy()
        assert not policy.enforce
        judged = policy.judge(Request(1, 0, country="KP"), None, 0)
        assert (judged.rung, judged.limits, judged.shadow_rung) == (Rung.NONE, (), Rung.SUSPEND)

    def test_enforced_by_one_word(self) -> None:
        text = DEFAULT_POLICY.read_text("utf-8")
        changed = re.sub(r"^enforce: false", "enforce: true", text, flags=re.M)
        policy = parse_policy(changed, "p.yaml", DEFAULT_POLICY.parent)
        assert policy.judge(Request(1, 0, country="KP"), None, 0).rung == Rung.SUSPEND

    def test_may_be_cached(self) -> None:
        assert not load_policy().uses_requests_facts
        assert load_policy().judge(Request(1, 0), None, 0).cache_s == 1
