"""Who asks and for what: what is believed of whom, and that nobody can hide behind odd spellings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.facts import Callers, Sources, endpoint_of, networks, request_of, wants_object

KEY = Pseudonyms(bytes(range(32)))
TOLD = {"account": "x-account", "country": "x-country", "asn": "x-asn", "plan": "x-plan", "account_age_s": "x-age"}
BEHIND = Callers(KEY, Sources(networks(["10.0.0.0/8", "fd00::/8"]), TOLD))
ALONE = Callers(KEY, Sources())


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("/v1/chat/completions", "chat"),
        ("/openai/deployments/gpt/chat/completions", "chat"),
        ("//V1/Chat//Completions///", "chat"),
        ("/v1/completions", "completions"),
        ("/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/generate", "generate"),
        ("/api/chat", "chat"),
        ("/v1/messages/count_tokens", ""),
        ("/v1/models", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_path_tells_what_is_asked_for(path: str, want: str) -> None:
    assert endpoint_of("POST", path) == want
    assert endpoint_of("GET", path) == ""


def test_an_account_is_its_key_wherever_it_comes_from() -> None:
    first = ALONE.of({"authorization": "Bearer sk-1", "x-forwarded-for": "203.0.113.1"}, "192.0.2.1")
    assert first == ALONE.of({"x-api-key": "sk-1"}, "192.0.2.1")
    assert first.address == "192.0.2.1" and not first.trusted
    assert first.account == KEY.hash_one("account_id", first.account_id)
    assert "sk-1" not in first.account_id
    assert ALONE.of({"authorization": "Bearer sk-2"}, "192.0.2.1").account != first.account


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-account"])
def test_a_field_given_twice_that_says_who_asks_is_ambiguous(name: str) -> None:
    assert BEHIND.ambiguous([(name, "a"), ("accept", "b"), (name, "c")])
    assert not BEHIND.ambiguous([(name, "a"), ("cookie", "b"), ("cookie", "c"), ("x-forwarded-for", "d")])


def test_without_a_key_addresses_are_told_apart() -> None:
    assert ALONE.of({}, "192.0.2.1").account_id.startswith("address_")
    assert ALONE.of({}, "192.0.2.1").account != ALONE.of({}, "192.0.2.2").account


def test_trusted_peers_tell_facts_and_others_do_not() -> None:
    headers = [("x-account", "acct_7"), ("x-country", "no"), ("x-asn", "AS64500"), ("x-plan", "pro"), ("x-age", "60")]
    caller = BEHIND.of(dict([*headers, ("x-forwarded-for", "198.51.100.7, 203.0.113.9, 10.0.0.3")]), "10.1.2.3")
    assert (caller.account_id, caller.country, caller.asn, caller.plan) == ("acct_7", "NO", 64500, "pro")
    assert caller.account_age_s == 60 and caller.trusted
    assert caller.address == "203.0.113.9"  # The nearest that no trusted peer has; the rest is hearsay.
    stranger = BEHIND.of(dict([*headers, ("x-forwarded-for", "198.51.100.7")]), "192.0.2.1")
    assert (stranger.country, stranger.asn, stranger.address) == ("", 0, "192.0.2.1")
    assert stranger.account_id.startswith("address_")
    assert BEHIND.left_behind(dict(headers), trusted=True) == {"authorization", "x-api-key", "api-key"}
    assert {*TOLD.values(), "x-real-ip", "forwarded"} < BEHIND.left_behind(dict(headers), trusted=False)
    held = {"x-api-key": "sk-1", "api-key": "sk-2"}
    assert BEHIND.left_behind(held, trusted=True) == {"authorization", "api-key"}


@pytest.mark.parametrize(
    "forwarded", ["", ",", "unknown", "10.0.0.1", "10.0.0.1, nonsense", "[2001:db8::1]:80", "::ffff:1.2.3.4"]
)
def test_odd_forwarding_never_fails(forwarded: str) -> None:
    assert BEHIND.of({"x-forwarded-for": forwarded}, "10.1.2.3").address


def test_an_ipv4_peer_written_as_ipv6_is_trusted_too() -> None:
    assert BEHIND.of({"x-account": "a"}, "::ffff:10.0.0.1").account_id == "a"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ASKED = st.dictionaries(
    st.sampled_from(
        ["model", "max_tokens", "temperature", "stream", "logprobs", "include", "reasoning", "thinking", "n"]
    ),
    JSON,
)


@given(ASKED)
def test_any_body_gives_facts_of_their_types(body: dict[str, Any]) -> None:
    request = request_of(ALONE.of({}, "192.0.2.1"), wants_object(body), 400, 5)
    assert isinstance(request.model, str) and request.input_tokens == 100 and request.at_us == 5
    assert (
        type(request.stream) is bool and type(request.wants_logprobs) is bool and type(request.wants_reasoning) is bool
    )
    assert type(request.max_output_tokens) is int and request.max_output_tokens >= 0
    assert type(request.temperature) is float


def test_what_is_asked_for() -> None:
    caller = ALONE.of({}, "192.0.2.1")
    got = request_of(caller, {"model": "m", "stream": True, "max_tokens": 9, "logprobs": 0, "temperature": 1}, 8, 5)
    assert (got.model, got.stream, got.max_output_tokens, got.wants_logprobs, got.temperature) == (
        "m",
        True,
        9,
        True,
        1.0,
    )
    assert request_of(caller, {"thinking": {"type": "enabled"}}, 8, 5).wants_reasoning
    assert not request_of(caller, {}, 8, 5).wants_reasoning
    assert wants_object([1]) == {}


def test_only_a_trusted_peer_that_was_given_the_fact_says_what_time_it_is() -> None:
    told = {"at_us": "x-stillwatch-simulated-time"}
    replaying = Callers(KEY, Sources(networks(["10.0.0.0/8"]), told))
    held = {"x-stillwatch-simulated-time": "1772582400000000"}
    assert replaying.of(held, "10.0.0.1").at_us == 1_772_582_400_000_000
    assert replaying.of(held, "192.0.2.1").at_us == 0
    assert BEHIND.of(held, "10.0.0.1").at_us == 0
    assert replaying.of({"x-stillwatch-simulated-time": "tomorrow"}, "10.0.0.1").at_us == 0
