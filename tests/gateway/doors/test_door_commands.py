"""The doors' commands, as somebody types them."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from stillwatch.gateway.door_commands import register
from stillwatch.response.overlay import overlay_path, read_overlay

application = typer.Typer()
register(application)
CODE = "import typer; from stillwatch.gateway.door_commands import register; a = typer.Typer(); register(a); a()"


@pytest.fixture
def files(tmp_path: Path, ladder: Callable[[Path], tuple[Path, Path, Path]]) -> list[str]:
    key_file, standings, policy = ladder(tmp_path)
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("ann\ngone\nslow\nhidden\n")
    named = {"--accounts": accounts, "--key-file": key_file, "--standings": standings, "--policy": policy}
    return [str(part) for item in named.items() for part in item]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(application, list(arguments))


def test_every_command_teaches() -> None:
    for command in (["authorize"], ["verify"], ["push"], ["push", "nginx"], ["push", "envoy"], ["push", "litellm"]):
        ended = run(*command, "--help")
        assert ended.exit_code == 0 and len(ended.output) > 400


def test_nginx_gets_a_map_once(tmp_path: Path, files: list[str]) -> None:
    out = tmp_path / "map"
    shown = run("push", "nginx", *files, "--map", str(out), "--dry-run")
    assert shown.output == '"gone" suspend;\n"slow" slow;\n"hidden" hide;\n' and not out.exists()
    first, again = (run("push", "nginx", *files, "--map", str(out), "--json") for _ in range(2))
    assert json.loads(first.output) == {"accounts": 3, "changed": True, "file": str(out)}
    assert json.loads(again.output)["changed"] is False
    assert out.read_text() == shown.output


def test_envoy_gets_two_files(tmp_path: Path, files: list[str]) -> None:
    ended = run("push", "envoy", *files, "--folder", str(tmp_path), "--json")
    assert json.loads(ended.output)["changed"] == ["stillwatch-refused.json", "stillwatch-limits.json"]
    refused = json.loads((tmp_path / "stillwatch-refused.json").read_text())
    assert "gone" in json.dumps(refused) and "slow" not in json.dumps(refused)


def test_litellm_that_cannot_be_reached_is_told_without_a_key(
    tmp_path: Path, files: list[str], port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)
    where = ["--url", f"http://127.0.0.1:{port()}", "--state", str(tmp_path / "state")]
    ended = run("push", "litellm", *files, *where)
    assert ended.exit_code == 2 and "no administrator's key" in ended.output
    (tmp_path / "admin").write_text("sk-admin\n")
    ended = run("push", "litellm", *files, *where, "--admin-key-file", str(tmp_path / "admin"))
    assert ended.exit_code == 2 and "cannot be reached" in ended.output and "sk-admin" not in ended.output
    assert not (tmp_path / "state").exists()
    shown = run("push", "litellm", *files, *where, "--dry-run")
    assert [each["account_id"] for each in json.loads(shown.output)["accounts"]] == ["gone", "slow", "hidden"]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--key-file", "no-such-key", "no such key"),
        ("--accounts", "no-such.txt", "cannot be read"),
        ("--policy", "no-such.yaml", "cannot be read"),
    ],
)
def test_faults_are_one_line_with_a_hint(files: list[str], option: str, value: str, says: str) -> None:
    changed = [value if place and files[place - 1] == option else part for place, part in enumerate(files)]
    ended = run("push", "nginx", *changed, "--map", "map", "--dry-run")
    assert ended.exit_code == 2 and says in ended.output and ended.output.count("\n") == 1


def test_the_decision_service_refuses_to_believe_strangers(files: list[str]) -> None:
    ended = run("authorize", *files[2:], "--listen", "0.0.0.0:9")
    assert ended.exit_code == 2 and "--trusted-network" in ended.output
    ended = run("authorize", *files[2:], "--workers", "2")
    assert ended.exit_code == 2 and "--counters" in ended.output
    ended = run("authorize", *files[2:], "--listen", "nowhere")
    assert ended.exit_code == 2 and "HOST:PORT" in ended.output


def ask(
    port: int, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body or None, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def test_the_decision_service_runs(files: list[str], servers: Any, port: Callable[[], int]) -> None:
    listens = port()
    servers.start([sys.executable, "-c", CODE, "authorize", *files[2:], "--listen", f"127.0.0.1:{listens}"], listens)
    assert ask(listens, "GET", "/healthz")[0] == 200
    assert ask(listens, "GET", "/nginx", headers={"x-stillwatch-account": "ann"})[0] == 204
    assert ask(listens, "GET", "/nginx", headers={"x-stillwatch-account": "gone"})[0] == 403
    status, headers, content = ask(listens, "PUT", "/envoy/v1/x?y", headers={"x-stillwatch-account": "gone"})
    assert (status, headers["content-type"]) == (403, "application/problem+json") and b"suspended" in content
    status, _, content = ask(listens, "POST", "/decide", '{"account_id": "hidden"}')
    assert status == 200 and json.loads(content)["hide_reasoning"] is True
    assert ask(listens, "POST", "/decide", "x" * (33 << 20))[0] == 413

    policy = Path(files[files.index("--policy") + 1])  # A change of it holds without a restart, a broken one does not.
    text = policy.read_text()
    for content, status in ((text.replace("enforce: true", "enforce: false"), 200), ("nonsense", 200), (text, 403)):
        policy.write_text(content)
        until = time.monotonic() + 30
        while ask(listens, "GET", "/envoy/", headers={"x-stillwatch-account": "gone"})[0] != status:
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(2.5 if content == "nonsense" else 0)


def test_workers_keep_one_budget_together_by_shared_counters(
    tmp_path: Path, files: list[str], servers: Any, port: Callable[[], int]
) -> None:
    redis_server = shutil.which("redis-server")
    if redis_server is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    policy = tmp_path / "policy.yaml"
    text = policy.read_text()
    assert "ladder:\n" in text
    policy.write_text(text.replace("ladder:\n", "ladder:\n  counters_away: {slow: closed}\n"))
    shared, listens = port(), port()
    quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", tmp_path]
    redis = servers.start([redis_server, "--port", str(shared), *quiet], shared)
    where = ["--listen", f"127.0.0.1:{listens}", "--workers", "2", "--counters", f"redis://127.0.0.1:{shared}/0"]
    servers.start([sys.executable, "-c", CODE, "authorize", *files[2:], *where], listens)
    # Each request over a connection of its own, so that both workers get some.
    statuses = [ask(listens, "GET", "/envoy/", headers={"x-stillwatch-account": "slow"})[0] for _ in range(40)]
    # A busy machine may answer too late, which is refused here; more than the budget never passes.
    assert 1 <= statuses.count(200) <= 6 and 429 in statuses and set(statuses) <= {200, 429, 503}
    redis.terminate()
    redis.wait(20)
    assert ask(listens, "GET", "/envoy/", headers={"x-stillwatch-account": "slow"})[0] == 503
    assert ask(listens, "GET", "/envoy/", headers={"x-stillwatch-account": "gone"})[0] == 403


@pytest.mark.usefixtures("files")
def test_the_verification_service_runs_and_its_word_counts(
    tmp_path: Path, servers: Any, port: Callable[[], int]
) -> None:
    listens = port()
    (tmp_path / "whsec").write_text("whsec_1\n")
    settings = {
        "public_url": f"http://127.0.0.1:{listens}",
        "key_file": "key",
        "standings": "standings.bin",
        "ledger": "ledger.sqlite",
        "webhooks": {"stripe": ["whsec"]},
    }
    (tmp_path / "verify.yaml").write_text(yaml.safe_dump(settings))
    where = ["verify", tmp_path / "verify.yaml", "--listen", f"127.0.0.1:{listens}"]
    servers.start([sys.executable, "-c", CODE, *where], listens)
    session = {"status": "verified", "client_reference_id": "unverified"}
    event = {"id": "evt_1", "type": "identity.verification_session.verified", "data": {"object": session}}
    body, at = json.dumps(event), int(time.time())
    signed = hmac.new(b"whsec_1", f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={at},v1={signed}"}
    assert ask(listens, "POST", "/verify/webhook/stripe", body, headers)[0] == 200
    assert ask(listens, "POST", "/verify/webhook/stripe", body, headers)[0] == 409
    [entry] = read_overlay(overlay_path(tmp_path / "standings.bin")).entries.values()
    assert entry.verification == "id"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ledger": None}, "ledger: must be a text"),
        ({"other": 1}, "'other': not known"),
        ({"webhooks": {}}, "set up at least one"),
        ({"webhooks": {"stripe": ["no-such"]}}, "no-such"),
        ({"webhooks": {"stripe": ["empty"]}}, "is empty"),
        ({"webhooks": {"acme": ["whsec"]}}, "'acme': not known"),
        ({"accounts_per_person_most": 0}, "at least 1"),
        ({"oidc": {"issuer": "https://i", "client_id": "c", "acr_values": []}}, "at least one class"),
        ({"oidc": {"issuer": "http://i", "client_id": "c", "acr_values": ["a"]}}, "https"),
        ({"oidc": {"issuer": "https://i", "client_id": "c"}}, "acr_values is missing"),
    ],
)
def test_settings_of_verification_that_cannot_be_used_say_why(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    (tmp_path / "whsec").write_text("s")
    (tmp_path / "empty").write_text("\n")
    held = {
        "public_url": "https://verify.example",
        "key_file": "key",
        "standings": "standings.bin",
        "ledger": "ledger.sqlite",
        "webhooks": {"stripe": ["whsec"]},
    }
    (tmp_path / "key").write_text("k" * 20)
    (tmp_path / "verify.yaml").write_text(yaml.safe_dump({**held, **change}))
    ended = run("verify", str(tmp_path / "verify.yaml"))
    assert ended.exit_code == 2 and says in ended.output, ended.output


def test_a_push_that_knows_nothing_frees_nobody(tmp_path: Path, files: list[str], port: Callable[[], int]) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    for option, value in (
        ("--standings", str(tmp_path / "no-such")),
        ("--standings", f"redis://127.0.0.1:{port()}/0"),
        ("--accounts", str(tmp_path / "empty.txt")),
    ):
        changed = [value if place and files[place - 1] == option else part for place, part in enumerate(files)]
        ended = run("push", "nginx", *changed, "--map", str(tmp_path / "map"))
        assert ended.exit_code == 2 and not (tmp_path / "map").exists(), ended.output


def test_an_unknown_key_is_not_made(tmp_path: Path, files: list[str]) -> None:
    changed = [
        str(tmp_path / "new-key") if files[place - 1] == "--key-file" else part for place, part in enumerate(files)
    ]
    assert run("push", "nginx", *changed, "--map", "map").exit_code == 2
    assert not (tmp_path / "new-key").exists()
