"""Pushed verdicts in the real Envoy, by the shipped configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stillwatch.gateway.doors.push_envoy import LIMITS_FILE, REFUSED_FILE, write_envoy_filters
from stillwatch.gateway.doors.verdicts import Member, Verdict
from stillwatch.response.ladder import Rung

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "envoy-push.yaml"


def verdict(name: str, rung: Rung, requests_a_minute: int | None = None) -> Verdict:
    return Verdict(Member(name, name), rung, requests_a_minute)


class Site:
    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder

    def ask(self, name: str) -> int:
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        connection.request("POST", "/v1/chat/completions", "{}", {"x-account": name})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def push(self, *verdicts: Verdict) -> list[str]:
        return write_envoy_filters(self.folder, verdicts, "x-account")

    def comes(self, name: str, status: int) -> bool:
        until = time.monotonic() + 20
        while self.ask(name) != status:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture(scope="module")
def site(
    servers: Any, envoy: Path, upstream: str, port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Site:
    folder = tmp_path_factory.mktemp("envoy-push")
    listens = port()
    text = EXAMPLE.read_text().replace("/etc/envoy/stillwatch", str(folder))
    for old, new in (("8080", listens), ("8000", urlsplit(upstream).port)):
        assert text.count(f"port_value: {old}") == 1
        text = text.replace(f"port_value: {old}", f"port_value: {new}")
    config = folder / "envoy.yaml"
    config.write_text(text)
    write_envoy_filters(folder, [verdict("gone", Rung.SUSPEND), verdict("slow", Rung.SLOW, 3)], "x-account")
    command = [envoy, "-c", config, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    servers.start(command, listens)
    return Site(f"http://127.0.0.1:{listens}", folder)


def test_only_accounts_on_the_ladder_notice_anything(site: Site) -> None:
    assert {site.ask("ann") for _ in range(12)} == {200}
    assert site.ask("gone") == 403
    assert [site.ask("slow") for _ in range(5)] == [200] * 3 + [429] * 2


def test_a_push_takes_effect_without_a_restart_and_is_taken_back(site: Site) -> None:
    assert site.push(verdict("new", Rung.VERIFY), verdict("slow", Rung.SLOW, 3)) == [REFUSED_FILE]
    assert site.comes("new", 403) and site.comes("gone", 200)
    assert site.push() == [REFUSED_FILE, LIMITS_FILE]
    assert site.comes("new", 200) and site.comes("slow", 200)
    assert site.push() == []
    assert {site.ask("slow") for _ in range(12)} == {200}
