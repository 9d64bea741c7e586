"""The envelope that gateways put around a request and its answer: who, when, whence, tolerant of common names.

There is no standard for it. The names below are those of OpenAI's batch files (``body``, ``response.body``), of
common reverse proxies and of what teams write by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from stillwatch.exchange.formats.format import Exchange, Record, as_json, as_object, first_of, http_status
from stillwatch.exchange.formats.messages import end_user_of, known, request_columns, usage_columns

TIMES = ("timestamp", "@timestamp", "time", "ts", "created_at", "created", "start_time", "startTime", "request_time")
ACCOUNTS = (
    "account_id",
    "account",
    "customer_id",
    "user_id",
    "user",
    "api_key_id",
    "api_key_hash",
    "api_key",
    "key_id",
    "key",
    "organization_id",
    "organization",
    "org_id",
    "project_id",
)
_IDS = ("id", "request_id", "exchange_id")
_CONVERSATIONS = ("conversation_id", "session_id", "thread_id")
_ADDRESSES = ("client_address", "client_ip", "ip_address", "ip", "remote_addr", "remote_ip", "source_ip")
_AGENTS = ("user_agent", "userAgent", "user-agent")
_REQUESTS = ("request", "request_body", "requestBody", "body", "input_body")
_RESPONSES = ("response", "response_body", "responseBody", "output_body")
FIELDS: Mapping[str, str] = {
    "exchange_id": "id, request_id, else response.id",
    "timestamp": ", ".join(TIMES) + ", else response.created",
    "account_id": ", ".join(ACCOUNTS) + ", else request.safety_identifier, request.user, request.metadata.user_id",
    "conversation_id": "conversation_id, session_id, thread_id, request.conversation",
    "turn": "user messages before the last in request.messages or request.input",
    "request_model": "request.model",
    "system_instructions": "request.system, request.instructions, messages of role system and developer",
    "prompt": "last user message of request.messages or request.input; request.prompt",
    "input_tokens": "response.usage.prompt_tokens or input_tokens (and cache tokens)",
    "output_tokens": "response.usage.completion_tokens or output_tokens",
    "temperature": "request.temperature",
    "max_tokens": "request.max_completion_tokens, max_output_tokens, max_tokens",
    "choice_count": "request.n",
    "reasoning": "request.reasoning_effort, request.reasoning, request.thinking",
    "client_address": ", ".join(_ADDRESSES) + ", x-forwarded-for",
    "client_asn": "client_asn, asn",
    "client_country": "client_country, country",
    "user_agent": "user_agent, the header user-agent",
    "tls_ja4": "tls_ja4, ja4",
    "status": "status_code, status, http_status, response.status_code",
}


def request_of(record: Record) -> Mapping[str, Any]:
    """Return the request's body in a log record, or an empty object."""
    request = as_object(first_of(record, *_REQUESTS))
    body = as_object(request.get("body"))
    return body or request


def response_of(record: Record) -> Mapping[str, Any]:
    """Return the answer's body in a log record, or an empty object."""
    response = as_object(first_of(record, *_RESPONSES))
    return as_object(response.get("body")) or response


def has_request(record: Record) -> bool:
    """Tell whether a record holds a request with messages."""
    return first_of(request_of(record), "messages", "input", "prompt") is not None


def exchange_of(record: Record) -> Exchange:
    """Return the exchange in a log record of either API."""
    request, response = request_of(record), response_of(record)
    headers = _headers(record)
    forwarded = headers.get("x-forwarded-for")
    conversation = as_json(request.get("conversation"))
    conversation = conversation.get("id") if isinstance(conversation, Mapping) else conversation
    status = (record.get("status_code"), record.get("status"), record.get("http_status"))
    envelope = as_object(first_of(record, *_RESPONSES)).get("status_code")
    return known(
        request_columns(request),
        usage_columns(response.get("usage") or record.get("usage")),
        {
            "exchange_id": first_of(record, *_IDS) or response.get("id"),
            "timestamp": first_of(record, *TIMES) or first_of(response, "created", "created_at"),
            "account_id": account_name(first_of(record, *ACCOUNTS)) or end_user_of(request),
            "conversation_id": first_of(record, *_CONVERSATIONS) or conversation,
            "client_address": first_of(record, *_ADDRESSES) or (forwarded or "").partition(",")[0].strip() or None,
            "client_asn": first_of(record, "client_asn", "asn"),
            "client_country": first_of(record, "client_country", "country"),
            "user_agent": first_of(record, *_AGENTS) or headers.get("user-agent"),
            "tls_ja4": first_of(record, "tls_ja4", "ja4") or headers.get("x-ja4"),
            "status": next((code for code in map(http_status, (*status, envelope)) if code is not None), None),
        },
    )


def account_name(account: Any) -> Any:
    """Return an account's name; the id of an object; a digest where it is a secret key, which no report may show."""
    if isinstance(account, Mapping):
        account = first_of(account, "id", "account_id", "name")
    if isinstance(account, str) and account.startswith(("sk-", "Bearer ")):
        return "key-" + hashlib.sha256(account.removeprefix("Bearer ").encode()).hexdigest()[:16]
    return account


def _headers(record: Record) -> Mapping[str, str]:
    nested = as_object(first_of(record, *_REQUESTS)).get("headers")
    headers = as_object(first_of(record, "headers", "request_headers") or nested)
    return {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}
