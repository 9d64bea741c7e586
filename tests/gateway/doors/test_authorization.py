"""The decision service without a socket: what each gateway is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.authorization import AuthorizationService, envoy_answer, nginx_answer
from stillwatch.gateway.doors.decisions import (
    LocalDecisions,
    command_document,
    command_of,
    question_document,
    question_of,
)
from stillwatch.gateway.doors.guardrail import guarded_request, guardrail_answer
from stillwatch.gateway.doors.identity import header_account, litellm_account
from stillwatch.gateway.doors.request_facts import facts_of_body, facts_of_headers, request_of
from stillwatch.gateway.doors.rsgi import Answer, Question
from stillwatch.gateway.facts import Callers, Sources
from stillwatch.response.command import Command, Refusal
from stillwatch.response.counters import CountersAway, Limit
from stillwatch.response.ladder import Rung
from stillwatch.response.request import Request

PSEUDONYMS = Pseudonyms(b"a key of the tests, no secret")
REFUSAL = Refusal(429, "urn:x:rate-limited", "Zu viele Anfragen – später", "Später.", "https://x/ü", 2.2)
COMMAND = Command(Rung.HIDE, None, True, False, "k-1", (("ratelimit", '"slow";r=5'),), ("a",), ("b",), 1.5)


class Recorder:
    """Decisions that are known beforehand."""

    def __init__(self, command: Command = COMMAND) -> None:
        self.command, self.asked = command, []  # type: ignore[var-annotated]

    async def decide(self, account_id: str, request: Request) -> Command:
        self.asked.append((account_id, request))
        return self.command

    async def settle(self, command: Command, tokens: int) -> None:
        raise AssertionError((command, tokens))


def ask(recorder: Recorder, method: str, path: str, body: Any = b"", **headers: str) -> Answer:
    service = AuthorizationService(recorder, PSEUDONYMS.hash_one)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(service.answer(Question(method, path, headers=named, body=raw)))


def test_nginx_gets_204_with_all_fields_or_403_with_the_true_answer_in_fields() -> None:
    passed = nginx_answer(COMMAND)
    assert passed.status == 204 and dict(passed.headers) == {
        "x-stillwatch-rung": "hide",
        "x-stillwatch-hide": "reasoning",
        "x-stillwatch-mark": "k-1",
        "x-accel-expires": "1",
        "ratelimit": '"slow";r=5',
    }
    refused = dict(nginx_answer(replace(COMMAND, refusal=REFUSAL, cache_s=0.9)).headers)
    assert refused["x-stillwatch-status"] == "429" and refused["x-stillwatch-retry-after"] == "3"
    assert refused["x-accel-expires"] == "0"  # Whole seconds only; never longer than the policy allows.
    assert refused["x-stillwatch-problem"].isascii() and "\n" not in refused["x-stillwatch-problem"]
    assert json.loads(refused["x-stillwatch-problem"]) == json.loads(REFUSAL.body())


def test_envoy_gets_the_refusal_itself() -> None:
    answer = envoy_answer(replace(COMMAND, refusal=REFUSAL))
    assert answer.status == 429 and json.loads(answer.body) == json.loads(REFUSAL.body())
    assert dict(answer.headers)["retry-after"] == "3" and dict(answer.headers)["ratelimit"] == '"slow";r=5'
    passed = envoy_answer(Command())
    assert passed.status == 200 and dict(passed.headers)["x-stillwatch-mark"] == ""


def test_what_gateways_say_becomes_facts() -> None:
    recorder = Recorder()
    body = {
        "model": "m",
        "max_tokens": 9,
        "stream": True,
        "temperature": 0,
        "logprobs": True,
        "reasoning_effort": "low",
    }
    facts = {"x_stillwatch_country": "de", "x_stillwatch_asn": "3320", "x_stillwatch_account_age_s": "60"}
    ask(recorder, "POST", "/envoy/v1/chat/completions", body, x_stillwatch_account="ann", **facts)
    [(account, request)] = recorder.asked
    assert account == "ann"
    assert (request.model, request.max_output_tokens, request.stream, request.temperature) == ("m", 9, True, 0.0)
    assert (request.wants_logprobs, request.wants_reasoning) == (True, True)
    assert (request.country, request.asn, request.account_age_s) == ("DE", 3320, 60)


def test_only_envoys_own_word_counts_as_the_address() -> None:
    recorder = Recorder()
    ask(recorder, "GET", "/envoy/", x_forwarded_for="198.51.100.1, 192.0.2.7")
    ask(recorder, "GET", "/nginx", x_stillwatch_address="192.0.2.7", x_forwarded_for="198.51.100.1")
    ask(recorder, "GET", "/nginx", x_forwarded_for="198.51.100.1")
    expected = f"address_{PSEUDONYMS.hash_one('client_address', '192.0.2.7'):016x}"
    assert [account for account, _ in recorder.asked] == [expected, expected, "nobody"]


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
@pytest.mark.parametrize("value", ["sk-1", "Bearer sk-1", "bearer  sk-1", "Basic YTpi"])
def test_accounts_of_keys_are_named_as_our_own_proxy_names_them(header: str, value: str) -> None:
    ours = Callers(PSEUDONYMS, Sources()).of({header: value}, "192.0.2.7").account_id
    assert header_account({header: value}, PSEUDONYMS.hash_one) == ours


@pytest.mark.parametrize(
    ("names", "account"),
    [
        (("ann", "acme", "hash", "end"), "ann"),
        ((None, "acme", "hash", "end"), "acme"),
        ((None, None, "hash", "end"), "hash"),
        ((None, None, None, "end"), "end"),
        (("default_user_id", None, "hash", "end"), "end"),
        (("default_user_id", None, "hash", None), "default_user_id"),
        ((None, None, "litellm_proxy_master_key", "end"), "end"),
        ((None, None, None, None), ""),
    ],
)
def test_accounts_of_litellm_outlive_their_keys(names: tuple[Any, ...], account: str) -> None:
    assert litellm_account(*names) == account


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/decide", b"", 405),
        ("POST", "/decide", b"{", 400),
        ("POST", "/decide", b"[]", 400),
        ("POST", "/decide", {"account_id": ""}, 400),
        ("POST", "/decide", {"account_id": "a", "secret": 1}, 400),
        ("POST", "/decide", {"account_id": "a", "asn": "1"}, 400),
        ("POST", "/decide", {"account_id": "a", "stream": 1}, 400),
        ("POST", "/decide", {"account_id": "a", "temperature": 1}, 200),
        ("GET", "/healthz", b"", 200),
        ("GET", "/nginx/x", b"", 404),
        ("GET", "/envoyer", b"", 404),
        ("POST", "/beta/litellm_basic_guardrail_api", b"no", 400),
    ],
)
def test_questions_that_are_none_are_answered(method: str, path: str, body: Any, status: int) -> None:
    assert ask(Recorder(), method, path, body).status == status


def test_a_key_that_comes_twice_is_refused() -> None:
    service = AuthorizationService(Recorder(), PSEUDONYMS.hash_one)
    for name in ("authorization", "x-api-key", "api-key"):
        twice = Question("GET", "/envoy/", headers={name: "sk-1"}, repeated=frozenset({name, "cookie"}))
        assert asyncio.run(service.answer(twice)).status == 400
        assert asyncio.run(service.answer(replace(twice, path="/nginx"))).status == 403
        joined = Question("GET", "/envoy/", headers={name: "sk-1,sk-2"})
        assert asyncio.run(service.answer(joined)).status == 400
    harmless = Question("GET", "/nginx", headers={"api-key": "sk-1"}, repeated=frozenset({"cookie"}))
    assert asyncio.run(service.answer(harmless)).status == 204


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = ("model", "messages", "stream", "temperature", "max_tokens", "logprobs", "thinking", "include", "reasoning")


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_body_raises(body: dict[str, Any]) -> None:
    assert ask(Recorder(), "POST", "/envoy/v1/chat/completions", json.dumps(body).encode()).status == 200
    document = {
        "input_type": "request",
        "request_data": body,
        "texts": body.get("messages"),
        "model": body.get("model"),
    }
    assert ask(Recorder(), "POST", "/beta/litellm_basic_guardrail_api", document).status == 200


@given(st.dictionaries(st.sampled_from(["x-stillwatch-asn", "x-stillwatch-country", "authorization"]), st.text()))
def test_no_header_raises(headers: dict[str, str]) -> None:
    service = AuthorizationService(Recorder(), PSEUDONYMS.hash_one)
    usable = {name: value.encode("utf-8", "replace").decode() for name, value in headers.items()}
    ambiguous = "," in usable.get("authorization", "")
    assert asyncio.run(service.answer(Question("GET", "/nginx", headers=usable))).status == (403 if ambiguous else 204)
    facts_of_headers(usable)


REFUSALS = st.builds(
    Refusal,
    st.sampled_from([403, 429, 503]),
    st.text(),
    st.text(),
    st.text(),
    st.none() | st.text(),
    st.none() | st.floats(0, 9),
)
COMMANDS = st.builds(
    Command,
    st.sampled_from(Rung),
    st.none() | REFUSALS,
    st.booleans(),
    st.booleans(),
    st.none() | st.text(),
    st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
    st.floats(0, 60),
    st.sampled_from(Rung),
    st.none() | st.text(),
)


@given(COMMANDS)
def test_a_command_comes_over_the_wire_as_it_was(command: Command) -> None:
    assert command_of(json.loads(json.dumps(command_document(command)))) == command


@given(
    st.builds(
        Request,
        account=st.just(0),
        at_us=st.just(0),
        model=st.text(),
        input_tokens=st.integers(0, 9),
        country=st.text(),
        stream=st.booleans(),
        temperature=st.floats(0, 2),
    )
)
def test_a_question_comes_over_the_wire_as_it_was(request: Request) -> None:
    assert question_of(json.loads(json.dumps(question_document("ann", request)))) == ("ann", request)


def test_the_guardrail_is_asked_about_requests_only() -> None:
    data = {"user_api_key_user_id": "ann", "user_api_key_hash": "h"}
    document = {"input_type": "request", "request_data": data, "texts": ["x" * 400], "model": "m"}
    asked = guarded_request(document)
    assert asked is not None and asked[0] == "ann" and (asked[1].model, asked[1].input_tokens) == ("m", 100)
    messages = [{"role": "user", "content": "y" * 40}]
    asked = guarded_request({**document, "structured_messages": messages})
    assert asked is not None and asked[1].input_tokens == 10
    assert guarded_request({**document, "input_type": "response"}) is None
    assert guardrail_answer(None) == guardrail_answer(COMMAND) == {"action": "NONE"}
    answer = guardrail_answer(replace(COMMAND, refusal=REFUSAL))
    assert answer["action"] == "BLOCKED" and "Seconds to wait: 3." in answer["blocked_reason"]


def test_pictures_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:" + "A" * 100_000}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a" * 8}, picture]}]}
    assert facts_of_body(body)["input_tokens"] == 2


class Server:
    """Shared counters that may be away."""

    def __init__(self) -> None:
        self.away, self.settled = False, []  # type: ignore[var-annotated]

    async def charge(self, limits: Any, now_us: int) -> Any:
        raise AssertionError((limits, now_us))

    async def settle(self, limits: Any, now_us: int) -> None:
        if self.away:
            raise CountersAway
        self.settled.append((limits, now_us))


class Decider:
    def decide(self, request: Request, now_us: int) -> Command:
        link = "https://x/start?ticket={ticket}&account={account}"
        return Command(refusal=replace(REFUSAL, link=link), headers=((str(request.account), str(now_us)),))

    async def decide_async(self, request: Request, now_us: int, counters: Any) -> Command:
        assert isinstance(counters, Server) and request.at_us == now_us
        return Command(Rung.CAP, to_settle=(Limit(1, "words", 1.0, 1.0, in_tokens=True),), estimated_tokens=100)

    def settle(self, command: Command, tokens: int, now_us: int) -> None:
        raise AssertionError((command, tokens, now_us))


def test_a_link_gets_the_ticket_of_its_account() -> None:
    decisions = LocalDecisions(
        Decider(), lambda name: len(name), lambda: 5_000_000, lambda who, at_s: f"{who}-{at_s:g}"
    )
    command = asyncio.run(decisions.decide("abc", request_of({})))
    assert command.refusal is not None and command.refusal.link == "https://x/start?ticket=3-5&account={account}"
    assert command.headers == (("3", "5000000"),)


def test_shared_counters_are_waited_for_and_settled() -> None:
    server = Server()
    decisions = LocalDecisions(Decider(), len, lambda: 7, counters=server)
    command = asyncio.run(decisions.decide("abc", request_of({})))
    asyncio.run(decisions.settle(command, 130))
    [(limits, at_us)] = server.settled
    assert (limits[0].cost, limits[0].key, at_us) == (30, 1, 7)
    server.away = True
    asyncio.run(decisions.settle(command, 130))
    asyncio.run(decisions.settle(Command(), 130))
    assert len(server.settled) == 1
