"""A row of the exchange log from what LiteLLM reports of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillwatch.exchange.formats.format import as_object, first_of
from stillwatch.exchange.formats.messages import conversation_of, known, reasoning_asked
from stillwatch.gateway.doors.identity import litellm_account


def row_of_payload(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row of an answered call, by canonical column, or None for one that has no id, time or account.

    Args:
        payload: ``kwargs["standard_logging_object"]``.

    Source:
        BerriAI/litellm 1.106.2, ``litellm/types/utils.py``, StandardLoggingPayload.
    """
    metadata = as_object(payload.get("metadata"))
    settings = as_object(payload.get("model_parameters"))
    account = litellm_account(
        metadata.get("user_api_key_user_id"),
        metadata.get("user_api_key_org_id"),
        metadata.get("user_api_key_hash"),
        first_of(metadata, "user_api_key_end_user_id") or payload.get("end_user"),
    )
    # The answer's own id comes second, since not every model server takes care that its ids differ.
    name, begun_s = first_of(payload, "litellm_call_id", "id"), payload.get("startTime")
    if not name or not account or not isinstance(begun_s, int | float):
        return None
    return known(
        conversation_of(payload.get("messages")).columns(),
        {
            "exchange_id": str(name),
            "timestamp": float(begun_s),
            "account_id": account,
            # LiteLLM makes a session for every call that names none; equal to the trace, it says nothing.
            "conversation_id": payload.get("session_id")
            if payload.get("session_id") != payload.get("trace_id")
            else None,
            "request_model": first_of(payload, "model_group", "model"),
            "input_tokens": payload.get("prompt_tokens"),
            "output_tokens": payload.get("completion_tokens"),
            "temperature": settings.get("temperature"),
            "max_tokens": first_of(settings, "max_completion_tokens", "max_output_tokens", "max_tokens"),
            "choice_count": settings.get("n"),
            "reasoning": reasoning_asked(settings) if settings else None,
            "client_address": first_of(payload, "requester_ip_address") or first_of(metadata, "requester_ip_address"),
            "user_agent": first_of(payload, "user_agent") or first_of(metadata, "user_agent"),
            "status": 200,
        },
    )
