"""OTLP JSON with GenAI spans, after the file exporter's and the semantic conventions' documents."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.batch import Batch
from stillwatch.exchange.formats.opentelemetry import attributes_of, plain
from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
START_NS = "1777629600000000321"
MESSAGES = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "w", "arguments": {}}]},
    {"role": "user", "parts": [{"type": "text", "content": "And in Rome?"}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": "rainy"}]},
]


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def span(place: int, attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"eee19b7ec3c1b{place:03d}",
        "name": "chat apex-5",
        "kind": 3,
        "startTimeUnixNano": START_NS,
        "endTimeUnixNano": "1777629602000000000",
        "attributes": pairs(attributes),
        **more,
    }


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    scopes = [{"scope": {"name": "gateway"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, "scopeSpans": scopes}]}


PRESENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "apex",
    "gen_ai.request.model": "apex-5",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 200,
    "gen_ai.request.choice.count": 3,
    "gen_ai.request.reasoning.level": "high",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 180,
    "gen_ai.conversation.id": "conv-1",
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.system_instructions": [{"type": "text", "content": "You are an agent."}],
    "user.id": "user-1",
    "client.address": "2001:db8::1",
    "user_agent.original": "apex-python/2",
    "http.response.status_code": 200,
}


def read(path: Path) -> Batch:
    assert [each.form.name for each in survey([path], {}) if each.form] == ["opentelemetry"]
    return parts([path], now=NOW)[0].read()


@pytest.mark.parametrize("structured", [False, True])
def test_present_conventions(tmp_path: Path, structured: bool) -> None:
    attributes = {**PRESENT, "gen_ai.input.messages": MESSAGES if structured else json.dumps(MESSAGES)}
    (tmp_path / "traces.jsonl").write_text(json.dumps(request(span(1, attributes), span(2, {"http.method": "GET"}))))
    batch = read(tmp_path / "traces.jsonl")
    assert batch.rejected == ()
    assert batch.exchanges.to_pylist() == [
        {
            "exchange_id": "5b8efff798038103d269b633813fc60c:eee19b7ec3c1b001",
            "timestamp": dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC),
            "account_id": "user-1",
            "conversation_id": "conv-1",
            "turn": 1,
            "request_model": "apex-5",
            "system_instructions": "You are an agent.\nBe brief.",
            "prompt": "And in Rome?",
            "input_tokens": 100,
            "output_tokens": 180,
            "temperature": 0.5,
            "max_tokens": 200,
            "choice_count": 3,
            "reasoning": True,
            "client_address": "2001:db8::1",
            "user_agent": "apex-python/2",
            "status": 200,
        }
    ]


def test_former_conventions_with_span_events(tmp_path: Path) -> None:
    former = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "apex-4",
        "gen_ai.usage.prompt_tokens": 7,
        "gen_ai.usage.completion_tokens": 9,
        "enduser.id": "user-2",
        "error.type": "429",
    }
    events = [
        {"name": "gen_ai.system.message", "attributes": pairs({"content": "Be brief."})},
        {"name": "gen_ai.user.message", "attributes": pairs({"content": "Why?"})},
        {"name": "gen_ai.choice", "attributes": pairs({"message": "{}"})},
    ]
    prompt_event = [
        {"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": '[{"role":"user","content":"How?"}]'})}
    ]
    indexed = {"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "S", "gen_ai.prompt.1.role": "user"}
    indexed["gen_ai.prompt.1.content"] = "When?"
    document = request(
        span(1, former, events=events),
        span(2, former, events=prompt_event),
        span(3, {**former, **indexed}),
        span(4, {**former, "gen_ai.prompt": "Plain?"}, status={"code": 1}),
    )
    (tmp_path / "traces.json").write_text(json.dumps(document, indent=2))
    rows = read(tmp_path / "traces.json").exchanges.to_pylist()
    assert [row["prompt"] for row in rows] == ["Why?", "How?", "When?", "Plain?"]
    assert [row["system_instructions"] for row in rows] == ["Be brief.", None, "S", None]
    assert {row["account_id"] for row in rows} == {"user-2"}
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"], rows[0]["status"]) == (7, 9, 429)
    assert len({row["exchange_id"] for row in rows}) == 4


def test_account_may_stand_in_the_resource_and_other_operations_are_no_exchanges(tmp_path: Path) -> None:
    own = {name: value for name, value in PRESENT.items() if name != "user.id"}
    others = [
        span(5, {**own, "gen_ai.operation.name": name}) for name in ("execute_tool", "embeddings", "invoke_agent")
    ]
    (tmp_path / "a.jsonl").write_text(json.dumps(request(span(1, own), *others, resource={"user.id": "tenant-9"})))
    assert read(tmp_path / "a.jsonl").exchanges["account_id"].to_pylist() == ["tenant-9"]


def test_spans_without_account_are_refused_with_their_line(tmp_path: Path) -> None:
    own = {name: value for name, value in PRESENT.items() if name != "user.id"}
    lines = [
        request(span(1, PRESENT)),
        request(span(2, own), span(3, PRESENT)),
        {"resourceSpans": [7, {"scopeSpans": 3}]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    batch = read(tmp_path / "a.jsonl")
    assert batch.exchanges.num_rows == 2
    assert [(refused.row, refused.reason) for refused in batch.rejected] == [(2, "account_id is missing")]


def test_any_values() -> None:
    held = {"a": [1, True, 0.5, "x", {"b": []}]}
    assert plain(any_value(held)) == held
    assert attributes_of(pairs(held)) == held
    assert plain({"unknownValue": 1}) is None
    assert attributes_of({"plain": "already"}) == {"plain": "already"}
    assert attributes_of(None) == {}
