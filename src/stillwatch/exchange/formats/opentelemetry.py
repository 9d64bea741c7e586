"""OpenTelemetry traces with GenAI spans, as OTLP JSON: one exported request a line, or one document.

Read are spans that call a model (operations chat, generate_content, text_completion, or none named). Attributes are
those of the GenAI conventions, the present and the former ones; messages are taken from attributes, as structures or
as JSON text, or from span events.

Source: OpenTelemetry, "OTLP JSON encoding" and "OpenTelemetry Protocol File Exporter"; semantic-conventions,
``docs/gen-ai/gen-ai-spans.md`` and ``gen-ai-events.md`` (1.37 and, for ``gen_ai.system``, ``gen_ai.prompt`` and the
message events, earlier); general attributes ``user.id``, ``enduser.id``, ``client.address``, ``user_agent.original``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stillwatch.exchange.formats.format import (
    Exchange,
    Format,
    Record,
    References,
    as_json,
    first_of,
    http_status,
)
from stillwatch.exchange.formats.messages import Conversation, conversation_of, known, text_of

_OPERATIONS = frozenset({"chat", "generate_content", "text_completion", "responses", "completion"})
_MESSAGE_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message\Z")
_INDEXED = re.compile(r"gen_ai\.prompt\.(\d+)\.(role|content)\Z")


def _recognises(record: Record) -> bool:
    return "resourceSpans" in record or "resource_spans" in record


def plain(value: Any) -> Any:
    """Return an OTLP ``AnyValue`` as a plain value; 64-bit integers are text in JSON."""
    if not isinstance(value, Mapping):
        return value
    for name in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        if name in value:
            return value[name]
    if "intValue" in value:
        held = value["intValue"]
        return int(held) if isinstance(held, str) and held.lstrip("-").isdecimal() else held
    if "arrayValue" in value:
        return [plain(item) for item in (value["arrayValue"] or {}).get("values") or []]
    if "kvlistValue" in value:
        return attributes_of((value["kvlistValue"] or {}).get("values"))
    return None


def attributes_of(pairs: Any) -> dict[str, Any]:
    """Return OTLP's list of key and value pairs as a dictionary; an object stays one."""
    if isinstance(pairs, Mapping):
        return {str(name): plain(value) for name, value in pairs.items()}
    if not isinstance(pairs, list):
        return {}
    return {str(pair["key"]): plain(pair.get("value")) for pair in pairs if isinstance(pair, Mapping) and "key" in pair}


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    for resource_spans in _list(record, "resourceSpans", "resource_spans"):
        resource = resource_spans.get("resource")
        shared = attributes_of(resource.get("attributes")) if isinstance(resource, Mapping) else {}
        for scope_spans in _list(resource_spans, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for span in _list(scope_spans, "spans"):
                own = attributes_of(span.get("attributes"))
                if _calls_a_model(own):
                    yield _exchange(span, own, shared)


def _list(record: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    found = first_of(record, *names)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _calls_a_model(own: Mapping[str, Any]) -> bool:
    operation = own.get("gen_ai.operation.name")
    if operation is not None:
        return operation in _OPERATIONS
    return any(name in own for name in ("gen_ai.request.model", "gen_ai.system", "gen_ai.provider.name"))


def _exchange(span: Mapping[str, Any], own: Mapping[str, Any], shared: Mapping[str, Any]) -> Exchange:
    both = {**shared, **own}
    trace, place = first_of(span, "traceId", "trace_id"), first_of(span, "spanId", "span_id")
    level = own.get("gen_ai.request.reasoning.level")
    return known(
        _messages(span, own).columns(),
        {
            "exchange_id": f"{trace}:{place}" if trace and place else first_of(own, "gen_ai.response.id"),
            "timestamp": first_of(span, "startTimeUnixNano", "start_time_unix_nano"),
            "account_id": first_of(both, "user.id", "enduser.id", "enduser.pseudo.id"),
            "conversation_id": first_of(own, "gen_ai.conversation.id", "session.id"),
            "request_model": first_of(own, "gen_ai.request.model"),
            "input_tokens": first_of(own, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            "output_tokens": first_of(own, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            "temperature": own.get("gen_ai.request.temperature"),
            "max_tokens": own.get("gen_ai.request.max_tokens"),
            "choice_count": own.get("gen_ai.request.choice.count"),
            "reasoning": None if level is None else str(level).lower() not in ("", "none"),
            "client_address": first_of(both, "client.address", "http.client_ip"),
            "client_asn": first_of(both, "client.as.number"),
            "client_country": first_of(both, "client.geo.country_iso_code", "geo.country.iso_code"),
            "user_agent": first_of(both, "user_agent.original", "http.user_agent"),
            "tls_ja4": first_of(both, "tls.client.ja4"),
            "status": _status(span, own),
        },
    )


def _status(span: Mapping[str, Any], own: Mapping[str, Any]) -> int | None:
    logged = first_of(own, "http.response.status_code", "http.status_code", "error.type")
    if (status := http_status(logged)) is not None:
        return status
    state = span.get("status")
    code = state.get("code") if isinstance(state, Mapping) else None
    return 200 if code in (1, "STATUS_CODE_OK") else None


def _messages(span: Mapping[str, Any], own: Mapping[str, Any]) -> Conversation:
    attributes = dict(own)
    told: list[dict[str, Any]] = []
    for event in _list(span, "events"):
        name, inside = str(event.get("name", "")), attributes_of(event.get("attributes"))
        if match := _MESSAGE_EVENT.match(name):
            told.append({"role": inside.get("role") or match[1], "content": as_json(inside.get("content"))})
        elif name in ("gen_ai.content.prompt", "gen_ai.client.inference.operation.details"):
            attributes = {**inside, **attributes}
    indexed: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if match := _INDEXED.match(name):
            indexed.setdefault(int(match[1]), {})[match[2]] = as_json(value)
    messages = first_of(attributes, "gen_ai.input.messages", "gen_ai.prompt")
    if messages is None:
        messages = [indexed[place] for place in sorted(indexed)] or told
    found = conversation_of(messages)
    if system := text_of(as_json(attributes.get("gen_ai.system_instructions"))):
        both = [system, found.system_instructions]
        return Conversation("\n".join(text for text in both if text), found.prompt, found.turn)
    return found


OPENTELEMETRY = Format(
    name="opentelemetry",
    title="OpenTelemetry GenAI spans (OTLP JSON)",
    source="OpenTelemetry semantic conventions, gen-ai-spans.md; OTLP JSON encoding",
    fields={
        "exchange_id": "traceId and spanId",
        "timestamp": "startTimeUnixNano",
        "account_id": "user.id, enduser.id, enduser.pseudo.id",
        "conversation_id": "gen_ai.conversation.id, session.id",
        "turn": "user messages before the last",
        "request_model": "gen_ai.request.model",
        "system_instructions": "gen_ai.system_instructions, messages of role system",
        "prompt": "last user message of gen_ai.input.messages, gen_ai.prompt or message events",
        "input_tokens": "gen_ai.usage.input_tokens, gen_ai.usage.prompt_tokens",
        "output_tokens": "gen_ai.usage.output_tokens, gen_ai.usage.completion_tokens",
        "temperature": "gen_ai.request.temperature",
        "max_tokens": "gen_ai.request.max_tokens",
        "choice_count": "gen_ai.request.choice.count",
        "reasoning": "gen_ai.request.reasoning.level",
        "client_address": "client.address",
        "client_asn": "client.as.number",
        "client_country": "client.geo.country_iso_code, geo.country.iso_code",
        "user_agent": "user_agent.original",
        "tls_ja4": "tls.client.ja4",
        "status": "http.response.status_code, a numeric error.type, the span's status",
    },
    recognises=_recognises,
    exchanges=_exchanges,
)
