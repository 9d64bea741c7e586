"""Langfuse's exports: enriched observations, a trace with its observations, and both apart."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from stillwatch.exchange.batch import Batch
from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
INPUT = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Why?"}]
OBSERVATION: dict[str, Any] = {
    "id": "obs-1",
    "traceId": "trace-1",
    "type": "GENERATION",
    "name": "answer",
    "startTime": "2026-05-01T10:00:00.000Z",
    "endTime": "2026-05-01T10:00:01.000Z",
    "model": "apex-5",
    "modelParameters": {"temperature": 0.5, "max_tokens": 9, "reasoning_effort": "high"},
    "input": INPUT,
    "output": {"role": "assistant", "content": "Because."},
    "usage": {"input": 5, "output": 6, "total": 11, "unit": "TOKENS"},
    "level": "DEFAULT",
}
SPAN = {**OBSERVATION, "id": "obs-2", "type": "SPAN"}
TRACE: dict[str, Any] = {
    "id": "trace-1",
    "timestamp": "2026-05-01T10:00:00.000Z",
    "name": "chat",
    "userId": "user-1",
    "sessionId": "session-1",
    "tags": [],
    "public": False,
}
EXPECTED = {
    "exchange_id": "obs-1",
    "timestamp": dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC),
    "account_id": "user-1",
    "conversation_id": "session-1",
    "turn": 0,
    "request_model": "apex-5",
    "system_instructions": "Be terse.",
    "prompt": "Why?",
    "input_tokens": 5,
    "output_tokens": 6,
    "temperature": 0.5,
    "max_tokens": 9,
    "reasoning": True,
}


def read(*paths: Path) -> list[Batch]:
    assert {each.form.name for each in survey(list(paths), {}) if each.form} == {"langfuse"}
    return [part.read() for part in parts(list(paths), now=NOW)]


def test_a_trace_with_its_observations(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text(json.dumps({**TRACE, "observations": [OBSERVATION, SPAN]}, indent=2))
    batch = read(tmp_path / "trace.json")[0]
    assert batch.rejected == ()
    assert batch.exchanges.to_pylist() == [EXPECTED]


def test_enriched_observations_in_snake_case(tmp_path: Path) -> None:
    enriched = {
        "id": "obs-1",
        "trace_id": "trace-1",
        "project_id": "p",
        "type": "GENERATION",
        "start_time": "2026-05-01 10:00:00.000000",
        "provided_model_name": "apex-5",
        "model_parameters": json.dumps(OBSERVATION["modelParameters"]),
        "input": json.dumps(INPUT),
        "usage_details": {"input": "3", "input_cached_tokens": 2, "output": 6, "total": 11},
        "user_id": "user-1",
        "session_id": "session-1",
    }
    (tmp_path / "observations.jsonl").write_text(json.dumps(enriched))
    assert read(tmp_path / "observations.jsonl")[0].exchanges.to_pylist() == [EXPECTED]


def test_traces_in_a_file_of_their_own_supply_the_account(tmp_path: Path) -> None:
    (tmp_path / "observations.jsonl").write_text("\n".join(map(json.dumps, [OBSERVATION, SPAN])))
    (tmp_path / "traces.jsonl").write_text(json.dumps(TRACE))
    first, second = read(tmp_path / "observations.jsonl", tmp_path / "traces.jsonl")
    assert first.exchanges.to_pylist() == [EXPECTED]
    assert (second.exchanges.num_rows, second.rejected) == (0, ())


def test_traces_and_observations_in_one_list(tmp_path: Path) -> None:
    (tmp_path / "both.json").write_text(json.dumps([OBSERVATION, TRACE]))
    assert read(tmp_path / "both.json")[0].exchanges.to_pylist() == [EXPECTED]


def test_a_page_of_the_interface(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"data": [{**OBSERVATION, "userId": "u"}], "meta": {"page": 1}}))
    row = read(tmp_path / "page.json")[0].exchanges.to_pylist()[0]
    assert (row["account_id"], row["conversation_id"]) == ("u", "trace-1")


def test_an_observation_without_known_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "observations.jsonl").write_text(json.dumps(OBSERVATION))
    assert [refused.reason for refused in read(tmp_path / "observations.jsonl")[0].rejected] == [
        "account_id is missing"
    ]


def test_input_may_be_text_or_an_object_with_messages(tmp_path: Path) -> None:
    inputs = ["Why?", {"messages": INPUT}, {"role": "user", "content": "Why?"}, json.dumps({"messages": INPUT})]
    lines = [{**OBSERVATION, "id": str(place), "input": each, "userId": "u"} for place, each in enumerate(inputs)]
    (tmp_path / "observations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert read(tmp_path / "observations.jsonl")[0].exchanges["prompt"].to_pylist() == ["Why?"] * 4
