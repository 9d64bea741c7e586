"""Requests and answers of OpenAI's APIs, as gateways log them: one JSON object an exchange.

The request is a body of chat completions, responses or legacy completions.

Source: OpenAI, API reference, "Create chat completion", "Create a model response", "Batch input and output objects".
"""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.exchange.formats.anthropic_log import is_anthropic
from stillwatch.exchange.formats.format import Exchange, Format, Record, References
from stillwatch.exchange.formats.gateway_log import FIELDS, exchange_of, has_request


def _recognises(record: Record) -> bool:
    return has_request(record) and not is_anthropic(record)


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    if has_request(record):
        yield exchange_of(record)


OPENAI_LOG = Format(
    name="openai_log",
    title="OpenAI requests and responses",
    source="OpenAI API reference: chat completions, responses, batch objects",
    fields=FIELDS,
    recognises=_recognises,
    exchanges=_exchanges,
)
