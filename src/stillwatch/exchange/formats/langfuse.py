"""Langfuse's exports: observations of type GENERATION, with the user and session of their traces.

Three shapes are read: enriched observations, which name user and session themselves; a trace with its observations
inside, as the download of one trace gives it; and observations and traces as separate rows or files, joined by the
trace's id. Names come in camel case (interface and API) and in snake case (blob storage). Times without a zone are
UTC.

Source: Langfuse, ``fern/apis/server/definition/commons.yml`` (Trace, Observation, Usage); "Blob storage export field
reference"; "How do I export a single trace or session?".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stillwatch.exchange.formats.format import Exchange, Format, Record, References, as_json, as_object, first_of
from stillwatch.exchange.formats.messages import conversation_of, known, reasoning_asked, usage_columns

_TRACE_MARKS = ("htmlPath", "bookmarked", "release", "public", "projectId", "project_id", "tags")


def _is_observation(record: Record) -> bool:
    return (
        ("traceId" in record or "trace_id" in record)
        and ("startTime" in record or "start_time" in record)
        and "type" in record
    )


def _is_trace(record: Record) -> bool:
    if isinstance(as_json(record.get("observations")), list):
        return True
    owned = any(name in record for name in ("userId", "user_id", "sessionId", "session_id"))
    return owned and {"id", "timestamp"} <= record.keys() and any(mark in record for mark in _TRACE_MARKS)


def _recognises(record: Record) -> bool:
    return _is_observation(record) or (_is_trace(record) and "request" not in record)


def _of_trace(trace: Record) -> Exchange:
    return known(
        {
            "account_id": first_of(trace, "userId", "user_id"),
            "conversation_id": first_of(trace, "sessionId", "session_id"),
        }
    )


def _references(record: Record) -> tuple[str, Exchange] | None:
    if _is_trace(record) and not _is_observation(record) and isinstance(record.get("id"), str):
        return record["id"], _of_trace(record)
    return None


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:
    inside = as_json(record.get("observations"))
    if _is_observation(record):
        trace = references.get(str(first_of(record, "traceId", "trace_id")), {})
        yield from _generation(record, trace)
    elif isinstance(inside, list):
        for observation in inside:
            if isinstance(observation, Mapping) and _is_observation({"traceId": record.get("id"), **observation}):
                yield from _generation(observation, _of_trace(record))


def _generation(observation: Record, trace: Exchange) -> Iterator[Exchange]:
    if str(observation.get("type", "")).upper() != "GENERATION":
        return
    settings = as_object(first_of(observation, "modelParameters", "model_parameters"))
    given = as_json(observation.get("input"))
    trace_id = first_of(observation, "traceId", "trace_id")
    yield known(
        conversation_of(given).columns() if given is not None else {},
        {"conversation_id": trace_id},
        trace,
        _usage(observation),
        _of_trace(observation),
        {
            "exchange_id": observation.get("id"),
            "timestamp": first_of(observation, "startTime", "start_time"),
            "request_model": first_of(observation, "providedModelName", "provided_model_name", "model"),
            "temperature": settings.get("temperature"),
            "max_tokens": first_of(settings, "max_tokens", "maxTokens", "max_completion_tokens", "max_output_tokens"),
            "choice_count": settings.get("n"),
            "reasoning": reasoning_asked(settings) if settings else None,
        },
    )


def _usage(observation: Record) -> Exchange:
    return known(
        {
            "input_tokens": first_of(observation, "promptTokens", "inputUsage", "input_usage", "inputTokens"),
            "output_tokens": first_of(observation, "completionTokens", "outputUsage", "output_usage", "outputTokens"),
        },
        usage_columns(observation.get("usage")),
        _details(as_object(first_of(observation, "usageDetails", "usage_details"))),
    )


def _details(details: Mapping[str, Any]) -> Exchange:
    """Sum the details by side, as Langfuse itself does: cached input is counted beside ``input``, not within it."""
    columns: Exchange = {}
    for name, side in (("input_tokens", "input"), ("output_tokens", "output")):
        counts = [int(count) for key, count in details.items() if side in key.lower() and str(count).isdecimal()]
        columns[name] = sum(counts) if counts else None
    return columns


LANGFUSE = Format(
    name="langfuse",
    title="Langfuse observations and traces",
    source="Langfuse commons.yml and blob storage export field reference",
    fields={
        "exchange_id": "id",
        "timestamp": "startTime, start_time",
        "account_id": "userId, user_id of the observation or its trace",
        "conversation_id": "sessionId, session_id, else traceId",
        "turn": "user messages before the last in input",
        "request_model": "providedModelName, model",
        "system_instructions": "messages of role system in input",
        "prompt": "last user message of input",
        "input_tokens": "usageDetails.input, usage.input, promptTokens",
        "output_tokens": "usageDetails.output, usage.output, completionTokens",
        "temperature": "modelParameters.temperature",
        "max_tokens": "modelParameters.max_tokens",
        "choice_count": "modelParameters.n",
        "reasoning": "modelParameters.reasoning_effort",
    },
    recognises=_recognises,
    exchanges=_exchanges,
    references=_references,
    naive_is_utc=True,
)
