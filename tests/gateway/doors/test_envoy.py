"""The shipped configuration of Envoy, run by the real Envoy, before the real decision service."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import write_snapshot

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "envoy.yaml"
KEYS = {"ann": "sk-ann", "slow": "sk-slow", "hidden": "sk-hidden", "marked": "sk-marked", "gone": "sk-gone"}
RUNGS = {"slow": Rung.SLOW, "hidden": Rung.HIDE, "marked": Rung.MARK, "gone": Rung.SUSPEND}


@dataclass(frozen=True)
class Site:
    address: str
    upstream: str
    decider: Any

    def ask(self, name: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if name:
            given["authorization"] = f"Bearer {KEYS[name]}"
        return call(self.address, "POST", "/v1/chat/completions", json.dumps({"model": "mock", "messages": []}), given)

    def seen(self) -> list[dict[str, Any]]:
        return json.loads(call(self.upstream, "GET", "/seen")[1])


def call(
    address: str, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.fixture(scope="module")
def site(
    servers: Any,
    envoy: Path,
    upstream: str,
    port: Callable[[], int],
    ladder: Callable[[Path], tuple[Path, Path, Path]],
    standings_of: Any,
    decision_service: Callable[[Path, Path, Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("envoy")
    key_file, standings, policy = ladder(folder)
    pseudonyms = Pseudonyms(key_file.read_bytes())
    # Accounts that are known by their key alone, named as our own proxy names them.
    named = {f"key_{pseudonyms.hash_one('api_key', KEYS[name]):016x}": rung for name, rung in RUNGS.items()}
    address = f"address_{pseudonyms.hash_one('client_address', '198.51.100.7'):016x}"
    write_snapshot(standings, standings_of({**named, "gone": Rung.SUSPEND, address: Rung.SUSPEND}))
    decider = decision_service(key_file, standings, policy)
    process = servers.last
    listens = port()
    text = EXAMPLE.read_text()
    for old, new in (
        ("{address: 127.0.0.1, port_value: 8080}", f"{{address: 127.0.0.1, port_value: {listens}}}"),
        ("{address: 127.0.0.1, port_value: 8000}", f"{{address: 127.0.0.1, port_value: {urlsplit(upstream).port}}}"),
        ("{address: 127.0.0.1, port_value: 8090}", f"{{address: 127.0.0.1, port_value: {urlsplit(decider).port}}}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    config = folder / "envoy.yaml"
    config.write_text(text)
    command = [envoy, "-c", config, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    servers.start(command, listens)
    yield Site(f"http://127.0.0.1:{listens}", upstream, process)


def test_who_is_not_on_the_ladder_notices_nothing(site: Site) -> None:
    direct = call(site.upstream, "POST", "/v1/chat/completions", "{}")[1]
    for name in ("ann", ""):
        answer, content = site.ask(name)
        assert answer.status == 200 and content == direct


def test_a_stream_goes_through_byte_for_byte(site: Site) -> None:
    asked = json.dumps({"stream": True})
    direct = call(site.upstream, "POST", "/v1/chat/completions", asked)[1]
    assert call(site.address, "POST", "/v1/chat/completions", asked)[1] == direct


def test_refusals_are_problem_documents_with_their_own_status(site: Site) -> None:
    call(site.upstream, "GET", "/forget")
    answer, content = site.ask("gone")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(content)["type"] == "urn:stillwatch:problem:suspended"
    assert answer.headers["link"] == '<https://example.com/appeal>; rel="help"'
    assert site.seen() == []


def test_limits_count_every_request_and_are_told(site: Site) -> None:
    answers = [site.ask("slow")[0] for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 2
    assert all(answer.headers["ratelimit"] for answer in answers)
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600


def test_the_model_server_is_told_what_to_hide_and_mark_and_clients_cannot_say_so(site: Site) -> None:
    call(site.upstream, "GET", "/forget")
    for name in ("ann", "hidden", "marked"):
        assert site.ask(name, x_stillwatch_hide="", x_stillwatch_mark="mine")[0].status == 200
    told = [{name: each["headers"].get(f"x-stillwatch-{name}") for name in ("hide", "mark")} for each in site.seen()]
    assert told == [
        {"hide": "", "mark": ""},
        {"hide": "reasoning logprobs", "mark": ""},
        {"hide": "reasoning logprobs", "mark": "k-"},
    ]


def test_clients_cannot_choose_who_or_where_they_are(site: Site) -> None:
    assert site.ask("gone", x_stillwatch_account="ann")[0].status == 403
    assert site.ask("ann", x_stillwatch_account="gone")[0].status == 200
    assert site.ask("ann", x_stillwatch_country="KP")[0].status == 200
    assert site.ask("", x_forwarded_for="198.51.100.7")[0].status == 200


def test_nobody_is_decided_about_under_one_key_and_served_under_another(site: Site) -> None:
    call(site.upstream, "GET", "/forget")
    assert site.ask("ann", x_api_key="sk-gone", api_key="sk-gone")[0].status == 200
    assert site.ask("", x_api_key="sk-ann", api_key="sk-gone")[0].status == 200
    held = [
        {name for name in ("authorization", "x-api-key", "api-key") if name in each["headers"]} for each in site.seen()
    ]
    assert held == [{"authorization"}, {"x-api-key"}]


def test_a_key_that_comes_twice_is_refused(site: Site) -> None:
    call(site.upstream, "GET", "/forget")
    for first, second in (("sk-ann", "sk-gone"), ("sk-gone", "sk-ann")):
        connection = HTTPConnection(urlsplit(site.address).netloc, timeout=30)
        connection.putrequest("GET", "/v1/models")
        connection.putheader("x-api-key", first)
        connection.putheader("x-api-key", second)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 400 and json.loads(content)["type"] == "urn:stillwatch:problem:ambiguous-key"
    assert site.seen() == []


def test_while_the_service_is_away_requests_pass_and_forged_fields_do_not(site: Site) -> None:
    os.kill(site.decider.pid, signal.SIGTERM)
    site.decider.wait(20)
    call(site.upstream, "GET", "/forget")
    assert site.ask("gone", x_stillwatch_mark="mine")[0].status == 200
    assert "x-stillwatch-mark" not in site.seen()[0]["headers"]
