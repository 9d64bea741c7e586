"""Refusals on the wire: problem documents that the clients of the large APIs can show, too."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from stillwatch.response.command import PROBLEM_JSON, Refusal

_ERROR_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"} | {
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_BASE = "urn:stillwatch:problem:"


def problem(status: int, kind: str, title: str, detail: str) -> Refusal:
    """Return a refusal of the gateway's own, which has nothing to do with the account."""
    return Refusal(status, _BASE + kind, title, detail)


def rendered(refusal: Refusal, headers: Sequence[tuple[str, str]] = ()) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, header fields and body of a refusal.

    The body is the problem document with one extension member, ``error``, where the libraries of OpenAI and Anthropic
    look for a message to show.

    Args:
        refusal: What to say.
        headers: Further fields, for instance those about rate limits.
    """
    document = orjson.loads(refusal.body())
    kind = _ERROR_KINDS.get(refusal.status, "api_error")
    document["error"] = {
        "type": kind,
        "code": refusal.type.rpartition(":")[2],
        "message": f"{refusal.title}. {refusal.detail}" + (f" {refusal.link}" if refusal.link else ""),
    }
    return refusal.status, [*refusal.headers(), *headers], orjson.dumps(document)


TOO_LARGE = problem(413, "too-large", "Request too large", "The request is longer than this service takes.")
HEADERS_TOO_LARGE = problem(
    431, "headers-too-large", "Header too large", "The header is longer than this service takes."
)
MALFORMED = problem(400, "malformed", "Malformed request", "The request cannot be read as HTTP asks for.")
ENCODED = problem(415, "encoded", "Encoded request", "Send the request without Content-Encoding.")
TOO_SLOW = problem(408, "too-slow", "Request too slow", "The request did not arrive in time.")
UNREACHABLE = problem(502, "upstream-unreachable", "Model server unreachable", "The model server cannot be reached.")
BROKEN = problem(502, "upstream-broken", "Answer broken off", "The model server broke its answer off.")
UNCHECKED = problem(502, "upstream-unchecked", "Answer unusable", "The model server's answer cannot be passed on.")
SILENT = problem(504, "upstream-silent", "Model server silent", "The model server did not answer in time.")
STOPPING = problem(503, "stopping", "Service restarting", "Try again in a moment.")

__all__ = ["PROBLEM_JSON", "problem", "rendered"]
