"""Small HTTP services on granian: a question in, an answer out, and everything that can go wrong in between."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

from stillwatch.response.command import PROBLEM_JSON

_LOG = logging.getLogger(__name__)
JSON = "application/json"
_PAIRS_MOST = 64  # Parameters of an address.


@dataclass(frozen=True, slots=True)
class Question:
    """A request, read whole.

    Attributes:
        path: Without the query.
        headers: Names in lower case; of a name that comes twice the last value, so that what a gateway appends wins.
        repeated: Names that came more than once.
        body: At most as long as the service allows.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; names of headers in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Service(Protocol):
    """Answers questions. Needs no socket, and so no socket to test."""

    @property
    def body_bytes_max(self) -> int:
        """The longest body that it wants to see."""

    async def answer(self, question: Question) -> Answer:
        """Return the answer; what is wrong with a question is an answer too."""


def json_answer(status: int, content: Any, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer that holds JSON."""
    return Answer(status, (("content-type", JSON), *headers), orjson.dumps(content))


def problem(status: int, title: str, detail: str = "") -> Answer:
    """Return a problem document of the general type, RFC 9457."""
    content = {"type": "about:blank", "title": title, "status": status}
    if detail:
        content["detail"] = detail
    headers = (("content-type", PROBLEM_JSON), ("cache-control", "no-store"))
    return Answer(status, headers, orjson.dumps(content))


def not_allowed(*methods: str) -> Answer:
    """Return a refusal of any but these methods."""
    answer = problem(405, "Method not allowed")
    return Answer(answer.status, (*answer.headers, ("allow", ", ".join(methods))), answer.body)


class _Headers(Protocol):
    def items(self) -> Iterable[tuple[str, str]]: ...


class _Scope(Protocol):
    proto: str
    method: str
    path: str
    query_string: str
    headers: _Headers


class _Exchange(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...


class Application:
    """Lets granian run a service.

    A body that is too long is refused while it comes, before it fills memory, and one that does not come in time is
    given up. A fault of ours is a 500 without details; the log gets the traceback, which holds neither headers nor
    bodies.

    Args:
        service: Answers.
        body_s: Longest time that a request's body may take to arrive.
    """

    def __init__(self, service: Service, body_s: float = 15.0) -> None:
        """Keep both."""
        self._service = service
        self._body_s = body_s

    async def __rsgi__(self, scope: _Scope, exchange: _Exchange) -> None:
        """Answer one request."""
        if scope.proto != "http":
            return
        try:
            answer = await self._answered(scope, exchange)
        except Exception:
            _LOG.exception("a request to %s failed", type(self._service).__name__)
            answer = problem(500, "Internal error")
        headers = list(answer.headers)
        if answer.body:
            exchange.response_bytes(answer.status, headers, answer.body)
        else:
            exchange.response_empty(answer.status, headers)

    async def _answered(self, scope: _Scope, exchange: _Exchange) -> Answer:
        pairs = list(scope.headers.items())
        headers = dict(pairs)
        repeated: frozenset[str] = frozenset()
        if len(headers) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated = frozenset(name for name, count in counts.items() if count > 1)
        body = b""
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            try:
                async with asyncio.timeout(self._body_s):
                    read = await _read(exchange, self._service.body_bytes_max)
            except TimeoutError:
                return problem(408, "Request too slow")
            if read is None:
                return problem(413, "Body too long", f"at most {self._service.body_bytes_max} bytes")
            body = read
        query = {}
        if scope.query_string:
            try:
                query = dict(parse_qsl(scope.query_string, keep_blank_values=True, max_num_fields=_PAIRS_MOST))
            except ValueError:
                return problem(400, "Too many parameters")
        return await self._service.answer(Question(scope.method, scope.path, query, headers, body, repeated))


async def _read(exchange: _Exchange, bytes_max: int) -> bytes | None:
    parts, size = [], 0
    async for part in exchange:
        size += len(part)
        if size > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)
