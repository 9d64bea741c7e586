"""Each rung on the wire, through a real proxy: what the client gets and what the model server gets."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from stillwatch.response.ladder import Rung


def test_nothing_is_changed_for_an_account_on_no_rung(enforcing: Any, wall_tools: Any) -> None:
    reply = wall_tools.post(enforcing.port)
    assert (reply.status, reply.json()) == (200, wall_tools.CHAT)
    streamed = wall_tools.post(enforcing.port, test="sse")
    assert streamed.body == b"".join(wall_tools.EVENTS) and streamed.whole
    assert streamed.header("content-type") == "text/event-stream"


def test_shadow_is_the_default_and_touches_nobody(shadow: Any, wall_tools: Any) -> None:
    for _ in range(50):  # Beyond every quota of the policy that comes with stillwatch.
        reply = wall_tools.post(shadow.port, key="sk-x", test="sse")
        assert reply.status == 200 and reply.body == b"".join(wall_tools.EVENTS)


def test_slow_is_429_with_the_fields_of_the_draft(enforcing: Any, wall_tools: Any) -> None:
    replies = [wall_tools.post(enforcing.port, key="sk-slow") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert replies[0].header("ratelimit-policy") == '"slow";q=2;w=120'
    assert replies[0].header("ratelimit").startswith('"slow";r=1;t=')
    refused = replies[2]
    assert 1 <= int(refused.header("retry-after")) <= 60
    assert refused.header("content-type") == "application/problem+json"
    document = refused.json()
    assert document["status"] == 429 and document["type"].endswith("rate-limited")
    assert document["error"]["type"] == "rate_limit_error" and document["error"]["message"]


@pytest.mark.parametrize("test", ["chat", "sse", "gzip"])
def test_hide_strips_answers(enforcing: Any, wall_tools: Any, test: str) -> None:
    reply = wall_tools.post(enforcing.port, key="sk-hide", test=test)
    assert reply.status == 200 and reply.whole
    assert b"INNER-VOICE" not in reply.body and b'"logprob"' not in reply.body and b"42" in reply.body
    assert reply.header("content-encoding") is None


def test_what_cannot_be_checked_is_not_passed_on(enforcing: Any, wall_tools: Any) -> None:
    assert wall_tools.post(enforcing.port, key="sk-hide", test="br").status == 502
    assert wall_tools.post(enforcing.port, key="sk-none", test="br").body == b"not really brotli"


def test_a_client_of_a_hidden_account_cannot_ask_for_pieces_or_encodings(
    enforcing: Any, model_server: Any, wall_tools: Any
) -> None:
    asked = {"Range": "bytes=5-", "Accept-Encoding": "gzip, br"}
    wall_tools.post(enforcing.port, key="sk-hide", headers=asked, path="/v1/stored/answer", method="GET", body=None)
    seen = model_server.seen[-1]
    assert seen.header("range") is None and seen.header("accept-encoding") == "identity"


def test_mark_names_the_key_and_takes_no_refusal(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    body = {"model": "m", "messages": [], "watermarking": False, "vllm_xargs": {"a": 1, "stillwatch_mark": "mine"}}
    wall_tools.post(enforcing.port, key="sk-mark", body=body, headers={"X-Stillwatch-Mark": "mine"})
    seen = model_server.seen[-1]
    assert seen.header("x-stillwatch-mark") == "cohort-7"
    assert json.loads(seen.body) == {
        "model": "m",
        "messages": [],
        "vllm_xargs": {"a": 1, "stillwatch_mark": "cohort-7"},
    }
    wall_tools.post(enforcing.port, body=body, headers={"X-Stillwatch-Mark": "mine"})
    assert model_server.seen[-1].header("x-stillwatch-mark") is None


def test_verify_is_a_problem_with_a_link(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    before = len(model_server.seen)
    reply = wall_tools.post(enforcing.port, key="sk-verify")
    assert reply.status == 403 and reply.header("content-type") == "application/problem+json"
    assert reply.json()["link"] == "https://example.com/verify"
    assert "https://example.com/verify" in reply.json()["error"]["message"]
    assert len(model_server.seen) == before


def test_suspend_refuses_every_path(enforcing: Any, wall_tools: Any) -> None:
    assert wall_tools.post(enforcing.port, key="sk-suspend").status == 403
    assert wall_tools.post(enforcing.port, key="sk-suspend", path="/v1/models", method="GET", body=None).status == 403
    assert wall_tools.post(enforcing.port, path="/v1/models", method="GET", body=None).status == 200


def test_the_key_that_counts_is_the_one_that_the_server_gets(
    enforcing: Any, model_server: Any, wall_tools: Any
) -> None:
    refused = wall_tools.post(enforcing.port, key="sk-suspend", headers={"x-api-key": "sk-other"})
    assert refused.status == 403
    wall_tools.post(enforcing.port, key="sk-none", headers={"x-api-key": "sk-other", "api-key": "sk-third"})
    seen = model_server.seen[-1]
    assert seen.header("authorization") == "Bearer sk-none"
    assert seen.header("x-api-key") is None and seen.header("api-key") is None


def test_header_fields_about_a_caller_are_believed_of_nobody_by_default(
    enforcing: Any, model_server: Any, wall_tools: Any
) -> None:
    wall_tools.post(enforcing.port, headers={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"})
    seen = model_server.seen[-1]
    assert seen.header("x-forwarded-for") == "127.0.0.1" and seen.header("x-real-ip") is None


def test_standings_and_policy_change_without_a_restart(
    model_server: Any, wall_tools: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("changing")
    policy, standings = folder / "policy.yaml", folder / "standings.bin"
    policy.write_text(wall_tools.POLICY)
    wall_tools.write_rungs(standings, {"sk-a": Rung.SUSPEND})
    gateway = wall_tools.start_gateway(
        folder, model_server.port, "--policy", str(policy), "--standings", str(standings)
    )
    try:
        assert [wall_tools.post(gateway.port, key=key).status for key in ("sk-a", "sk-b")] == [403, 200]
        wall_tools.write_rungs(standings, {"sk-b": Rung.SUSPEND})
        _until(lambda: [wall_tools.post(gateway.port, key=key).status for key in ("sk-a", "sk-b")] == [200, 403])
        policy.write_text("version: 1\nname: broken\n")
        _until(lambda: "policy refused" in gateway.said)
        assert wall_tools.post(gateway.port, key="sk-b").status == 403
        policy.write_text(wall_tools.POLICY.replace("enforce: true", "enforce: false"))
        _until(lambda: wall_tools.post(gateway.port, key="sk-b").status == 200)
    finally:
        assert gateway.stop() == 0, gateway.said


def _until(holds: Any, most_s: float = 30.0) -> None:
    until = time.monotonic() + most_s
    while not holds():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.2)
