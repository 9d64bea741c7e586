"""What a door can tell of a request: from its body, or from header fields where the gateway keeps the body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillwatch.exchange.formats.format import first_of
from stillwatch.exchange.formats.messages import reasoning_asked
from stillwatch.response.request import Request

_CHARACTERS_A_TOKEN = 4  # Of English; an estimate that the true count replaces where the door learns it.
_DEPTH_MOST = 8
FACT_HEADERS = {
    "x-stillwatch-country": "country",
    "x-stillwatch-asn": "asn",
    "x-stillwatch-plan": "plan",
    "x-stillwatch-verification": "verification",
    "x-stillwatch-owner-country": "owner_country",
    "x-stillwatch-account-age-s": "account_age_s",
    "x-stillwatch-model": "model",
}
_NUMBERS = frozenset({"asn", "account_age_s"})


def facts_of_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``Request`` that a request's parsed body fills, whichever of the large APIs it is for.

    Fields of other types than the APIs document are passed over.
    """
    temperature = body.get("temperature")
    most = first_of(body, "max_completion_tokens", "max_output_tokens", "max_tokens")
    logprobs = body.get("logprobs")  # A switch in chat completions, a number in completions.
    included = body.get("include")
    facts: dict[str, Any] = {
        "model": body["model"] if isinstance(body.get("model"), str) else "",
        "input_tokens": -(-_characters(body, _DEPTH_MOST) // _CHARACTERS_A_TOKEN),
        "stream": body.get("stream") is True,
        "wants_reasoning": reasoning_asked(body),
        "wants_logprobs": bool(logprobs)
        or bool(body.get("top_logprobs"))
        or (isinstance(included, list) and "message.output_text.logprobs" in included),
    }
    if isinstance(most, int) and not isinstance(most, bool) and most > 0:
        facts["max_output_tokens"] = most
    if isinstance(temperature, int | float) and not isinstance(temperature, bool):
        facts["temperature"] = float(temperature)
    return facts


def facts_of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of ``Request`` that a gateway passes in header fields, which it must set or remove itself.

    Args:
        headers: Names in lower case. A field that is empty or no number where one belongs is passed over.
    """
    facts: dict[str, Any] = {}
    for header, name in FACT_HEADERS.items():
        value = headers.get(header, "").strip()
        if name in _NUMBERS:
            if value.isascii() and value.isdigit() and len(value) < 16:
                facts[name] = int(value)
        elif value:
            facts[name] = value.upper() if name.endswith("country") else value
    return facts


def request_of(facts: Mapping[str, Any]) -> Request:
    """Return a request whose account and time are still to be filled in."""
    return Request(account=0, at_us=0, **facts)


def _characters(value: Any, depth: int) -> int:
    """Count the characters of a body's texts; what lies deeper than ``depth`` counts as nothing."""
    if isinstance(value, str):
        return len(value)
    if depth == 0:
        return 0
    if isinstance(value, Mapping):
        # Images and sound lie in "data" and "url" as base64, and have nothing to do with tokens of text.
        return sum(_characters(item, depth - 1) for name, item in value.items() if name in _TEXT_FIELDS)
    if isinstance(value, list):
        return sum([_characters(item, depth - 1) for item in value])
    return 0


_TEXT_FIELDS = frozenset({"messages", "input", "prompt", "system", "instructions", "content", "text", "tools"})
