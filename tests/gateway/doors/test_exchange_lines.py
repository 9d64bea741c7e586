from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.discovery import discover
from stillwatch.exchange.reading import survey
from stillwatch.gateway.doors.exchange_lines import ExchangeLines
from stillwatch.gateway.doors.litellm_rows import row_of_payload


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_760_000_000.0

    def __call__(self) -> float:
        return self.now_s


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"exchange_id": name, "timestamp": 1_760_000_000.25, "account_id": "ann", **more}


def shown(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("exchanges-*")) for line in path.read_text().splitlines()]


def test_the_scan_reads_what_is_written_and_sees_no_file_that_grows(tmp_path: Path) -> None:
    lines = ExchangeLines(tmp_path, Clock())
    lines.add(row("1", input_tokens=3, status=200, request_model="m", client_asn=None))
    assert shown(tmp_path) == []
    lines.close()
    assert shown(tmp_path)[0]["timestamp"] == "2025-10-09T08:53:20.250000+00:00"
    [seen] = survey(discover([tmp_path]), {})
    assert seen.form is not None and seen.form.name == "canonical"


def test_an_exchange_is_written_once(tmp_path: Path) -> None:
    lines = ExchangeLines(tmp_path, Clock())
    assert [lines.add(row(name)) for name in ("1", "2", "1", "2", "3")] == [True, True, False, False, True]
    lines.close()
    assert [each["exchange_id"] for each in shown(tmp_path)] == ["1", "2", "3"]


def test_texts_are_kept_only_if_asked_for(tmp_path: Path) -> None:
    for texts in (False, True):
        lines = ExchangeLines(tmp_path / str(texts), Clock(), texts=texts)
        lines.add(row("1", prompt="what\nis \ud800 this", system_instructions="be kind"))
        lines.close()
        [kept] = shown(tmp_path / str(texts))
        assert ("prompt" in kept) == ("system_instructions" in kept) == texts


def test_a_file_is_shown_when_it_is_full_or_old(tmp_path: Path) -> None:
    clock = Clock()
    lines = ExchangeLines(tmp_path, clock, rows_most=2, age_s_most=10)
    for name in ("1", "2", "3"):
        lines.add(row(name))
    assert len(shown(tmp_path)) == 2
    clock.now_s += 9
    assert lines.roll() and len(shown(tmp_path)) == 2
    clock.now_s += 2
    assert not lines.roll() and len(shown(tmp_path)) == 3


def test_what_a_crashed_process_left_is_shown_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    (tmp_path / ".exchanges-20260101T000000-999999999-1.jsonl").write_text('{"a":1}\n')
    living = tmp_path / f".exchanges-20260101T000000-{os.getpid()}-1.jsonl"
    living.write_text('{"a":2}\n')
    lines = ExchangeLines(tmp_path, Clock())
    assert lines.recover() == 1 and shown(tmp_path) == [{"a": 1}] and living.exists()


PAYLOAD = {
    "id": "chatcmpl-1",
    "litellm_call_id": "call-1",
    "trace_id": "t",
    "session_id": "s",
    "status": "success",
    "startTime": 1_760_000_000.5,
    "model_group": "m",
    "prompt_tokens": 3,
    "completion_tokens": 4,
    "metadata": {"user_api_key_user_id": "ann", "user_api_key_hash": "h", "requester_ip_address": "192.0.2.7"},
    "model_parameters": {"temperature": 0.5, "max_tokens": 9, "n": 2, "reasoning_effort": "high"},
    "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "user_agent": "x/1",
}


def test_a_report_of_litellm_becomes_a_row() -> None:
    assert row_of_payload(PAYLOAD) == {
        "exchange_id": "call-1",
        "timestamp": 1_760_000_000.5,
        "account_id": "ann",
        "conversation_id": "s",
        "turn": 1,
        "prompt": "b",
        "request_model": "m",
        "input_tokens": 3,
        "output_tokens": 4,
        "temperature": 0.5,
        "max_tokens": 9,
        "choice_count": 2,
        "reasoning": True,
        "client_address": "192.0.2.7",
        "user_agent": "x/1",
        "status": 200,
    }
    for name in ("startTime", "metadata"):
        assert row_of_payload({**PAYLOAD, name: None}) is None


@given(st.dictionaries(st.sampled_from(sorted(PAYLOAD)), st.none() | st.integers() | st.text() | st.lists(st.none())))
def test_no_report_raises(changes: dict[str, Any]) -> None:
    row_of_payload({**PAYLOAD, **changes})
