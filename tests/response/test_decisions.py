import asyncio
import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.response.command import Command, Refusal
from stillwatch.response.counters import Charge, CountersAway, Limit
from stillwatch.response.decision import COUNTERS_AWAY, Decider
from stillwatch.response.ladder import MEANINGS, Rung
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.policy import Policy
from stillwatch.response.policy_file import load_policy, parse_policy
from stillwatch.response.rate_limit_fields import rate_limit_fields
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing

NOW_US = 1_800_000_000_000_000
LADDER = {
    "slow": {"limits": [{"name": "own", "rate": "60 requests a minute", "burst": 2}], "detail": "Slower."},
    "cap": {"limits": [{"name": "shared", "per": "actor", "rate": "60 requests a minute", "burst": 3}]},
    "mark": {"key": "key-{campaign}"},
    "verify": {"link": "/verify/start"},
    "suspend": {"link": "https://example.org/appeal", "detail": "Ask us."},
    "counters_away": {"cap": "closed"},
}


class Table:
    """A source of standings that is a dict."""

    def __init__(self) -> None:
        self.held: dict[int, Standing] = {}
        self.polls = 0

    def of(self, account: int) -> Standing | None:
        return self.held.get(account)

    def poll(self, now_us: int) -> None:
        self.polls += now_us > 0


class Away:
    """Counters that cannot be reached."""

    def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        raise CountersAway(f"gone at {now_us}, with {len(limits)} limits")

    settle = charge


def policy(enforce: bool = True, ladder: dict[str, Any] = LADDER, **more: Any) -> Policy:
    rules = [{"id": "follow", "when": "rung >= OBSERVE", "then": {"rung": "standing"}, "reason": "why"}]
    document = {
        "version": 1,
        "name": "p",
        "enforce": enforce,
        "rules": more.pop("rules", rules),
        "ladder": ladder,
        **more,
    }
    return parse_policy(yaml.safe_dump(document), "p.yaml", Path())


def decider(rung: Rung, accounts: int = 1, **more: Any) -> Decider:
    table = Table()
    for account in range(1, accounts + 1):
        table.held[account] = Standing(rung, 99, 8.0, "c-1", actor_accounts=accounts)
    return Decider(more.pop("policy", policy()), table, more.pop("counters", None))


@pytest.mark.parametrize(
    ("rung", "status", "hides", "mark"),
    [
        (Rung.NONE, None, False, None),
        (Rung.OBSERVE, None, False, None),
        (Rung.SLOW, None, False, None),
        (Rung.CAP, None, False, None),
        (Rung.HIDE, None, True, None),
        (Rung.MARK, None, True, "key-c-1"),
        (Rung.VERIFY, 403, True, "key-c-1"),
        (Rung.SUSPEND, 403, True, "key-c-1"),
    ],
)
def test_each_rung_on_the_wire(rung: Rung, status: int | None, hides: bool, mark: str | None) -> None:
    command = decider(rung).decide(Request(1, NOW_US), NOW_US)
    assert command.rung == rung
    assert (command.refusal.status if command.refusal else None) == status
    assert (command.hide_reasoning, command.hide_logprobs, command.mark_key) == (hides, hides, mark)
    assert command.fired == (("follow",) if rung else ())
    assert MEANINGS[rung]


def test_answer_only_takes_what_would_show_the_rest() -> None:
    only = policy(ladder={"hide": {"reasoning": False, "logprobs": False, "answer_only": True}})
    for rung, on in ((Rung.CAP, False), (Rung.HIDE, True)):
        command = decider(rung, policy=only).decide(Request(1, NOW_US), NOW_US)
        assert (command.answer_only, command.hide_reasoning, command.hide_logprobs) == (on, on, on)


def test_refusals_say_what_to_do_and_nothing_of_evidence() -> None:
    verify = decider(Rung.VERIFY).decide(Request(1, NOW_US), NOW_US).refusal
    suspend = decider(Rung.SUSPEND).decide(Request(1, NOW_US), NOW_US).refusal
    assert verify is not None
    assert suspend is not None
    assert json.loads(verify.body()) == {
        "type": "urn:stillwatch:problem:verification-required",
        "title": "Verification required",
        "status": 403,
        "detail": "The holder of this account has to be verified before it can be used further.",
        "link": "/verify/start",
    }
    assert dict(verify.headers())["content-type"] == "application/problem+json"
    assert dict(verify.headers())["link"] == '</verify/start>; rel="help"'
    assert json.loads(suspend.body())["detail"] == "Ask us."
    for refusal in (verify, suspend):
        assert b"c-1" not in refusal.body()
        assert "retry-after" not in dict(refusal.headers())


def test_slow_answers_429_with_retry_after_and_rate_limit_fields() -> None:
    held = decider(Rung.SLOW)
    first = held.decide(Request(1, NOW_US), NOW_US)
    assert dict(first.headers) == {"ratelimit-policy": '"own";q=2;w=2', "ratelimit": '"own";r=1;t=1'}
    held.decide(Request(1, NOW_US), NOW_US)
    third = held.decide(Request(1, NOW_US), NOW_US + 400_000)
    assert third.refusal is not None
    assert (third.refusal.status, third.refusal.detail) == (429, "Slower.")
    assert third.refusal.retry_after_s == pytest.approx(0.6)
    assert dict(third.refusal.headers())["retry-after"] == "1"
    assert dict(third.headers)["ratelimit"] == '"own";r=0;t=2'
    assert held.decide(Request(1, NOW_US), NOW_US + 1_000_000).refusal is None


def test_an_actors_accounts_share_one_budget_that_is_not_told() -> None:
    held = decider(Rung.CAP, accounts=10)
    commands = [held.decide(Request(account, NOW_US), NOW_US) for account in range(1, 11)]
    assert [command.refusal is None for command in commands] == [True] * 3 + [False] * 7
    for command in commands:
        assert "shared" not in str(command.headers)
        refusal = command.refusal
        assert refusal is None or b"shared" not in refusal.body()
    outsider = held.decide(Request(50, NOW_US), NOW_US)
    assert outsider.refusal is None


def test_away_counters_are_answered_as_the_policy_says_for_the_rung() -> None:
    slow = decider(Rung.SLOW, counters=Away()).decide(Request(1, NOW_US), NOW_US)
    assert (slow.refusal, slow.fired, slow.cache_s) == (None, ("follow", COUNTERS_AWAY), 0)
    cap = decider(Rung.CAP, counters=Away()).decide(Request(1, NOW_US), NOW_US)
    assert cap.refusal is not None
    assert (cap.refusal.status, cap.refusal.retry_after_s) == (503, 1)
    for rung in (Rung.NONE, Rung.VERIFY):  # Nothing is to be charged there, so nobody asks.
        assert COUNTERS_AWAY not in decider(rung, counters=Away()).decide(Request(1, NOW_US), NOW_US).fired


def test_shadow_charges_nothing_and_tells_what_would_be() -> None:
    held = decider(Rung.SLOW, policy=policy(enforce=False), counters=Away())
    commands = [held.decide(Request(1, NOW_US), NOW_US) for _ in range(3)]
    assert all(command.refusal is None and command.headers == () and command.fired == () for command in commands)
    assert [command.shadow_refusal for command in commands] == [None, None, "urn:stillwatch:problem:rate-limited"]
    assert commands[0].shadow == ("follow",)
    suspended = decider(Rung.SUSPEND, policy=policy(enforce=False)).decide(Request(1, NOW_US), NOW_US)
    assert suspended.refusal is None
    assert (suspended.shadow_rung, suspended.shadow_refusal) == (Rung.SUSPEND, "urn:stillwatch:problem:suspended")


TOKENS = [
    {
        "id": "quota",
        "when": True,
        "then": {"limits": [{"name": "tokens", "rate": "1 token a second", "burst": 1000}]},
        "reason": "why",
    }
]


def test_what_an_answer_took_is_settled() -> None:
    counters = MemoryCounters()
    held = decider(Rung.NONE, policy=policy(rules=TOKENS), counters=counters)

    def left(now_us: int) -> float:
        limit = held.policy.judge(Request(1, NOW_US), None, now_us).limits[0]
        return counters.charge([limit._replace(cost=0)], now_us).remaining[0]

    command = held.decide(Request(1, NOW_US, input_tokens=100, max_output_tokens=300), NOW_US)
    assert (left(NOW_US), command.estimated_tokens) == (pytest.approx(600), 400)
    held.settle(command, 150, NOW_US)
    assert left(NOW_US) == pytest.approx(850)
    held.settle(held.decide(Request(1, NOW_US, input_tokens=350), NOW_US), 5_000, NOW_US)
    assert left(NOW_US) == pytest.approx(850 - 5_000)
    refused = held.decide(Request(1, NOW_US, input_tokens=1), NOW_US)
    assert refused.refusal is not None
    held.settle(refused, 0, NOW_US)
    assert left(NOW_US) == pytest.approx(850 - 5_000)
    away = decider(Rung.NONE, policy=policy(rules=TOKENS), counters=Away())
    away.settle(command, 1, NOW_US)  # Raises nothing.


def test_an_event_loop_decides_alike() -> None:
    class Far:
        def __init__(self) -> None:
            self.near = MemoryCounters()

        async def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
            if now_us == 0:
                raise CountersAway("gone")
            return self.near.charge(limits, now_us)

        async def settle(self, limits: Sequence[Limit], now_us: int) -> None:
            self.near.settle(limits, now_us)

    async def run() -> list[Command]:
        held, far = decider(Rung.SLOW), Far()
        return [await held.decide_async(Request(1, NOW_US), now, far) for now in (NOW_US, NOW_US, NOW_US, 0)]

    held = decider(Rung.SLOW)
    assert asyncio.run(run())[:3] == [held.decide(Request(1, NOW_US), NOW_US) for _ in range(3)]
    assert COUNTERS_AWAY in asyncio.run(run())[3].fired


def test_a_new_policy_holds_at_once_for_commands_and_refusals() -> None:
    held = decider(Rung.SUSPEND)
    held.policy = policy(ladder={"suspend": {"detail": "Other."}})
    refusal = held.decide(Request(1, NOW_US), NOW_US).refusal
    assert refusal is not None
    assert refusal.detail == "Other."


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True), st.floats(0.001, 1e6), st.floats(1, 1e12)
        ),
        max_size=4,
    ),
    st.floats(-1e9, 1e9),
)
def test_rate_limit_fields_are_structured_fields(limits: list[tuple[str, float, float]], remaining: float) -> None:
    held = [Limit(place, name, rate, burst) for place, (name, rate, burst) in enumerate(limits)]
    charge = Charge(True, None, (remaining,) * len(held), (1.5,) * len(held))
    fields = dict(rate_limit_fields(held, charge))
    if not held:
        assert fields == {}
        return
    item = r'"[a-z0-9_-]+";q=\d{1,15};w=\d{1,15}(;qu="tokens")?'
    assert re.fullmatch(rf"{item}(, {item})*", fields["ratelimit-policy"])
    state = r'"[a-z0-9_-]+";r=\d{1,15};t=\d{1,15}'
    assert re.fullmatch(rf"{state}(, {state})*", fields["ratelimit"])


@given(st.text(max_size=30), st.floats(0.001, 1e6))
def test_problem_documents_are_json_whatever_they_say(detail: str, wait_s: float) -> None:
    refusal = Refusal(429, "urn:x", "t", detail, None, wait_s)
    assert json.loads(refusal.body())["detail"] == detail
    assert dict(refusal.headers())["retry-after"] == str(math.ceil(wait_s))


def test_the_default_policy_lets_everyone_through() -> None:
    for rung in Rung:
        command = decider(rung, policy=load_policy()).decide(Request(1, NOW_US, country="KP"), NOW_US)
        assert (command.refusal, command.hide_reasoning, command.mark_key, command.headers) == (None, False, None, ())
        assert command.shadow


def test_decisions_need_no_heavy_library() -> None:
    """A plug-in of another program decides within it, and must not bring a compiler or a terminal along."""
    code = (
        "import sys; import stillwatch.response.decision, stillwatch.response.policy_file, "
        "stillwatch.response.redis_counters, stillwatch.response.redis_standings; "
        "stillwatch.response.policy_file.load_policy(); "
        "heavy = ('numba', 'pyarrow', 'rich', 'typer', 'scipy', 'redis', 'networkit', 'prompt_toolkit'); "
        "print([name for name in heavy if name in sys.modules]); "
        "import cel; print(cel.compile('1 < 2').execute({}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]
