"""LiteLLM spend logs, with the fields of the table LiteLLM_SpendLogs."""

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.batch import Batch
from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
BODY = {
    "model": "apex-5",
    "messages": [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": [{"type": "text", "text": "Second?"}, {"type": "image_url", "image_url": {}}]},
    ],
    "temperature": 0.25,
    "max_tokens": 512,
    "n": 4,
    "reasoning_effort": "high",
}
RECORD: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "spend": 0.01,
    "total_tokens": 30,
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "startTime": "2026-05-01T10:00:00.123Z",
    "endTime": "2026-05-01T10:00:02.000Z",
    "completionStartTime": None,
    "model": "openai/apex-5-20260401",
    "model_id": "7",
    "model_group": "apex-5-group",
    "custom_llm_provider": "openai",
    "api_base": "",
    "user": "user-7",
    "metadata": {"user_api_key_user_id": "user-7", "status": None, "requester_ip_address": "192.0.2.9"},
    "cache_hit": "False",
    "cache_key": "Cache OFF",
    "request_tags": ["User-Agent: openai-python", "User-Agent: openai-python/1.99"],
    "team_id": "team-1",
    "organization_id": None,
    "end_user": "reader-3",
    "requester_ip_address": "192.0.2.9",
    "messages": {},
    "response": {},
    "session_id": "session-1",
    "status": "success",
    "proxy_server_request": BODY,
}


def read(path: Path) -> Batch:
    assert [each.form.name for each in survey([path], {}) if each.form] == ["litellm"]
    return parts([path], now=NOW)[0].read()


def test_json_lines_list_and_page(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD) + "\n" + json.dumps({**RECORD, "request_id": "2"}) + "\n")
    (tmp_path / "b.json").write_text(json.dumps([RECORD, {**RECORD, "request_id": "2"}], indent=1))
    (tmp_path / "c.json").write_text(json.dumps({"data": [RECORD, {**RECORD, "request_id": "2"}], "total": 2}))
    for name in ("a.jsonl", "b.json", "c.json"):
        batch = read(tmp_path / name)
        assert batch.rejected == ()
        assert batch.exchanges["exchange_id"].to_pylist() == ["chatcmpl-1", "2"]
        assert batch.exchanges.to_pylist()[0] == {
            "exchange_id": "chatcmpl-1",
            "timestamp": dt.datetime(2026, 5, 1, 10, 0, 0, 123_000, dt.UTC),
            "account_id": "user-7",
            "conversation_id": "session-1",
            "turn": 1,
            "request_model": "apex-5",
            "system_instructions": "You are terse.",
            "prompt": "Second?",
            "input_tokens": 10,
            "output_tokens": 20,
            "temperature": 0.25,
            "max_tokens": 512,
            "choice_count": 4,
            "reasoning": True,
            "client_address": "192.0.2.9",
            "user_agent": "openai-python/1.99",
            "status": 200,
        }


def test_csv_of_the_table_has_json_in_cells_and_times_in_utc(tmp_path: Path) -> None:
    cells = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in RECORD.items()}
    cells["startTime"] = "2026-05-01 10:00:00.123"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cells))
    writer.writeheader()
    writer.writerow(cells)
    (tmp_path / "spend.csv").write_text(text.getvalue())
    (tmp_path / "spend.jsonl").write_text(json.dumps(RECORD))
    sheet = read(tmp_path / "spend.csv")
    assert sheet.rejected == ()
    assert sheet.exchanges.to_pylist() == read(tmp_path / "spend.jsonl").exchanges.to_pylist()


@pytest.mark.parametrize(
    ("change", "account"),
    [
        ({}, "user-7"),
        ({"user": "", "metadata": {}}, RECORD["api_key"]),
        ({"user": "default_user_id"}, "reader-3"),
        ({"user": "", "metadata": {}, "api_key": "litellm_proxy_master_key"}, "reader-3"),
        ({"user": "default_user_id", "end_user": ""}, "default_user_id"),
        ({"user": None, "metadata": None, "api_key": ""}, "reader-3"),
    ],
)
def test_the_account_is_the_user_before_the_key(tmp_path: Path, change: dict[str, Any], account: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({**RECORD, **change}))
    assert read(tmp_path / "a.jsonl").exchanges["account_id"].to_pylist() == [account]


def test_a_secret_key_is_never_an_account_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({**RECORD, "user": "", "metadata": {}, "api_key": "sk-secret-1"}))
    account = read(tmp_path / "a.jsonl").exchanges["account_id"][0].as_py()
    assert account.startswith("key-")
    assert "secret" not in account


def test_failures_and_logs_without_content(tmp_path: Path) -> None:
    failed = {
        **RECORD,
        "status": "failure",
        "metadata": {"error_information": {"error_code": "429", "error_class": "RateLimitError"}},
        "proxy_server_request": "{}",
        "messages": "{}",
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(failed))
    row = read(tmp_path / "a.jsonl").exchanges.to_pylist()[0]
    assert row["status"] == 429
    assert row["request_model"] == "apex-5-group"
    assert not {"prompt", "reasoning", "turn"} & row.keys()


def test_older_logs_hold_messages(tmp_path: Path) -> None:
    old = {**RECORD, "proxy_server_request": None, "messages": json.dumps(BODY["messages"])}
    (tmp_path / "a.jsonl").write_text(json.dumps(old))
    assert read(tmp_path / "a.jsonl").exchanges["prompt"].to_pylist() == ["Second?"]


def test_records_of_other_forms_are_named(tmp_path: Path) -> None:
    odd = [{**RECORD, "user": {"id": 1}}, {"hello": 1}, {**RECORD, "startTime": "never"}, {**RECORD, "metadata": 7}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, [RECORD, *odd])))
    batch = read(tmp_path / "a.jsonl")
    assert batch.exchanges.num_rows == 2
    assert [refused.row for refused in batch.rejected] == [2, 3, 4]
