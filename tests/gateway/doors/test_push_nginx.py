"""Pushed verdicts in the real nginx, by the shipped configuration."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stillwatch.gateway.doors.push_nginx import nginx_map, reload_nginx, write_nginx_map
from stillwatch.gateway.doors.verdicts import Member, Verdict
from stillwatch.response.ladder import Rung

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "nginx-push.conf"
AWKWARD = ["~tilde", "\\back", 'quo"te', "$dollar", "default", "a;b", "sp ace", "{brace}", "#hash", "*.star", "ümlaut"]


def verdict(name: str, rung: Rung) -> Verdict:
    return Verdict(Member(name, name), rung, 6)


class Site:
    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder

    def ask(self, name: str) -> tuple[int, str, bytes]:
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        connection.request("POST", "/v1/chat/completions", "{}", {"test-account": name.encode()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers.get("content-type", ""), content

    def push(self, *verdicts: Verdict, known: tuple[str, ...] = ()) -> None:
        assert write_nginx_map(self.folder / "stillwatch.map", verdicts, known)
        reload_nginx(self.folder / "pid")

    def comes(self, name: str, status: int) -> bool:
        """Whether a status arrives; a reload takes effect when new workers have started."""
        until = time.monotonic() + 20
        while self.ask(name)[0] != status:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture(scope="module")
def site(
    servers: Any, nginx: str, upstream: str, port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Site:
    folder = tmp_path_factory.mktemp("nginx-push")
    listens = port()
    text = EXAMPLE.read_text()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    for old, new in {
        "listen 127.0.0.1:8080": f"listen 127.0.0.1:{listens}",
        "server 127.0.0.1:8000": f"server {urlsplit(upstream).netloc}",
        "pid /run/nginx-stillwatch.pid": f"pid {folder}/pid",
        "/var/log/nginx/stillwatch-error.log": f"{folder}/error.log",
        "include /etc/nginx/stillwatch.map": f"include {folder}/stillwatch.map",
        'map $remote_addr $stillwatch_account { default ""; }': (
            "map $http_test_account $stillwatch_account { default $http_test_account; }"
        ),
        "worker_processes auto": ("user root;\n" if os.geteuid() == 0 else "") + "worker_processes 1",
        "    access_log off;": "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        + "access_log off;",
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    write_nginx_map(folder / "stillwatch.map", [verdict("gone", Rung.SUSPEND), verdict("slow", Rung.SLOW)])
    servers.start([nginx, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"], listens)
    return Site(f"http://127.0.0.1:{listens}", folder)


def test_only_accounts_on_the_ladder_notice_anything(site: Site) -> None:
    assert {site.ask("ann")[0] for _ in range(12)} == {200}
    status, kind, content = site.ask("gone")
    assert (status, kind) == (403, "application/problem+json")
    assert json.loads(content)["type"] == "urn:stillwatch:problem:suspended"
    statuses = [site.ask("slow")[0] for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2


def test_a_push_takes_effect_and_is_taken_back(site: Site) -> None:
    site.push(verdict("new", Rung.VERIFY))
    assert site.comes("new", 403) and site.comes("gone", 200)
    site.push()
    assert site.comes("new", 200)
    assert not write_nginx_map(site.folder / "stillwatch.map", [])  # The same again is no change.


def test_awkward_names_are_themselves_and_nobody_else(site: Site) -> None:
    site.push(*[verdict(name, Rung.SUSPEND) for name in AWKWARD])
    for name in AWKWARD:
        assert site.comes(name, 403), name
    for name in ("tilde", "back", "quote", "dollar", "a", "b", "sp", "x.star", "hostnames", "umlaut"):
        assert site.ask(name)[0] == 200, name


def test_names_that_differ_in_case_alone_are_told_apart(site: Site) -> None:
    site.push(verdict("Acct.1", Rung.SUSPEND), verdict("Other", Rung.SUSPEND), known=("acct.1",))
    assert site.comes("Acct.1", 403)
    assert site.ask("acct.1")[0] == 200 and site.ask("Acct_1")[0] == 200
    assert site.ask("Other")[0] == 403


def test_names_that_cannot_be_written_are_refused() -> None:
    for name in ("new\nline", "nul\0", "tab\t"):
        with pytest.raises(ValueError, match="characters"):
            nginx_map([verdict(name, Rung.SUSPEND)])


def test_no_other_program_is_signalled(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    with pytest.raises(ProcessLookupError, match="no nginx"):
        reload_nginx(pid_file)
