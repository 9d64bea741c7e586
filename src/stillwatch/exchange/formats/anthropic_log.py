"""Requests and answers of Anthropic's messages API, as gateways log them: one JSON object an exchange.

Source: Anthropic, API reference, "Create a Message" (``system``, ``thinking``, ``metadata.user_id``, ``usage``).
"""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.exchange.formats.format import Exchange, Format, Record, References, first_of
from stillwatch.exchange.formats.gateway_log import FIELDS, exchange_of, has_request, request_of, response_of


def is_anthropic(record: Record) -> bool:
    """Tell whether a log record's request or answer has the shape of the messages API."""
    request, response = request_of(record), response_of(record)
    if response.get("type") == "message" or "stop_reason" in response:
        return True
    if "messages" not in request:
        return False
    path = str(first_of(record, "url", "path", "endpoint") or "")
    if path.split("?")[0].endswith("/messages"):
        return True
    if "system" in request or "anthropic_version" in request or "thinking" in request:
        return True
    return str(request.get("model", "")).startswith("claude") and "max_tokens" in request


def _recognises(record: Record) -> bool:
    return has_request(record) and is_anthropic(record)


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    if has_request(record):
        yield exchange_of(record)


ANTHROPIC_LOG = Format(
    name="anthropic_log",
    title="Anthropic requests and responses",
    source="Anthropic API reference: messages",
    fields=FIELDS,
    recognises=_recognises,
    exchanges=_exchanges,
)
