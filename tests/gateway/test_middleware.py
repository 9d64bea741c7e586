"""The middleware around small ASGI applications; vLLM itself needs a GPU and is not run here."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from stillwatch.gateway.metrics import Metrics
from stillwatch.gateway.middleware import StillwatchMiddleware
from stillwatch.gateway.settings import SettingsError, WallSettings
from stillwatch.gateway.wall import Wall, open_wall
from stillwatch.response.ladder import Rung

Pieces = list[bytes]


@dataclass
class Model:
    """A model server as an ASGI application."""

    pieces: Pieces
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    seen: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    error: Exception | None = None
    swallows: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            self.seen.append((scope, b""))
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append((scope, body))
        head = [(b"Content-Type", self.content_type), (b"Content-Length", b"%d" % len(b"".join(self.pieces)))]
        await send({"type": "http.response.start", "status": 200, "headers": [*head, *self.headers]})
        try:
            for piece in self.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if self.error:
                raise self.error
            await send({"type": "http.response.body", "body": b""})
        except RuntimeError:
            if not self.swallows:
                raise


@dataclass
class Got:
    status: int
    headers: list[tuple[bytes, bytes]]
    bodies: list[bytes]
    ended: bool

    @property
    def body(self) -> bytes:
        return b"".join(self.bodies)

    def header(self, name: bytes) -> bytes | None:
        return next((value for held, value in self.headers if held.lower() == name), None)


async def ask(
    app: Callable[..., Awaitable[None]], key: str, pieces: Pieces, path: str, more: list[tuple[bytes, bytes]]
) -> Got:
    sent: list[Any] = []
    waiting = [
        {"type": "http.request", "body": piece, "more_body": k < len(pieces) - 1} for k, piece in enumerate(pieces)
    ]

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer " + key.encode()), (b"content-length", b"%d" % len(b"".join(pieces))), *more]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("192.0.2.9", 1)}
    await app(scope, receive, send)
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) <= 1
    bodies = [message for message in sent if message["type"] == "http.response.body"]
    ended = bool(bodies) and not bodies[-1].get("more_body", False)
    status, fields = (starts[0]["status"], starts[0]["headers"]) if starts else (0, [])
    return Got(status, fields, [message.get("body", b"") for message in bodies], ended)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, wall_tools: Any) -> WallSettings:
    folder = tmp_path_factory.mktemp("middleware")
    (folder / "key").write_bytes(wall_tools.KEY)
    (folder / "policy.yaml").write_text(wall_tools.POLICY)
    wall_tools.write_rungs(folder / "standings.bin", {f"sk-{rung.word}": rung for rung in Rung})
    return WallSettings(
        policy=str(folder / "policy.yaml"), standings=str(folder / "standings.bin"), key_file=str(folder / "key")
    )


@pytest.fixture(scope="module")
def wall(settings: WallSettings) -> Wall:
    return open_wall(settings, Metrics(CollectorRegistry()))


def run(model: Any, wall: Wall, key: str = "sk-none", body: Any = None, **given: Any) -> Got:
    data = json.dumps({"model": "m", "messages": []} if body is None else body).encode()
    pieces = given.get("pieces", [data[:7], data[7:]])
    app = StillwatchMiddleware(model, wall, given.get("bytes_max", 1 << 20))
    return asyncio.run(ask(app, key, pieces, given.get("path", "/v1/chat/completions"), given.get("headers", [])))


def test_nothing_changes_for_an_account_on_no_rung(wall: Wall, wall_tools: Any) -> None:
    whole = json.dumps(wall_tools.CHAT).encode()
    got = run(Model([whole[:9], whole[9:]]), wall)
    assert (got.status, got.body, got.ended) == (200, whole, True)
    assert got.header(b"content-length") == b"%d" % len(whole)
    streamed = run(Model(wall_tools.EVENTS, b"text/event-stream"), wall)
    assert streamed.bodies[: len(wall_tools.EVENTS)] == wall_tools.EVENTS and streamed.ended


@pytest.mark.parametrize("packed", [False, True])
def test_hide_strips_whole_and_streamed_answers(wall: Wall, wall_tools: Any, packed: bool) -> None:
    whole, events = json.dumps(wall_tools.CHAT).encode(), b"".join(wall_tools.EVENTS)
    more = [(b"Content-Encoding", b"gzip"), (b"ETag", b"x")] if packed else []
    for data, kind in ((whole, b"application/json"), (events, b"text/event-stream")):
        sent = gzip.compress(data) if packed else data
        got = run(Model([sent[:30], sent[30:]], kind, more), wall, "sk-hide")
        assert got.status == 200 and got.ended
        assert b"INNER-VOICE" not in got.body and b'"logprob"' not in got.body and b"42" in got.body
        assert got.header(b"etag") is None or not packed
        assert got.header(b"content-encoding") is None
        length = got.header(b"content-length")
        assert length is None if kind == b"text/event-stream" else length == b"%d" % len(got.body)


@given(st.lists(st.integers(0, 700), max_size=8))
def test_any_cut_of_a_stream_gives_the_same_output(wall: Wall, wall_tools: Any, cuts: list[int]) -> None:
    events = b"".join(wall_tools.EVENTS)
    places = [0, *sorted(cuts), len(events)]
    pieces = [events[a:b] for a, b in itertools.pairwise(places)]
    want = run(Model([events], b"text/event-stream"), wall, "sk-hide").body
    assert run(Model(pieces, b"text/event-stream"), wall, "sk-hide").body == want


def test_refusals_never_reach_the_application(wall: Wall) -> None:
    for key in ("sk-verify", "sk-suspend"):
        model = Model([])
        got = run(model, wall, key)
        assert got.status == 403 and got.header(b"content-type") == b"application/problem+json" and not model.seen
    assert [run(Model([b"{}"]), wall, "sk-slow").status for _ in range(3)] == [200, 200, 429]


def test_a_mark_reaches_the_application_and_a_refusal_of_it_does_not(wall: Wall) -> None:
    model = Model([b"{}"])
    run(model, wall, "sk-mark", {"model": "m", "watermarking": False}, headers=[(b"x-stillwatch-mark", b"mine")])
    scope, body = model.seen[0]
    assert json.loads(body) == {"model": "m", "vllm_xargs": {"stillwatch_mark": "cohort-7"}}
    headers = dict(scope["headers"])
    assert headers[b"x-stillwatch-mark"] == b"cohort-7" and headers[b"content-length"] == b"%d" % len(body)


def test_what_cannot_be_checked_is_refused_or_broken_off(wall: Wall) -> None:
    got = run(Model([b"xx"], headers=[(b"content-encoding", b"br")]), wall, "sk-hide")
    assert got.status == 502 and got.ended and b"xx" not in got.body
    packed = [(b"content-encoding", b"gzip")]
    assert run(Model([b"not gzip"], headers=packed), wall, "sk-hide").status == 502
    for swallows in (False, True):
        stream = Model(
            [gzip.compress(b"data: {}\n\n"), b"garbage" * 9], b"text/event-stream", packed, swallows=swallows
        )
        stream.pieces[0] = stream.pieces[0][:-8] + b"\xff" * 30
        with pytest.raises(RuntimeError):
            run(stream, wall, "sk-hide")


def test_bodies_that_are_too_long_or_break_off_never_reach_the_application(wall: Wall) -> None:
    model = Model([b"{}"])
    assert run(model, wall, bytes_max=10).status == 413
    assert run(model, wall, bytes_max=10, headers=[(b"content-length", b"3")]).status == 413
    assert run(model, wall, pieces=[]).status == 0
    assert not model.seen


def test_errors_of_the_application_are_its_own_and_are_logged(settings: WallSettings, tmp_path: Path) -> None:
    logging = WallSettings(**{**settings.as_json(), "log": str(tmp_path), "key_headers": settings.key_headers})
    wall = open_wall(logging, Metrics(CollectorRegistry()))
    with pytest.raises(KeyError):
        run(Model([b"data: {}\n\n"], b"text/event-stream", error=KeyError("x")), wall)
    run(Model([b'{"usage":{"input_tokens":3,"output_tokens":4}}']), wall, path="/v1/messages")
    run(Model([b"{}"]), wall, path="/v1/other")

    async def live() -> None:
        await StillwatchMiddleware(Model([]), wall)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    asyncio.run(live())
    table = pq.read_table(next(tmp_path.glob("exchanges-*.parquet")))
    assert table["status"].to_pylist() == [500, 200]
    assert table["output_tokens"].to_pylist() == [None, 4]
    assert table["client_address"].to_pylist() == ["192.0.2.9"] * 2


def test_websockets_go_through(wall: Wall) -> None:
    model = Model([])
    asyncio.run(StillwatchMiddleware(model, wall)({"type": "websocket"}, None, None))  # type: ignore[arg-type]
    assert model.seen[0][0]["type"] == "websocket"


def test_it_is_set_up_by_environment_variables(settings: WallSettings) -> None:
    environment = {
        "STILLWATCH_POLICY": settings.policy,
        "STILLWATCH_STANDINGS": settings.standings,
        "STILLWATCH_KEY_FILE": settings.key_file,
        "STILLWATCH_BODY_BYTES_MAX": "100",
    }
    app = StillwatchMiddleware(Model([b"{}"]), environment=environment)
    assert asyncio.run(ask(app, "sk-suspend", [b"{}"], "/v1/responses", [])).status == 403
    assert asyncio.run(ask(app, "sk-none", [b" " * 101], "/v1/responses", [])).status == 413
    assert asyncio.run(ask(app, "sk-none", [b"{}"], "/v1/responses", [])).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_TEXT", "perhaps"),
        ("LOG_ROWS", "many"),
        ("TRUSTED_PEERS", "ten"),
        ("MARK_STYLE", "x"),
        ("FACT_HEADERS", "a"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        StillwatchMiddleware(Model([]), environment={f"STILLWATCH_{name}": value})


def test_variables_fill_every_kind_of_field() -> None:
    environment = {
        "STILLWATCH_KEEP_TEXT": "yes",
        "STILLWATCH_LOG_AGE_S": "2.5",
        "STILLWATCH_TRUSTED_PEERS": "10.0.0.0/8, ::1",
        "STILLWATCH_LOG_ROWS": "7",
        "UNRELATED": "x",
    }
    got = WallSettings.of_environment(environment)
    assert (got.keep_text, got.log_age_s, got.trusted_peers, got.log_rows) == (True, 2.5, ("10.0.0.0/8", "::1"), 7)
    assert WallSettings.of_json(json.loads(json.dumps(got.as_json()))) == got
