"""The plug-in in the real proxy of LiteLLM, before a mock model server."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.litellm_management import LiteLlmManagement
from stillwatch.gateway.doors.push_litellm import LiteLlmError, keys_of
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "litellm.yaml"

KEY = b"a key of the tests, no secret"

AUTH = """
from litellm.proxy._types import UserAPIKeyAuth, hash_token

async def user_api_key_auth(request, api_key):
    _, user, *rest = api_key.split("-")
    # Organisations and users are named by the key; "-2" at its end is another key of the same user.
    if user == "org":
        return UserAPIKeyAuth(api_key=hash_token(api_key), org_id=rest[0])
    return UserAPIKeyAuth(api_key=hash_token(api_key), user_id=user)
"""


@dataclass(frozen=True)
class Proxy:
    address: str
    upstream: str
    log: Path
    server_log: Path

    def ask(self, key: str, path: str = "/v1/chat/completions", **body: Any) -> tuple[HTTPResponse, bytes]:
        asked = {"model": "mock", "messages": [{"role": "user", "content": "What is 2 + 2?"}], **body}
        headers = {"authorization": f"Bearer sk-{key}", "content-type": "application/json"}
        return call(self.address, "POST", path, json.dumps(asked), headers)

    def seen(self) -> list[dict[str, Any]]:
        return json.loads(call(self.upstream, "GET", "/seen")[1])

    def forget(self) -> None:
        call(self.upstream, "GET", "/forget")

    def rows(self, least: Mapping[str, int]) -> list[dict[str, Any]]:
        """The rows of the log, files that still grow included, once there are as many of each account.

        LiteLLM reports a success a moment after the answer.
        """
        until = time.monotonic() + 20
        while True:
            files = sorted(self.log.glob(".exchanges-*.jsonl")) + sorted(self.log.glob("exchanges-*.jsonl"))
            found = [json.loads(line) for path in files for line in path.read_text().splitlines()]
            counts = Counter(row["account_id"] for row in found)
            if all(counts[account] >= number for account, number in least.items()) or time.monotonic() > until:
                return found
            time.sleep(0.1)


def call(
    address: str, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.fixture(scope="module", params=["in process", "by the decision service"])
def proxy(
    request: pytest.FixtureRequest,
    servers: Any,
    upstream: str,
    litellm_python: Path,
    port: Callable[[], int],
    source: Path,
    ladder: Callable[[Path], tuple[Path, Path, Path]],
    standings_of: Callable[[Mapping[str, Rung]], Standings],
    decision_service: Callable[[Path, Path, Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    key_file, standings, policy = ladder(folder)
    (folder / "own_auth.py").write_text(AUTH)
    config = yaml.safe_load(EXAMPLE.read_text())
    config["model_list"][0]["litellm_params"]["api_base"] = f"{upstream}/v1"
    claude = {"model": "anthropic/claude-mock", "api_base": upstream, "api_key": "none"}
    config["model_list"].append({"model_name": "claude", "litellm_params": claude})
    config["general_settings"]["custom_auth"] = "own_auth.user_api_key_auth"
    # The guardrail asks a service of its own, so that its refusals can be told from the plug-in's.
    guarded = tmp_path_factory.mktemp("guarded")
    other_key, other_standings, other_policy = ladder(guarded)
    write_snapshot(other_standings, standings_of({"guarded": Rung.SUSPEND, "quick": Rung.SLOW}))
    guardrail = config["guardrails"][0]["litellm_params"]
    guardrail["api_base"] = decision_service(other_key, other_standings, other_policy)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    environment = {
        "PYTHONPATH": str(source),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": "sk-" + secrets.token_hex(32),
        "STILLWATCH_LOG": str(folder / "log"),
        "STILLWATCH_MARK_STYLE": "vllm",
    }
    if request.param == "in process":
        has_parts = subprocess.run([litellm_python, "-c", "import cel, pyarrow"], capture_output=True).returncode == 0
        if not has_parts:
            pytest.skip("the LiteLLM environment lacks common-expression-language and pyarrow")
        environment |= {
            "STILLWATCH_KEY_FILE": str(key_file),
            "STILLWATCH_STANDINGS": str(standings),
            "STILLWATCH_POLICY": str(policy),
        }
    else:
        environment["STILLWATCH_DECIDER_URL"] = decision_service(key_file, standings, policy)
    listens = port()
    command = [litellm_python.with_name("litellm"), "--config", folder / "config.yaml", "--host", "127.0.0.1"]
    servers.start([*command, "--port", str(listens), "--telemetry", "False"], listens, environment, folder)
    yield Proxy(f"http://127.0.0.1:{listens}", upstream, folder / "log", servers.logs[-1])


def test_who_is_not_on_the_ladder_notices_nothing(proxy: Proxy) -> None:
    answer, content = proxy.ask("ann")
    assert answer.status == 200
    message = json.loads(content)["choices"][0]["message"]
    assert message["content"] == "Four." and message["reasoning_content"] == "SECRET thought"


def test_refusals_have_status_and_fields_of_the_ladder_and_never_reach_the_model(proxy: Proxy) -> None:
    proxy.forget()
    answer, content = proxy.ask("gone")
    assert answer.status == 403, content
    error = json.loads(content)["error"]
    assert "suspended" in error["message"]
    assert "https://example.com/appeal" in content.decode() and "urn:stillwatch:problem:suspended" in content.decode()
    answer, content = proxy.ask("unverified", stream=True)
    assert answer.status == 403
    ticket = content.decode().split("ticket=")[1].split('"')[0].split("\\")[0]
    account = Tickets(KEY).account_of(ticket, time.time())
    assert account == Pseudonyms(KEY).hash_one("account_id", "unverified")
    assert proxy.seen() == []


def test_a_limit_holds_for_all_keys_of_a_user(proxy: Proxy) -> None:
    answers = [proxy.ask(key)[0] for key in ("slow", "slow-2", "slow-3") * 3]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 3
    assert answers[0].headers["ratelimit"] and answers[0].headers["ratelimit-policy"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600


def test_reasoning_and_logprobs_are_hidden_in_whole_and_streamed_answers(proxy: Proxy) -> None:
    for body in ({}, {"stream": True}, {"logprobs": True}, {"stream": True, "logprobs": True}):
        answer, content = proxy.ask("hidden", **body)
        assert answer.status == 200
        assert b"SECRET" not in content and b'"logprob"' not in content, content
        if body.get("stream"):
            events = [line[6:] for line in content.decode().splitlines() if line.startswith("data: {")]
            deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
            assert "".join(delta.get("content") or "" for delta in deltas) == "Four."
            assert content.decode().rstrip().endswith("data: [DONE]")
        else:
            assert json.loads(content)["choices"][0]["message"]["content"] == "Four."
        shown = proxy.ask("ann", **body)[1]
        assert b"SECRET" in shown


def test_thinking_blocks_are_hidden_in_messages_too(proxy: Proxy) -> None:
    shown, hidden = (proxy.ask(who, "/v1/messages", model="claude", max_tokens=100)[1] for who in ("ann", "hidden"))
    assert b"SECRET" in shown
    assert b"SECRET" not in hidden and json.loads(hidden)["content"][-1]["text"] == "Four."
    shown, hidden = (
        proxy.ask(who, "/v1/messages", model="claude", max_tokens=100, stream=True)[1] for who in ("ann", "hidden")
    )
    assert b"SECRET" in shown and b"U0VDUkVU" in shown
    assert b"SECRET" not in hidden and b"U0VDUkVU" not in hidden and b"thinking" not in hidden, hidden
    assert b"Four." in hidden and b"message_stop" in hidden and b'"index": 1' not in hidden


def test_a_mark_reaches_the_model_and_cannot_be_refused_by_the_client(proxy: Proxy) -> None:
    proxy.forget()
    answer, content = proxy.ask("marked", vllm_xargs={"watermarking": False, "other": 1})
    assert answer.status == 200, content
    [seen] = proxy.seen()
    assert seen["headers"]["x-stillwatch-mark"] == "k-"
    assert seen["body"]["vllm_xargs"] == {"other": 1, "stillwatch_mark": "k-"}


def test_every_exchange_is_logged_once_without_its_text(proxy: Proxy) -> None:
    keys = ("logged", "org-acme-k1", "org-acme-k2", "gone")
    assert [proxy.ask(key, temperature=0.5, n=1)[0].status for key in keys] == [200, 200, 200, 403]
    rows = proxy.rows({"logged": 1, "acme": 2, "gone": 1})
    assert len({row["exchange_id"] for row in rows}) == len(rows)
    own = sorted((row["account_id"], row["status"]) for row in rows if row["account_id"] in ("logged", "acme"))
    assert own == [("acme", 200), ("acme", 200), ("logged", 200)]
    assert {row["status"] for row in rows if row["account_id"] == "gone"} == {403}
    ann = next(row for row in rows if row["account_id"] == "logged")
    assert (ann["input_tokens"], ann["output_tokens"], ann["request_model"], ann["turn"]) == (11, 5, "mock", 0)
    assert ann["temperature"] == 0.5 and ann["timestamp"].endswith("+00:00")
    assert "What is 2" not in json.dumps(rows) and "sk-" not in json.dumps(rows)
    assert b"What is 2" not in proxy.server_log.read_bytes()


def test_the_guardrail_refuses_by_configuration_alone(proxy: Proxy) -> None:
    proxy.forget()
    answer, content = proxy.ask("guarded")
    assert answer.status == 400, content
    message = json.loads(content)["error"]["message"]
    assert "Account suspended." in message and "https://example.com/appeal" in message
    answers = [proxy.ask(key, stream=True) for key in ("quick", "quick-2") * 4]
    assert [answer.status for answer, _ in answers] == [200] * 6 + [400] * 2
    assert b"Seconds to wait:" in answers[-1][1]
    assert len(proxy.seen()) == 6


def test_a_quiet_proxys_log_is_shown_too(litellm_python: Path, source: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys, time\n"
        "import stillwatch.gateway.doors.litellm_plugin as plugin\n"
        "from stillwatch.gateway.doors.exchange_lines import ExchangeLines\n"
        "plugin._ROLL_EVERY_S = 0.1\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "class Caller: user_id = 'ann'\n"
        "async def quiet():\n"
        "    handler = plugin.StillwatchHandler(None, ExchangeLines(folder, time.time, age_s_most=0.3))\n"
        "    await handler.async_post_call_failure_hook({'litellm_call_id': 'c'}, ValueError(), Caller)\n"
        "    for _ in range(200):\n"
        "        await asyncio.sleep(0.1)\n"
        "        if list(folder.glob('exchanges-*')): return\n"
        "    raise SystemExit('the file stays hidden')\n"
        "asyncio.run(quiet())\n"
    )
    environment = {"PYTHONPATH": str(source), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [litellm_python, "-c", code, tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_plug_in_brings_nothing_into_the_proxy(litellm_python: Path, source: Path) -> None:
    code = (
        "import sys, litellm.integrations.custom_logger as _; before = set(sys.modules)\n"
        "import stillwatch.gateway.doors.litellm_plugin\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(tops - set(sys.stdlib_module_names)))"
    )
    environment = {"PYTHONPATH": str(source), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    ended = subprocess.run([litellm_python, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) <= {"stillwatch", "orjson"}


def test_a_push_to_a_proxy_without_a_database_says_what_is_missing(proxy: Proxy) -> None:
    async def asked() -> None:
        async with LiteLlmManagement(proxy.address, "sk-ann") as management:
            await keys_of(management, "ann")

    with pytest.raises(LiteLlmError, match=r"/key/list answered with status \d+: .*(?i:db|database)"):
        asyncio.run(asked())
