"""The decision service: one small HTTP service that nginx, Envoy, LiteLLM and the plug-in ask before each request.

It listens on the gateway's own host and believes what the gateway says of a request, so that nobody else may reach it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from stillwatch.gateway.doors.decisions import Decisions, command_document, question_of
from stillwatch.gateway.doors.guardrail import PATH as GUARDRAIL
from stillwatch.gateway.doors.guardrail import guarded_request, guardrail_answer
from stillwatch.gateway.doors.identity import ADDRESS_HEADER, KEY_HEADERS, header_account, spare_keys
from stillwatch.gateway.doors.openapi import PATH as DESCRIPTION
from stillwatch.gateway.doors.openapi import described
from stillwatch.gateway.doors.request_facts import facts_of_body, facts_of_headers, request_of
from stillwatch.gateway.doors.rsgi import Answer, Question, json_answer, not_allowed, problem
from stillwatch.gateway.marking import MARK_HEADER
from stillwatch.gateway.redaction import hiding_of
from stillwatch.response.command import Command, Refusal

NGINX, ENVOY, DECIDE, HEALTH = "/nginx", "/envoy", "/decide", "/healthz"
RUNG_HEADER, HIDE_HEADER = "x-stillwatch-rung", "x-stillwatch-hide"
STATUS_HEADER, PROBLEM_HEADER = "x-stillwatch-status", "x-stillwatch-problem"
RETRY_HEADER, LINK_HEADER = "x-stillwatch-retry-after", "x-stillwatch-link"
_AMBIGUOUS = Refusal(
    400, "urn:stillwatch:problem:ambiguous-key", "Ambiguous key", "Send one API key, in one field that comes once."
)
NOBODY = "nobody"  # The account of requests that have neither name nor key nor address; they share one quota.


class AuthorizationService:
    """Answers each gateway in the way that it understands.

    Args:
        decisions: Where commands come from.
        hash_one: ``Pseudonyms.hash_one``, for accounts that are known by a key or an address.
        body_bytes_max: The longest body that a gateway or LiteLLM may send along.
    """

    def __init__(
        self, decisions: Decisions, hash_one: Callable[[str, str], int], body_bytes_max: int = 32 << 20
    ) -> None:
        """Keep the parts."""
        self._decisions = decisions
        self._hash_one = hash_one
        self._body_bytes_max = body_bytes_max

    @property
    def body_bytes_max(self) -> int:
        """The longest body."""
        return self._body_bytes_max

    async def answer(self, question: Question) -> Answer:
        """Answer one request; nothing that a gateway sends raises."""
        path = question.path
        if path == NGINX:
            return nginx_answer(await self._of_headers(question))
        if path == ENVOY or path.startswith(ENVOY + "/"):
            found = await self._of_headers(question, question.headers.get("x-forwarded-for", ""))
            return envoy_answer(found, spare_keys(question.headers))
        if path in (HEALTH, DESCRIPTION):
            if question.method not in ("GET", "HEAD"):
                return not_allowed("GET", "HEAD")
            return json_answer(200, {"status": "up"}) if path == HEALTH else described("authorize")
        if path not in (DECIDE, GUARDRAIL):
            return problem(404, "Not found")
        if question.method != "POST":
            return not_allowed("POST")
        document = _object(question.body)
        if document is None:
            return problem(400, "Not a JSON object")
        if path == DECIDE:
            try:
                account_id, request = question_of(document)
            except ValueError as error:
                return problem(400, "Not a question", str(error))
            return json_answer(200, command_document(await self._decisions.decide(account_id, request)))
        asked = guarded_request(document)
        command = await self._decisions.decide(asked[0] or NOBODY, asked[1]) if asked else None
        return json_answer(200, guardrail_answer(command))

    async def _of_headers(self, question: Question, forwarded: str = "") -> Command:
        headers = question.headers
        # Gateways join what comes twice by a comma, which no key has; which of the two would the model server take?
        if not question.repeated.isdisjoint(KEY_HEADERS) or any("," in headers.get(name, "") for name in KEY_HEADERS):
            return Command(refusal=_AMBIGUOUS)
        if forwarded and ADDRESS_HEADER not in headers:  # The last address is Envoy's own word, the others are not.
            headers = {**headers, ADDRESS_HEADER: forwarded.rpartition(",")[2]}
        account_id = header_account(headers, self._hash_one) or NOBODY
        facts: dict[str, Any] = {}
        if question.body:
            facts = facts_of_body(_object(question.body) or {})
        return await self._decisions.decide(account_id, request_of({**facts, **facts_of_headers(question.headers)}))


def nginx_answer(command: Command) -> Answer:
    """Return what ``auth_request`` understands: 204, or 403 with the real refusal in header fields.

    nginx knows three outcomes only (2xx, 401, 403) and drops the body, so that status, problem document and fields
    travel in fields of their own, from which the shipped configuration makes the client's answer. How long the
    command may be kept is told by ``X-Accel-Expires``, in whole seconds, since that is what nginx reads.

    Source: nginx.org, ``ngx_http_auth_request_module`` and ``proxy_cache_valid``.
    """
    headers = [*_command_headers(command), ("x-accel-expires", str(int(command.cache_s)))]
    headers += [(name, value) for name, value in command.headers]
    refusal = command.refusal
    if refusal is None:
        return Answer(204, tuple(headers))
    headers.append((STATUS_HEADER, str(refusal.status)))
    headers.append((PROBLEM_HEADER, json.dumps(json.loads(refusal.body()), separators=(",", ":"))))  # ASCII only.
    fields = dict(refusal.headers())
    headers += [(place, fields[name]) for name, place in _CARRIED if name in fields]
    return Answer(403, tuple(headers))


_CARRIED = (("retry-after", RETRY_HEADER), ("link", LINK_HEADER))


def envoy_answer(command: Command, spare: Sequence[str] = ()) -> Answer:
    """Return what Envoy's ``ext_authz`` understands: 200, or the refusal itself, which Envoy hands to the client.

    Args:
        command: To be carried out.
        spare: Fields that Envoy is to take out of the request.

    Source: envoyproxy.io, HTTP filter ``ext_authz``, ``AuthorizationResponse`` and ``x-envoy-auth-headers-to-remove``.
    """
    refusal: Refusal | None = command.refusal
    if refusal is None:
        removed = (("x-envoy-auth-headers-to-remove", ",".join(spare)),) if spare else ()
        return Answer(200, (*_command_headers(command), *command.headers, *removed))
    return Answer(refusal.status, (*refusal.headers(), *command.headers), refusal.body())


def _command_headers(command: Command) -> tuple[tuple[str, str], ...]:
    """Return the fields for the model server; always all, so that they take the place of what a client made up."""
    hiding = hiding_of(command)
    hides = [word for word in ("reasoning", "logprobs", "answer_only") if getattr(hiding, word)]
    return (
        (RUNG_HEADER, command.rung.word),
        (HIDE_HEADER, " ".join(hides)),
        (MARK_HEADER, command.mark_key or ""),
    )


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
