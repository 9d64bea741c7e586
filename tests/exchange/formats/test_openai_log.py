"""OpenAI requests and responses as gateways log them."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MOMENT = dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)
CHAT: dict[str, Any] = {
    "timestamp": "2026-05-01T10:00:00+00:00",
    "request_id": "req-1",
    "api_key_id": "key-1",
    "client_ip": "192.0.2.1",
    "headers": {"User-Agent": "openai-python/2", "X-Forwarded-For": "198.51.100.1, 10.0.0.1"},
    "status_code": 200,
    "request": {
        "model": "apex-5",
        "messages": [
            {"role": "developer", "content": "Be terse."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": [{"type": "text", "text": "Two?"}, {"type": "text", "text": "Three?"}]},
        ],
        "temperature": 1,
        "max_completion_tokens": 99,
        "n": 2,
        "reasoning_effort": "low",
        "safety_identifier": "end-user-1",
    },
    "response": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_777_629_601,
        "usage": {"prompt_tokens": 5, "completion_tokens": 6},
    },
}


def read(tmp_path: Path, *records: dict[str, Any], form: str = "openai_log") -> list[dict[str, Any]]:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert [each.form.name for each in survey([path], {}) if each.form] == [form]
    batch = parts([path], now=NOW)[0].read()
    assert batch.rejected == ()
    rows: list[dict[str, Any]] = batch.exchanges.to_pylist()
    return rows


def test_chat_completions(tmp_path: Path) -> None:
    assert read(tmp_path, CHAT) == [
        {
            "exchange_id": "req-1",
            "timestamp": MOMENT,
            "account_id": "key-1",
            "turn": 1,
            "request_model": "apex-5",
            "system_instructions": "Be terse.",
            "prompt": "Two?\nThree?",
            "input_tokens": 5,
            "output_tokens": 6,
            "temperature": 1.0,
            "max_tokens": 99,
            "choice_count": 2,
            "reasoning": True,
            "client_address": "192.0.2.1",
            "user_agent": "openai-python/2",
            "status": 200,
        }
    ]


def test_responses(tmp_path: Path) -> None:
    request = {
        "model": "apex-5",
        "instructions": "Be kind.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Why?"}]},
            {"type": "function_call_output", "call_id": "1", "output": "x"},
        ],
        "max_output_tokens": 7,
        "reasoning": {"effort": "none"},
        "conversation": {"id": "conv_1"},
        "user": "u-1",
    }
    response = {"id": "resp_1", "status": "completed", "created_at": 1_777_629_600, "usage": {"input_tokens": 3}}
    row = read(tmp_path, {"request": request, "response": response})[0]
    assert row["timestamp"] == MOMENT
    assert (row["exchange_id"], row["account_id"], row["conversation_id"]) == ("resp_1", "u-1", "conv_1")
    assert (row["prompt"], row["system_instructions"], row["turn"]) == ("Why?", "Be kind.", 0)
    assert (row["input_tokens"], row["max_tokens"], row["reasoning"]) == (3, 7, False)
    assert "status" not in row
    plain = read(tmp_path, {"request": {**request, "input": "Just text?"}, "response": response})[0]
    assert plain["prompt"] == "Just text?"


def test_batch_objects_and_bodies_in_text(tmp_path: Path) -> None:
    batch = {
        "created": 1_777_629_600,
        "account": {"id": "acct-1"},
        "request": {"method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "Go on"}},
        "response": {"status_code": 429, "body": {"id": "x"}},
    }
    text = {**batch, "request": json.dumps(batch["request"]), "response": json.dumps(batch["response"])}
    for row in read(tmp_path, batch, {**text, "id": "y"}):
        assert (row["account_id"], row["prompt"], row["status"]) == ("acct-1", "Go on", 429)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, False),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, True),
        ({"reasoning": {"summary": "detailed"}}, True),
        ({"reasoning": {"enabled": False}}, False),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"include_reasoning": True}, True),
    ],
)
def test_reasoning(tmp_path: Path, settings: dict[str, Any], asked: bool) -> None:
    request = {name: value for name, value in CHAT["request"].items() if name != "reasoning_effort"}
    assert read(tmp_path, {**CHAT, "request": {**request, **settings}})[0]["reasoning"] is asked


def test_accounts_from_secret_keys_and_end_users(tmp_path: Path) -> None:
    bare = {name: value for name, value in CHAT.items() if name != "api_key_id"}
    rows = read(tmp_path, {**bare, "api_key": "sk-live-1"}, bare, {**bare, "api_key": "Bearer sk-live-1"})
    assert rows[0]["account_id"] == rows[2]["account_id"]
    assert "live" not in rows[0]["account_id"]
    assert rows[1]["account_id"] == "end-user-1"


def test_address_from_the_proxy_header(tmp_path: Path) -> None:
    bare = {name: value for name, value in CHAT.items() if name != "client_ip"}
    assert read(tmp_path, bare)[0]["client_address"] == "198.51.100.1"


def test_mapping_goes_before_the_format(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({**CHAT, "tenant": "t-1"}))
    batch = parts([path], now=NOW, mapping={"account_id": "tenant"})[0].read()
    assert batch.exchanges["account_id"].to_pylist() == ["t-1"]


def test_pictures_alone_are_no_text_and_empty_text_is_refused(tmp_path: Path) -> None:
    picture = {**CHAT, "request": {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}}
    assert "prompt" not in read(tmp_path, picture)[0]
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({**CHAT, "request": {"messages": [{"role": "user", "content": ""}]}}))
    assert [refused.reason for refused in parts([path], now=NOW)[0].read().rejected] == ["prompt is blank"]
