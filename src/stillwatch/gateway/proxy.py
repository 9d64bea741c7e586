"""The reverse proxy: an RSGI application before any OpenAI- or Anthropic-compatible server.

Source: RSGI specification 1.6, granian; RFC 9110 and RFC 9112.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from stillwatch.gateway import problems
from stillwatch.gateway.answers import Answer, UncheckedError
from stillwatch.gateway.facts import endpoint_of
from stillwatch.gateway.proxy_client_socket import Pace, StalledError, break_off
from stillwatch.gateway.proxy_head import flaw_of, target, to_client, to_server
from stillwatch.gateway.proxy_upstream import Upstream, UpstreamSettings
from stillwatch.gateway.proxy_upstream_connection import UnreachableError, UpstreamConnection
from stillwatch.gateway.wall import ANSWER_BYTES_MAX, Admission, Wall
from stillwatch.response.command import Refusal

logger = logging.getLogger("stillwatch.gateway")

CLIENT_LEFT = 499  # As nginx logs it.
_UNKNOWN = (None, None)
_WATCH_AFTER_S = 0.1
_SAVE_EVERY_TICKS = 10
_NO_BOUND = 1 << 62


def now_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


def _give_up(task: asyncio.Task[Any] | None, late: list[bool]) -> None:
    """End a wait: ``asyncio.timeout`` for a tenth of its cost, as every request pays it."""
    late.append(True)
    if task is not None:
        task.cancel()


class BodyError(Exception):
    """A request's body that cannot be taken."""

    def __init__(self, refusal: Refusal) -> None:
        """Keep what to answer."""
        super().__init__(refusal.title)
        self.refusal = refusal


class Proxy:
    """The application of one worker process.

    Args:
        upstream: Where the model server is.
        opens: Opens the wall, in the worker.
        body_bytes_max: Longest request to a model.
        body_s: Longest time that a request may take to arrive.
        stalled_s: Longest time that a client may take none of its answer.
    """

    def __init__(
        self,
        upstream: UpstreamSettings,
        opens: Callable[[], Wall],
        body_bytes_max: int = 32 << 20,
        body_s: float = 60.0,
        stalled_s: float = 120.0,
    ) -> None:
        """Keep the settings; nothing is opened before the worker's event loop runs."""
        self._upstream_settings = upstream
        self._opens = opens
        self._body_bytes_max = body_bytes_max
        self._body_s = body_s
        self._stalled_s = stalled_s
        self._ticking: asyncio.Task[None] | None = None
        self._upstream: Upstream
        self._wall: Wall

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the wall and the pool, before the first request."""
        loop.run_until_complete(self.open())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what is left, after the last request."""
        loop.run_until_complete(self.close())

    async def open(self) -> None:
        """Begin."""
        self._wall = self._opens()
        self._upstream = Upstream(self._upstream_settings)
        self._ticking = asyncio.ensure_future(self._tick())

    async def close(self) -> None:
        """End: requests under way are over when the server calls this."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        await self._upstream.close()
        await asyncio.to_thread(self._wall.close, now_us())

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(1.0)
            ticks += 1
            try:
                self._wall.tick(now_us())
                if ticks % _SAVE_EVERY_TICKS == 0:
                    await asyncio.to_thread(self._wall.save, now_us())
            except Exception:  # Upkeep that fails must not end, nor hurt a request.
                logger.exception("upkeep failed")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            return
        self._wall.metrics.began()
        try:
            await self._answer(scope, protocol)
        except Exception:
            logger.exception("a request failed")
            _refuse(protocol, problems.problem(500, "failed", "Internal error", "The request could not be served."))
        finally:
            self._wall.metrics.ended()

    async def _answer(self, scope: Any, protocol: Any) -> None:
        headers = scope.headers.items()
        held = dict(headers)
        flaw = flaw_of(scope.http_version, scope.method, scope.path, headers)
        if flaw is None and len(held) < len(headers) and self._wall.callers.ambiguous(headers):
            flaw = problems.MALFORMED
        if flaw is not None:
            _refuse(protocol, flaw, close=True)
            return
        body: bytes | AsyncIterator[bytes] | None = b""
        endpoint = endpoint_of(scope.method, scope.path)
        streams = not endpoint
        try:
            if not streams:
                body = await self._body(held, protocol)
        except BodyError as error:
            _refuse(protocol, error.refusal, close=True)
            return
        peer = scope.client.rpartition(":")[0].strip("[]")
        asked = body if isinstance(body, bytes) else b""
        admission = await self._wall.admit(endpoint, held, peer, asked, now_us())
        command = admission.command
        if command.refusal is not None:
            self._wall.finish(admission, command.refusal.status, _UNKNOWN, now_us())
            _refuse(protocol, command.refusal, command.headers)
            return
        exchange = _Exchange(self._wall, self._upstream, admission, scope, protocol, self._stalled_s)
        if streams:
            body = (
                self._pieces(protocol, _NO_BOUND) if "content-length" in held or "transfer-encoding" in held else None
            )
            if held.get("content-length") == "0":
                body = b""
        else:
            body = self._wall.request_body(admission, asked)
        known = held.get("x-forwarded-for", "") if admission.caller.trusted else ""
        listed, forwarded = held.get("connection", ""), f"{known}, {peer}" if known else peer
        left = admission.left_behind
        sent = to_server(
            self._wall.request_headers(admission, headers), left, listed, admission.reads_answer, forwarded
        )
        if streams and body and "content-length" in held:
            sent.append(("content-length", held["content-length"]))
        await exchange.run(sent, body)

    async def _body(self, held: dict[str, str], protocol: Any) -> bytes:
        """Return a whole request body.

        Raises:
            BodyError: If it is too long, encoded, or does not arrive whole and in time.
        """
        if held.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise BodyError(problems.ENCODED)
        stated = held.get("content-length")
        if stated is not None and int(stated) > self._body_bytes_max:
            raise BodyError(problems.TOO_LARGE)
        task, late = asyncio.current_task(), list[bool]()
        timer = asyncio.get_running_loop().call_later(self._body_s, _give_up, task, late)
        try:
            if stated is not None:  # Bounded, and the server itself sees to it that it is whole.
                return bytes(await protocol()) if stated != "0" else b""
            return b"".join([piece async for piece in self._pieces(protocol, self._body_bytes_max)])
        except asyncio.CancelledError:
            if not late or task is None or task.uncancel():
                raise
            raise BodyError(problems.TOO_SLOW) from None
        except RuntimeError:  # What granian raises for a connection or a coding that broke.
            raise BodyError(problems.MALFORMED) from None
        finally:
            timer.cancel()

    async def _pieces(self, protocol: Any, bytes_max: int) -> AsyncIterator[bytes]:
        """Yield a request body as it arrives.

        Raises:
            BodyError: If it gets too long, stands still, or breaks off: granian tells that by a second empty piece.
        """
        length, empty, pieces = 0, 0, aiter(protocol)
        while True:
            refusal: Refusal | None = None
            try:
                async with asyncio.timeout(self._body_s):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                refusal = problems.MALFORMED if empty > 1 else None
                if refusal is None:
                    return
            except TimeoutError:
                refusal = problems.TOO_SLOW
            else:
                length += len(piece)
                empty += not piece
                if length > bytes_max:
                    refusal = problems.TOO_LARGE
            if refusal is not None:
                raise BodyError(refusal)
            if piece:
                yield bytes(piece)


class _Exchange:
    """One admitted request on its way to the model server, and the answer on its way back."""

    def __init__(
        self, wall: Wall, upstream: Upstream, admission: Admission, scope: Any, protocol: Any, stalled_s: float
    ) -> None:
        self._wall = wall
        self._upstream = upstream
        self._admission = admission
        self._scope = scope
        self._protocol = protocol
        self._stalled_s = stalled_s
        self._left = False  # The client has.
        self._begun = False  # The answer has.
        self._answer: Answer | None = None
        self._status = CLIENT_LEFT

    async def run(self, headers: list[tuple[str, str]], body: Any) -> None:
        """Fetch the answer and hand it on; whatever happens, the exchange is accounted for once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        watch: list[asyncio.Future[Any]] = []
        timer = loop.call_later(_WATCH_AFTER_S, lambda: watch.append(asyncio.ensure_future(self._watch(task))))
        failure: tuple[str, Refusal] | None = None
        try:
            await self._fetch(headers, body)
        except asyncio.CancelledError:
            if not self._left:
                raise
            if task is not None:
                task.uncancel()
        except BodyError as error:
            failure = ("", error.refusal)
        except UncheckedError as error:
            logger.error("an answer cannot be checked", extra={"reason": str(error)})
            failure = ("unchecked", problems.UNCHECKED)
        except StalledError:
            self._status = CLIENT_LEFT
            break_off(self._scope.client)
        except TimeoutError:
            failure = ("silent", problems.SILENT)
        except UnreachableError:
            failure = ("unreachable", problems.UNREACHABLE)
        except (ConnectionError, ValueError):
            failure = ("broken", problems.BROKEN)
        except RuntimeError:  # granian: the client's connection is gone.
            self._left = True
        finally:
            timer.cancel()
            for each in watch:
                each.cancel()
            self._account(failure)

    async def _watch(self, task: asyncio.Task[Any] | None) -> None:
        """Stop everything when the client leaves: a model need not write what nobody reads."""
        await self._protocol.client_disconnect()
        if task is not None and not task.done():
            self._left = True
            task.cancel()

    def _account(self, failure: tuple[str, Refusal] | None) -> None:
        metrics = self._wall.metrics
        status = CLIENT_LEFT if self._left else self._status
        if self._left:
            metrics.count(metrics.disconnects)
        if failure is not None:
            kind, refusal = failure
            status = refusal.status
            if kind:
                metrics.count(metrics.upstream_failures, kind)
            if self._begun:
                break_off(self._scope.client)
            else:
                _refuse(self._protocol, refusal, self._admission.command.headers, close=not kind)
        tokens = self._answer.tokens() if self._answer is not None else _UNKNOWN
        self._wall.finish(self._admission, status, tokens, now_us())

    async def _fetch(self, headers: list[tuple[str, str]], body: Any) -> None:
        scope, wall = self._scope, self._wall
        asked = target(self._upstream.path, scope.path, scope.query_string)
        began = time.perf_counter()
        response = await self._upstream.ask(scope.method, asked, headers, body)
        wall.metrics.upstream_s.observe(time.perf_counter() - began)
        try:
            await self._pass_on(response)
        finally:
            self._upstream.release(response)

    async def _pass_on(self, response: UpstreamConnection) -> None:
        held = dict(response.headers)
        kind, encoding = held.get("content-type", b""), held.get("content-encoding", b"")
        answer = self._admission.answer(kind.decode("latin-1"), encoding.decode("latin-1"))
        self._answer, status = answer, response.status
        bodiless = self._scope.method == "HEAD" or status in (204, 304)
        left = {"content-length"} if answer.changes or (answer.whole and not bodiless) else set()
        if answer.decodes:
            left.add("content-encoding")
        if answer.changes:
            left |= {"etag", "content-md5", "digest", "content-digest", "accept-ranges"}
        added = self._admission.command.headers
        fields = to_client(response.headers, added, frozenset(left))
        if bodiless or (answer.whole and status != 206):
            body = b"" if bodiless else answer.body(await _whole(response))
            self._begun, self._status = True, status
            if bodiless:
                self._protocol.response_empty(status, fields)
            else:
                self._protocol.response_bytes(status, fields, body)
            return
        transport = self._protocol.response_stream(status, fields)
        self._begun, self._status = True, status
        pace = Pace(self._scope.client, patience_s=self._stalled_s)
        try:
            while chunk := await response.read():
                if out := answer.feed(chunk):
                    await transport.send_bytes(out)
                    if pace.ahead(out):
                        await pace.caught_up()
            if out := answer.finish():
                await transport.send_bytes(out)
        finally:
            pace.close()


async def _whole(response: UpstreamConnection) -> bytes:
    """Return a whole answer.

    Raises:
        UncheckedError: If it is longer than may be held.
        BrokenError: If it breaks off.
    """
    pieces, length = [], 0
    while chunk := await response.read():
        pieces.append(chunk)
        length += len(chunk)
        if length > ANSWER_BYTES_MAX:
            raise UncheckedError("too long")
    return b"".join(pieces)


def _refuse(protocol: Any, refusal: Refusal, headers: tuple[tuple[str, str], ...] = (), *, close: bool = False) -> None:
    """Answer with a refusal.

    Args:
        protocol: Of the request.
        refusal: What to say.
        headers: Further fields.
        close: Whether the connection must not be used again, as what is left on it cannot be told apart.
    """
    status, fields, body = problems.rendered(refusal, headers)
    protocol.response_bytes(status, [*fields, ("connection", "close")] if close else fields, body)
