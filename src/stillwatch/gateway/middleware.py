"""The wall within a model server: ASGI middleware, for vLLM's ``--middleware`` and anything else built on ASGI.

It decides, refuses, hides, marks and logs as the proxy does, without a hop. Settings come from the environment:
``STILLWATCH_`` and the name of a field of ``WallSettings`` in capitals, for instance ``STILLWATCH_POLICY``,
``STILLWATCH_STANDINGS``, ``STILLWATCH_LOG``, ``STILLWATCH_KEY_FILE``. Without any, nothing is enforced or kept.

Source: ASGI specification 3.0, HTTP and lifespan.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from stillwatch.gateway import problems
from stillwatch.gateway.answers import Answer, UncheckedError
from stillwatch.gateway.facts import endpoint_of
from stillwatch.gateway.metrics import Metrics
from stillwatch.gateway.settings import WallSettings
from stillwatch.gateway.wall import ANSWER_BYTES_MAX, Admission, Wall, open_wall
from stillwatch.response.command import Refusal

logger = logging.getLogger("stillwatch.gateway")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_CLIENT_LEFT = 499
_STALE = frozenset({b"content-length", b"etag", b"content-md5", b"digest", b"content-digest", b"accept-ranges"})
_TICK_US = 1_000_000


class ClientLeftError(Exception):
    """The client went away while its request was read."""


class StillwatchMiddleware:
    """Wraps an ASGI application.

    Args:
        app: The application.
        wall: A wall that is open already; else one is opened as the environment says, at the first request.
        body_bytes_max: Longest request to a model; the environment's where it is opened here.
        environment: Of settings.
    """

    def __init__(
        self,
        app: Application,
        wall: Wall | None = None,
        body_bytes_max: int = 32 << 20,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Read the settings, so that a mistake in them stops the server's start and not its first request."""
        self._app = app
        self._body_bytes_max = body_bytes_max
        self._ticked_us = 0
        if wall is None:
            settings = WallSettings.of_environment(environment)
            self._body_bytes_max = settings.body_bytes_max
            wall = open_wall(settings, _metrics())
        self._wall = wall

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request; other kinds of connection go through untouched."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Keep the log going while the application lives, and write what is left when it ends."""
        ticking = asyncio.ensure_future(self._tick())
        try:
            await self._app(scope, receive, send)
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            await asyncio.to_thread(self._wall.close, _now_us())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._upkeep()

    def _upkeep(self) -> None:
        """Do what is due; also from requests, since some servers run their middleware without a lifespan."""
        now_us = _now_us()
        if now_us - self._ticked_us >= _TICK_US:
            self._ticked_us = now_us
            try:
                self._wall.tick(now_us)
            except Exception:  # Upkeep that fails must not hurt a request.
                logger.exception("upkeep failed")

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._upkeep()
        wall = self._wall
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        held, endpoint = dict(headers), endpoint_of(scope["method"], scope["path"])
        if len(held) < len(headers) and wall.callers.ambiguous(headers):
            await _refuse(send, problems.MALFORMED, ())
            return
        body: bytes | None = None
        if endpoint:
            try:
                body = await self._body(held, receive)
            except ClientLeftError:
                return
            if body is None:
                await _refuse(send, problems.TOO_LARGE, ())
                return
        peer = scope["client"][0] if scope.get("client") else ""
        admission = await wall.admit(endpoint, held, peer, body or b"", _now_us())
        command = admission.command
        if command.refusal is not None:
            await _refuse(send, command.refusal, command.headers)
            wall.finish(admission, command.refusal.status, (None, None), _now_us())
            return
        passed = wall.request_headers(admission, headers)
        if admission.reads_answer:
            passed = [pair for pair in passed if pair[0] not in ("accept-encoding", "range", "if-range")]
        if body is not None:
            changed = wall.request_body(admission, body)
            passed = [pair for pair in passed if pair[0] not in ("content-length", "transfer-encoding")]
            passed.append(("content-length", str(len(changed))))
            receive = _given(changed, receive)
        inner = {**scope, "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in passed]}
        await _Outgoing(wall, admission, send).run(self._app, inner, receive)

    async def _body(self, held: Mapping[str, str], receive: Receive) -> bytes | None:
        """Return the whole body, or None for one that is too long.

        Raises:
            ClientLeftError: If it breaks off.
        """
        stated = held.get("content-length", "")
        if stated.isdecimal() and int(stated) > self._body_bytes_max:
            return None
        pieces, length, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientLeftError
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
            more = message.get("more_body", False)
            if length > self._body_bytes_max:
                return None
        return b"".join(pieces)


def _now_us() -> int:
    return time.time_ns() // 1000


_METRICS: list[Metrics] = []


def _metrics() -> Metrics:
    """Return the process's metrics: Prometheus registers a name once, and an application may be wrapped twice."""
    if not _METRICS:
        _METRICS.append(Metrics())
    return _METRICS[0]


def _given(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body that was read before, and then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give


async def _refuse(send: Send, refusal: Refusal, headers: tuple[tuple[str, str], ...]) -> None:
    status, fields, body = problems.rendered(refusal, headers)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


class _Outgoing:
    """One answer on its way out of the application."""

    def __init__(self, wall: Wall, admission: Admission, send: Send) -> None:
        self._wall = wall
        self._admission = admission
        self._send = send
        self._start: Message | None = None  # Held back until it is known what the body will be.
        self._answer: Answer | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._status = _CLIENT_LEFT
        self._refused = False  # The refusal was sent in the answer's place.
        self._broken = False  # Too late for a refusal.

    async def run(self, app: Application, scope: MutableMapping[str, Any], receive: Receive) -> None:
        """Let the application answer; the exchange is accounted for once, however that ends."""
        try:
            await app(scope, receive, self._out)
            if self._broken:  # The application has caught what was to end the connection.
                raise RuntimeError("an answer was broken off, as it could not be checked")
        except Exception:
            self._status = problems.UNCHECKED.status if self._refused or self._broken else 500
            raise
        finally:
            tokens = self._answer.tokens() if self._answer is not None else (None, None)
            self._wall.finish(self._admission, self._status, tokens, _now_us())

    async def _out(self, message: Message) -> None:
        if self._refused:
            return
        try:
            await self._pass(message)
        except UncheckedError as error:
            await self._unchecked(error)

    async def _unchecked(self, error: UncheckedError) -> None:
        logger.error("an answer cannot be checked", extra={"reason": str(error)})
        self._wall.metrics.count(self._wall.metrics.upstream_failures, "unchecked")
        self._status = problems.UNCHECKED.status
        if self._start is None:
            self._broken = True
            raise RuntimeError("an answer was broken off, as it could not be checked")  # The server closes it.
        self._start, self._refused = None, True
        await _refuse(self._send, problems.UNCHECKED, self._admission.command.headers)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._answer is not None:
            await self._body(self._answer, message)
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = list(message.get("headers", []))
        held = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in headers}
        self._status = message["status"]
        self._start = message
        answer = self._admission.answer(held.get(b"content-type", ""), held.get(b"content-encoding", ""))
        self._answer = answer
        stale = _STALE if answer.changes else frozenset()
        if answer.decodes:
            stale |= {b"content-encoding"}
        added = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._admission.command.headers]
        ours = stale | {name for name, _ in added}
        message["headers"] = [(name, value) for name, value in headers if bytes(name).lower() not in ours] + added
        if not answer.whole:
            self._start = None
            await self._send(message)

    async def _body(self, answer: Answer, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if not answer.whole:
            out = answer.feed(body) + (b"" if more else answer.finish())
            if out or not more:
                await self._send({"type": "http.response.body", "body": out, "more_body": more})
            return
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > ANSWER_BYTES_MAX:
            raise UncheckedError("too long")
        if more:
            return
        whole, start = answer.body(b"".join(self._held)), self._start
        if start is not None:
            if answer.changes:
                start["headers"] = [*start["headers"], (b"content-length", str(len(whole)).encode())]
            self._start = None
            await self._send(start)
        await self._send({"type": "http.response.body", "body": whole, "more_body": False})
