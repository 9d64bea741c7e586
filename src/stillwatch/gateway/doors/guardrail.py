"""LiteLLM's configuration-only door, its ``generic_guardrail_api``: a request's metadata come, a word goes back.

What it cannot do: it sees neither the client's address nor the sampling settings, a refusal is always status 400
without Retry-After, and reasoning cannot be taken out of answers. The plug-in can do all three.

Source: BerriAI/litellm 1.106.2, ``litellm/types/proxy/guardrails/guardrail_hooks/generic_guardrail_api.py``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stillwatch.exchange.formats.format import as_object
from stillwatch.gateway.doors.identity import litellm_account
from stillwatch.gateway.doors.request_facts import facts_of_body, request_of
from stillwatch.response.command import Command
from stillwatch.response.request import Request

PATH = "/beta/litellm_basic_guardrail_api"


def guarded_request(document: Mapping[str, Any]) -> tuple[str, Request] | None:
    """Return account and facts of what LiteLLM asks about; None for the second question, which is about the answer.

    Args:
        document: LiteLLM's ``GenericGuardrailAPIRequest``.
    """
    if document.get("input_type") != "request":
        return None
    caller = as_object(document.get("request_data"))
    names = (caller.get(f"user_api_key_{name}") for name in ("user_id", "org_id", "hash", "end_user_id"))
    body = {"model": document.get("model"), "tools": document.get("tools")}
    messages = document.get("structured_messages")
    body["messages" if messages else "text"] = messages or document.get("texts")
    return litellm_account(*names), request_of(facts_of_body(body))


def guardrail_answer(command: Command | None) -> dict[str, Any]:
    """Return LiteLLM's ``GenericGuardrailAPIResponse``: pass, or a reason that the client gets to read."""
    if command is None or command.refusal is None:
        return {"action": "NONE"}
    refusal = command.refusal
    reason = f"{refusal.title}. {refusal.detail}"
    if refusal.retry_after_s is not None:
        reason += f" Seconds to wait: {max(1, math.ceil(refusal.retry_after_s))}."
    if refusal.link is not None:
        reason += f" See {refusal.link}"
    return {"action": "BLOCKED", "blocked_reason": reason}
