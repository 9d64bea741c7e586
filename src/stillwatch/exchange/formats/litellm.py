"""LiteLLM's spend logs: the proxy's table ``LiteLLM_SpendLogs`` as JSON or as the CSV that PostgreSQL exports.

The account is the proxy's internal user, because users escape limits by minting keys; without one it is the hashed
key; the proxy administrator's own traffic is told apart by end user. Prompts are there only where the proxy runs with
``store_prompts_in_spend_logs``: in ``proxy_server_request``, in older versions in ``messages``. Times in the table
have no zone and are UTC.

Source: BerriAI/litellm, ``schema.prisma`` (model LiteLLM_SpendLogs) and
``litellm/proxy/spend_tracking/spend_tracking_utils.py``; docs.litellm.ai, "Getting Started with UI Logs".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stillwatch.exchange.formats.format import (
    Exchange,
    Format,
    Record,
    References,
    as_json,
    as_object,
    first_of,
    http_status,
)
from stillwatch.exchange.formats.gateway_log import account_name
from stillwatch.exchange.formats.messages import conversation_of, known, request_columns

_SHARED_USERS = frozenset({"default_user_id"})  # What the proxy calls its administrator.
_SHARED_KEYS = frozenset({"litellm_proxy_master_key"})
_AGENT_TAG = "User-Agent: "


def _recognises(record: Record) -> bool:
    return {"request_id", "startTime"} <= record.keys() and ("api_key" in record or "call_type" in record)


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    metadata = as_object(record.get("metadata"))
    body = as_object(record.get("proxy_server_request"))
    body = as_object(body.get("body")) or body
    messages = as_json(record.get("messages"))
    yield known(
        conversation_of(messages).columns() if messages else {},
        request_columns(body) if body else {},
        {
            "exchange_id": record.get("request_id"),
            "timestamp": record.get("startTime"),
            "account_id": _account(record, metadata),
            "conversation_id": first_of(record, "session_id"),
            "request_model": body.get("model") or first_of(record, "model_group", "model"),
            "input_tokens": first_of(record, "prompt_tokens"),
            "output_tokens": first_of(record, "completion_tokens"),
            "client_address": first_of(record, "requester_ip_address") or first_of(metadata, "requester_ip_address"),
            "user_agent": first_of(metadata, "user_agent") or _agent(record.get("request_tags")),
            "status": _status(record, metadata),
        },
    )


def _account(record: Record, metadata: Mapping[str, Any]) -> Any:
    user = first_of(record, "user") or first_of(metadata, "user_api_key_user_id")
    key = first_of(record, "api_key") or first_of(metadata, "user_api_key")
    end_user = first_of(record, "end_user")
    if user in _SHARED_USERS or key in _SHARED_KEYS:
        return end_user or user or key
    return user or account_name(key) or end_user


def _agent(tags: Any) -> str | None:
    tags = as_json(tags)
    found = (
        [tag for tag in tags if isinstance(tag, str) and tag.startswith(_AGENT_TAG)] if isinstance(tags, list) else []
    )
    return max(found, key=len).removeprefix(_AGENT_TAG) if found else None  # The proxy adds a short form beside it.


def _status(record: Record, metadata: Mapping[str, Any]) -> int | None:
    error = as_object(metadata.get("error_information"))
    failed = "failure" in (record.get("status"), metadata.get("status"))
    if failed:
        return http_status(error.get("error_code"))
    return 200 if record.get("status") == "success" else http_status(record.get("status"))


LITELLM = Format(
    name="litellm",
    title="LiteLLM spend logs",
    source="BerriAI/litellm schema.prisma, model LiteLLM_SpendLogs",
    fields={
        "exchange_id": "request_id",
        "timestamp": "startTime",
        "account_id": "user, else api_key (hashed), else end_user",
        "conversation_id": "session_id",
        "turn": "user messages before the last",
        "request_model": "proxy_server_request.model, else model_group, else model",
        "system_instructions": "messages of role system in proxy_server_request",
        "prompt": "last user message of proxy_server_request or messages",
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "temperature": "proxy_server_request.temperature",
        "max_tokens": "proxy_server_request.max_tokens",
        "choice_count": "proxy_server_request.n",
        "reasoning": "proxy_server_request.reasoning_effort or thinking",
        "client_address": "requester_ip_address",
        "user_agent": "request_tags (User-Agent: …)",
        "status": "status, metadata.error_information.error_code",
    },
    recognises=_recognises,
    exchanges=_exchanges,
    naive_is_utc=True,
)
