"""WildChat's published conversations: one row a conversation, one exchange a user turn.

The account is the hashed address, the only identity there is. An exchange has the time at which its answer was
complete, where the turn says so, else that of the conversation's last turn. Countries are names, not codes, and are
left out. Times are UTC.

Source: allenai/WildChat-1M, dataset card, "Data Fields" (``conversation_hash`` is no unique key,
``turn_identifier`` is).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stillwatch.exchange.formats.format import Exchange, Format, Record, References, as_json, as_object, first_of
from stillwatch.exchange.formats.messages import known, usage_columns


def _recognises(record: Record) -> bool:
    return "conversation_hash" in record and "conversation" in record


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    turns = as_json(record.get("conversation"))
    turns = [turn for turn in turns if isinstance(turn, Mapping)] if isinstance(turns, list) else []
    asked = 0
    for place, turn in enumerate(turns):
        if turn.get("role") != "user":
            continue
        following = turns[place + 1] if place + 1 < len(turns) else {}
        answer = following if following.get("role") == "assistant" else {}
        yield _exchange(record, turn, answer, asked)
        asked += 1


def _exchange(record: Record, turn: Mapping[str, Any], answer: Mapping[str, Any], place: int) -> Exchange:
    header = as_object(turn.get("header")) or as_object(record.get("header"))
    return known(
        usage_columns(answer.get("usage")),
        {
            "exchange_id": turn.get("turn_identifier"),
            "timestamp": turn.get("timestamp") or answer.get("timestamp") or record.get("timestamp"),
            "account_id": first_of(turn, "hashed_ip") or first_of(record, "hashed_ip"),
            "conversation_id": record.get("conversation_hash"),
            "turn": place,
            "request_model": record.get("model"),
            "prompt": turn.get("content"),
            "temperature": first_of(answer, "temperature"),
            "user_agent": first_of(header, "user-agent"),
        },
    )


WILDCHAT = Format(
    name="wildchat",
    title="WildChat conversations",
    source="allenai/WildChat-1M dataset card",
    fields={
        "exchange_id": "conversation[].turn_identifier",
        "timestamp": "conversation[].timestamp of the answer, else timestamp",
        "account_id": "hashed_ip",
        "conversation_id": "conversation_hash",
        "turn": "place among the user turns",
        "request_model": "model",
        "prompt": "conversation[].content of role user",
        "input_tokens": "conversation[].usage.prompt_tokens",
        "output_tokens": "conversation[].usage.completion_tokens",
        "temperature": "conversation[].temperature",
        "user_agent": "header.user-agent",
    },
    recognises=_recognises,
    exchanges=_exchanges,
    naive_is_utc=True,
)
