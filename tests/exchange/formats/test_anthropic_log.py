"""Anthropic requests and responses as gateways log them."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.formats.anthropic_log import is_anthropic
from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
RECORD: dict[str, Any] = {
    "time": 1_777_629_600_000,
    "id": "req-1",
    "ip": "192.0.2.1",
    "user_agent": "claude-cli/1",
    "status": 200,
    "request": {
        "model": "claude-x",
        "system": [{"type": "text", "text": "Be terse."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "secret"}]},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": [{"type": "text", "text": "Two?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "u", "name": "n", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u", "content": "secret"}]},
        ],
        "max_tokens": 1024,
        "temperature": 0.0,
        "thinking": {"type": "enabled", "budget_tokens": 5000},
        "metadata": {"user_id": "user-1"},
    },
    "response": {
        "id": "msg_1",
        "type": "message",
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "output_tokens": 6,
        },
    },
}


def read(tmp_path: Path, *records: dict[str, Any]) -> list[dict[str, Any]]:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert [each.form.name for each in survey([path], {}) if each.form] == ["anthropic_log"]
    batch = parts([path], now=NOW)[0].read()
    assert batch.rejected == ()
    rows: list[dict[str, Any]] = batch.exchanges.to_pylist()
    return rows


def test_messages(tmp_path: Path) -> None:
    assert read(tmp_path, RECORD) == [
        {
            "exchange_id": "req-1",
            "timestamp": dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC),
            "account_id": "user-1",
            "turn": 1,
            "request_model": "claude-x",
            "system_instructions": "Be terse.\nBe kind.",
            "prompt": "Two?",
            "input_tokens": 1105,
            "output_tokens": 6,
            "temperature": 0.0,
            "max_tokens": 1024,
            "reasoning": True,
            "client_address": "192.0.2.1",
            "user_agent": "claude-cli/1",
            "status": 200,
        }
    ]


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, None])
def test_thinking_not_asked_for(tmp_path: Path, thinking: object) -> None:
    row = read(tmp_path, {**RECORD, "request": {**RECORD["request"], "thinking": thinking}})[0]
    assert row["reasoning"] is False


def test_one_log_may_hold_both_apis(tmp_path: Path) -> None:
    other = {
        "time": 1_777_629_600,
        "key": "k-2",
        "request": {"model": "gpt", "messages": [{"role": "user", "content": "x"}]},
    }
    assert [row["account_id"] for row in read(tmp_path, RECORD, {**RECORD, "id": "2"}, other)] == [
        "user-1",
        "user-1",
        "k-2",
    ]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"request": {"messages": [], "system": "x"}}, True),
        ({"request": {"model": "claude-x", "messages": [], "max_tokens": 1}}, True),
        ({"url": "/v1/messages?beta=true", "request": {"messages": []}}, True),
        ({"request": {"model": "gpt", "messages": [], "max_tokens": 1}}, False),
        ({"url": "/v1/chat/completions", "request": {"messages": []}}, False),
        ({}, False),
    ],
)
def test_how_the_apis_are_told_apart(record: dict[str, Any], expected: bool) -> None:
    assert is_anthropic(record) is expected
