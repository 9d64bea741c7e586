"""The shipped configuration of nginx, run by the real nginx, before the real decision service."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Entry, edit_overlay, overlay_path
from stillwatch.response.standing import write_snapshot

KEY = b"a key of the tests, no secret"
EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "nginx.conf"


@dataclass(frozen=True)
class Site:
    address: str
    upstream: str
    decider: Any
    standings: Path

    def ask(self, name: str = "", **headers: str) -> tuple[HTTPResponse, bytes]:
        given = {"content-type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
        if name:
            given["test-account"] = name
        return call(self.address, "POST", "/v1/chat/completions", json.dumps({"model": "mock", "messages": []}), given)

    def seen(self) -> list[dict[str, Any]]:
        return json.loads(call(self.upstream, "GET", "/seen")[1])

    def forget(self) -> None:
        call(self.upstream, "GET", "/forget")


def call(
    address: str, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def filled(folder: Path, listens: int, decider: str, upstream: str) -> str:
    """The example, with this test's ports and folders, and accounts that a test can choose."""
    changes = {
        "127.0.0.1:8080": f"127.0.0.1:{listens}",
        "server 127.0.0.1:8090": f"server {urlsplit(decider).netloc}",
        "127.0.0.1:8000": urlsplit(upstream).netloc,
        "/run/nginx-stillwatch.pid": f"{folder}/pid",
        "/var/log/nginx/stillwatch-error.log": f"{folder}/error.log",
        "/dev/shm/stillwatch": f"{folder}/cache",
        "map $remote_addr $stillwatch_account { default ": "map $http_test_account $stillwatch_account { default ",
        "map $remote_addr $stillwatch_country { default ": "map $http_test_country $stillwatch_country { default ",
        '$stillwatch_account { default ""; }': "$stillwatch_account { default $http_test_account; }",
        '$stillwatch_country { default ""; }': "$stillwatch_country { default $http_test_country; }",
        # Workers of root become nobody, who may not enter this folder.
        "worker_processes auto": ("user root;\n" if os.geteuid() == 0 else "") + "worker_processes 1",
        "    access_log off;": "    access_log off;\n"
        + "".join(
            f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
    }
    text = EXAMPLE.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def site(
    servers: Any,
    nginx: str,
    upstream: str,
    port: Callable[[], int],
    ladder: Callable[[Path], tuple[Path, Path, Path]],
    decision_service: Callable[[Path, Path, Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    key_file, standings, policy = ladder(folder)
    decider = decision_service(key_file, standings, policy)
    process = servers.last
    listens = port()
    config = folder / "nginx.conf"
    config.write_text(filled(folder, listens, decider, upstream))
    servers.start([nginx, "-p", folder, "-c", config, "-g", "daemon off;"], listens)
    yield Site(f"http://127.0.0.1:{listens}", upstream, process, standings)


def test_who_is_not_on_the_ladder_notices_nothing(site: Site) -> None:
    direct = call(site.upstream, "POST", "/v1/chat/completions", "{}")[1]
    answer, content = site.ask("ann")
    assert answer.status == 200 and content == direct
    assert site.ask(authorization="Bearer sk-1")[0].status == 200
    assert site.ask()[0].status == 200


def test_a_stream_goes_through_byte_for_byte(site: Site) -> None:
    asked = json.dumps({"stream": True})
    direct = call(site.upstream, "POST", "/v1/chat/completions", asked)[1]
    answer, content = call(site.address, "POST", "/v1/chat/completions", asked, {"test-account": "ann"})
    assert answer.headers["content-type"] == "text/event-stream" and content == direct


def test_refusals_are_problem_documents_with_their_own_status(site: Site) -> None:
    site.forget()
    answer, content = site.ask("gone")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(content) == {
        "type": "urn:stillwatch:problem:suspended",
        "title": "Account suspended",
        "status": 403,
        "detail": json.loads(content)["detail"],
        "link": "https://example.com/appeal",
    }
    assert answer.headers["link"] == '<https://example.com/appeal>; rel="help"'
    assert answer.headers["cache-control"] == "no-store"
    answer, content = site.ask("unverified")
    assert answer.status == 403 and "ticket=" in json.loads(content)["link"]
    assert site.seen() == []


def test_limits_count_every_request_and_are_told(site: Site) -> None:
    answers = [site.ask("slow")[0] for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 2
    assert all(answer.headers["ratelimit"] for answer in answers)
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600


def test_the_model_server_is_told_what_to_hide_and_mark_and_clients_cannot_say_so(site: Site) -> None:
    site.forget()
    forged = {"x_stillwatch_hide": "", "x_stillwatch_mark": "mine", "x_stillwatch_account": "ann"}
    for name in ("ann", "hidden", "marked"):
        assert site.ask(name, **forged)[0].status == 200
    told = [
        {name: each["headers"].get(f"x-stillwatch-{name}") for name in ("hide", "mark", "account")}
        for each in site.seen()
    ]
    assert told == [
        {"hide": None, "mark": None, "account": None},
        {"hide": "reasoning logprobs", "mark": None, "account": None},
        {"hide": "reasoning logprobs", "mark": "k-", "account": None},
    ]


def test_clients_cannot_choose_who_or_where_they_are(site: Site) -> None:
    assert site.ask("gone", x_stillwatch_account="ann")[0].status == 403
    assert site.ask(x_stillwatch_account="gone")[0].status == 200
    assert site.ask("bea", x_stillwatch_country="KP")[0].status == 200
    assert site.ask("bea", test_country="KP")[0].status == 403  # Another country is another decision, kept or not.
    assert site.ask("bea")[0].status == 200
    assert call(site.address, "GET", "/_stillwatch")[0].status == 404


def test_nobody_is_decided_about_under_one_key_and_served_under_another(site: Site) -> None:
    site.forget()
    assert site.ask(authorization="Bearer sk-1", x_api_key="sk-2", api_key="sk-3")[0].status == 200
    assert site.ask(x_api_key="sk-2", api_key="sk-3")[0].status == 200
    held = [
        {name for name in ("authorization", "x-api-key", "api-key") if name in each["headers"]} for each in site.seen()
    ]
    assert held == [{"authorization"}, {"x-api-key"}]
    answer, content = site.ask(authorization="Bearer sk-1,sk-2")
    assert answer.status == 400 and json.loads(content)["type"] == "urn:stillwatch:problem:ambiguous-key"


def test_nobody_can_put_together_the_entry_of_another_decision(site: Site) -> None:
    key = f"key_{Pseudonyms(KEY).hash_one('api_key', 'sk-bad'):016x}"
    edit_overlay(overlay_path(site.standings), lambda held: held.update({account(key): Entry(rung=Rung.SUSPEND)}))
    until = time.monotonic() + 20
    while site.ask(authorization="sk-bad")[0].status != 403:
        assert time.monotonic() < until
        time.sleep(0.05)
    # A stranger's key that reads like the entry of the suspended one, decided and kept just before.
    for sign in ("|", "\t", " "):
        assert site.ask(authorization=f"sk-bad{sign}x")[0].status == 200
        for spare in ("x", f"x{sign}", f"x{sign}{sign}"):
            assert site.ask(authorization="sk-bad", x_api_key=spare)[0].status == 403
            assert site.ask(authorization="sk-bad", api_key=spare)[0].status == 403


def test_decisions_are_kept_for_a_second_and_not_much_longer(site: Site) -> None:
    assert site.ask("cat")[0].status == 200
    edit_overlay(overlay_path(site.standings), lambda held: held.update({account("cat"): Entry(rung=Rung.SUSPEND)}))
    began = time.monotonic()
    while site.ask("cat")[0].status == 200:
        assert time.monotonic() - began < 20, "a suspension must arrive"
        time.sleep(0.05)
    edit_overlay(overlay_path(site.standings), lambda held: held.pop(account("cat")) and None)
    while site.ask("cat")[0].status == 403:
        assert time.monotonic() - began < 40, "and go"
        time.sleep(0.05)


def account(name: str) -> int:
    return Pseudonyms(KEY).hash_one("account_id", name)


def test_a_cohort_is_met_in_one_snapshot(site: Site, standings_of: Any) -> None:
    pool = [f"pool-{place}" for place in range(5)]
    assert {site.ask(name)[0].status for name in pool} == {200}
    write_snapshot(site.standings, standings_of(dict.fromkeys([*pool, "gone"], Rung.SUSPEND)))
    until = time.monotonic() + 20
    while {site.ask(name)[0].status for name in pool} != {403}:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_while_the_service_is_away_the_last_decision_stands_and_strangers_pass(site: Site) -> None:
    assert site.ask("gone")[0].status == 403
    os.kill(site.decider.pid, signal.SIGTERM)
    site.decider.wait(20)
    assert site.ask("gone")[0].status == 403
    assert site.ask("dan")[0].status == 200
