"""The proxy under clients and model servers that break HTTP, stop in the middle, or never come to an end."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import closing
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOST = b"Host: x\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


def until(holds: Any, most_s: float = 15.0) -> None:
    end = time.monotonic() + most_s
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)


# Clients: what two servers could read in two ways.

INNER = b"GET /smuggled HTTP/1.1\r\nHost: y\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        CHAT + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\n" + b"{}  " + INNER,
        CHAT + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + INNER,
        CHAT + b"Content-Length: +4\r\n\r\n{}  " + INNER,
        CHAT + b"Content-Length: 0x4\r\n\r\n{}  " + INNER,
        CHAT + b"X: a\r\n Content-Length: 4\r\n\r\n" + INNER,
        CHAT + b"Content-Length: 4\nContent-Length: 9\r\n\r\n{}  " + INNER,
        CHAT + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n{}\r\n0\r\n\r\n" + INNER,
        CHAT + b"Transfer-Encoding: chunked\r\n\r\n2;x=\r\n{}0\r\n\r\n" + INNER,
    ],
)
def test_an_ambiguous_request_smuggles_nothing(
    enforcing: Any, model_server: Any, wall_tools: Any, request_bytes: bytes
) -> None:
    before = len(model_server.seen)
    answer = wall_tools.raw(enforcing.port, request_bytes, 1.0)
    assert statuses(answer)[:1] in ([400], [200], [502]), answer[:200]
    reached = model_server.seen[before:]
    # Refused outright; or read as one request whose rest was not taken for another, as the connection was closed.
    assert not any("/smuggled" in seen.line for seen in reached), [seen.line for seen in reached]
    assert all(seen.header("transfer-encoding") is None or seen.header("content-length") is None for seen in reached)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/%0d%0aX:1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/%00 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/%ff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/../admin HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/%2e%2e/admin HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/models HTTP/1.1\r\n" + HOST + b"X: a\rInjected: 1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\n" + HOST + b"X\x00: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        CHAT + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /v1/models HTTP/9.9\r\n" + HOST + b"\r\n",
        CHAT + b"Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\nabcde",
    ],
)
def test_what_cannot_be_passed_on_safely_is_refused(
    enforcing: Any, model_server: Any, wall_tools: Any, request_bytes: bytes
) -> None:
    before = len(model_server.seen)
    answer = wall_tools.raw(enforcing.port, request_bytes, 1.0)
    assert statuses(answer)[:1] in ([400], [415], [505], []), answer[:200]
    assert len(model_server.seen) == before


@pytest.mark.parametrize("path", ["/v1/chat//completions", "/V1/Chat/Completions/", "/v1/chat%2fcompletions"])
def test_odd_spellings_of_a_path_are_no_way_around(enforcing: Any, wall_tools: Any, path: str) -> None:
    assert b"INNER-VOICE" not in wall_tools.post(enforcing.port, path, key="sk-hide").body


def test_too_much_header_is_refused(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    before = len(model_server.seen)
    long = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n"
    many = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: 1\r\n" % k for k in range(300)) + b"\r\n"
    endless = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 1_000_000
    for request_bytes in (long, many, endless):
        assert statuses(wall_tools.raw(enforcing.port, request_bytes, 2.0))[:1] in ([431], [414], [])
    assert len(model_server.seen) == before


def test_too_long_a_body_is_refused_stated_or_not(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    before = len(model_server.seen)
    stated = CHAT + b"Content-Length: 99999999999\r\n\r\n{}"
    assert statuses(wall_tools.raw(enforcing.port, stated, 2.0)) == [413]
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    unstated = CHAT + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 40
    assert statuses(wall_tools.raw(enforcing.port, unstated, 2.0))[:1] in ([413], [])
    assert wall_tools.post(enforcing.port, body=b" " * (2 << 20)).status == 413
    assert len(model_server.seen) == before


def test_a_body_that_never_comes_is_given_up(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    before = len(model_server.seen)
    for framing in (b"Content-Length: 10\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        assert statuses(wall_tools.raw(enforcing.port, CHAT + framing, 6.0)) == [408]
    assert len(model_server.seen) == before


def test_an_upload_that_stands_still_is_given_up(enforcing: Any, wall_tools: Any) -> None:
    for framing in (b"Content-Length: 10\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        answer = wall_tools.raw(enforcing.port, b"POST /v1/files HTTP/1.1\r\n" + HOST + framing, 6.0)
        assert statuses(answer) == [408], answer[:100]


def test_a_body_that_breaks_off_never_reaches_the_model(enforcing: Any, model_server: Any) -> None:
    before = len(model_server.seen)
    for framing in (b"Content-Length: 10\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"):
        with closing(socket.create_connection(("127.0.0.1", enforcing.port))) as connection:
            connection.sendall(CHAT + framing)
    time.sleep(0.5)
    assert len(model_server.seen) == before


def test_connections_are_kept_and_pipelined_requests_answered_in_order(
    enforcing: Any, model_server: Any, wall_tools: Any
) -> None:
    one = CHAT + b"Content-Length: 2\r\n\r\n{}"
    chunked = CHAT + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    answer = wall_tools.raw(enforcing.port, one + chunked + one.replace(b"chat/completions", b"echo"), 1.0)
    assert statuses(answer) == [200, 200, 200]
    assert [seen.body for seen in model_server.seen[-3:]] == [b"{}", b"{}", b"{}"]


def test_answers_keep_their_fields_but_those_of_the_hop(enforcing: Any, wall_tools: Any) -> None:
    reply = wall_tools.post(enforcing.port, test="odd-head")
    assert [value for name, value in reply.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert reply.header("x-hop") is None
    names = [name for name, _ in reply.headers]
    assert names.count("date") == 1 and names.count("content-length") == 1
    head = wall_tools.post(enforcing.port, "/v1/models", method="HEAD", body=None)
    assert (head.status, head.header("content-length"), head.body) == (200, "7", b"")


def test_other_paths_go_through_with_their_bodies_in_pieces(enforcing: Any, model_server: Any, wall_tools: Any) -> None:
    upload = bytes(range(256)) * 20_000  # Longer than a request to a model may be.
    reply = wall_tools.post(enforcing.port, "/v1/files?purpose=a%20b&x=1", body=upload)
    assert reply.status == 200
    seen = model_server.seen[-1]
    assert seen.body == upload and seen.line == "POST /v1/files?purpose=a%20b&x=1 HTTP/1.1"
    wall_tools.raw(
        enforcing.port,
        b"PUT /v1/files HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        0.7,
    )
    assert model_server.seen[-1].body == b"abc"


# Model servers.


@pytest.mark.parametrize(
    ("test", "status", "kind"),
    [
        ("reset", 502, "upstream-broken"),
        ("half-json", 502, "upstream-broken"),
        ("nonsense", 502, "upstream-broken"),
        ("silent", 504, "upstream-silent"),
    ],
)
def test_a_failing_model_server_gives_a_problem(
    enforcing: Any, wall_tools: Any, test: str, status: int, kind: str
) -> None:
    reply = wall_tools.post(enforcing.port, test=test)
    assert reply.status == status and reply.header("content-type") == "application/problem+json"
    assert reply.json()["type"].endswith(kind) and reply.json()["error"]["message"]


def test_a_model_server_that_is_away_gives_502(wall_tools: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    gateway = wall_tools.start_gateway(tmp_path_factory.mktemp("away"), wall_tools.free_port())
    try:
        reply = wall_tools.post(gateway.port)
        assert reply.status == 502 and reply.json()["type"].endswith("upstream-unreachable")
        assert wall_tools.post(gateway.port, "/v1/models", method="GET", body=None).status == 502
    finally:
        assert gateway.stop() == 0


def test_an_error_of_the_model_server_goes_through_as_it_is(enforcing: Any, wall_tools: Any) -> None:
    reply = wall_tools.post(enforcing.port, test="error")
    assert (reply.status, reply.json(), reply.header("retry-after")) == (500, {"error": {"message": "no"}}, "3")


@pytest.mark.parametrize("test", ["half-sse", "half-file"])
@pytest.mark.parametrize("key", ["sk-none", "sk-hide"])
def test_half_an_answer_is_seen_to_be_half(enforcing: Any, wall_tools: Any, test: str, key: str) -> None:
    reply = wall_tools.post(enforcing.port, test=test, key=key)
    assert reply.status in (0, 200) and not reply.whole  # 0: cut before even the header was on its way.


@pytest.mark.parametrize("test", ["silent", "drip"])
def test_a_client_that_leaves_stops_the_model(enforcing: Any, model_server: Any, test: str) -> None:
    before = len(model_server.left)
    with closing(socket.create_connection(("127.0.0.1", enforcing.port))) as connection:
        connection.sendall(CHAT + b"Content-Length: 2\r\nx-test: " + test.encode() + b"\r\n\r\n{}")
        time.sleep(0.4)
    until(lambda: len(model_server.left) > before, 1.0 + 0.4)  # Well before the proxy would give the server up.


def test_a_client_that_does_not_read_holds_the_model_server_back_and_is_cut_off(
    enforcing: Any, model_server: Any
) -> None:
    model_server.sent = 0
    before = len(model_server.left)
    with closing(socket.create_connection(("127.0.0.1", enforcing.port))) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(CHAT + b"Content-Length: 2\r\nx-test: endless\r\n\r\n{}")
        until(lambda: model_server.sent > 0)
        time.sleep(1.0)
        held = model_server.sent
        time.sleep(0.5)
        # Buffers of three kernels' sockets, of the client library and of the queue; not hundreds of megabytes a second.
        assert held < 24 << 20 and model_server.sent - held < 1 << 20
        until(lambda: len(model_server.left) > before, 15.0)


def test_a_slow_client_gets_everything(enforcing: Any) -> None:
    with closing(socket.create_connection(("127.0.0.1", enforcing.port))) as connection:
        connection.sendall(CHAT + b"Content-Length: 2\r\nx-test: endless\r\n\r\n{}")
        got = 0
        connection.settimeout(10)
        while got < 8 << 20:
            got += len(connection.recv(65_536))
            if got % 7 == 0:
                time.sleep(0.005)
    assert got >= 8 << 20


def test_slow_events_arrive_one_by_one(enforcing: Any, wall_tools: Any) -> None:
    with closing(socket.create_connection(("127.0.0.1", enforcing.port))) as connection:
        connection.sendall(CHAT + b"Content-Length: 2\r\nx-test: slow-sse\r\n\r\n{}")
        connection.settimeout(10)
        pieces = []
        while not pieces or not pieces[-1].endswith(b"0\r\n\r\n"):
            pieces.append(connection.recv(65_536))
    assert len(pieces) >= len(wall_tools.EVENTS)


# Anything.

TARGETS = st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions", "/x", "/", "*"])
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW", "get"])
FIELD_NAMES = [
    "Content-Type",
    "Authorization",
    "X-Api-Key",
    "Accept",
    "Connection",
    "Expect",
    "TE",
    "Upgrade",
    "Cookie",
    "X-Forwarded-For",
    "Content-Encoding",
    "X-Stillwatch-Mark",
    "User-Agent",
    "Transfer-Encoding",
    "Trailer",
    "Host",
    "Content-Length",
    "Range",
]
FIELD_VALUES = [b"close", b"keep-alive, x-api-key", b"application/json", b"100-continue", b"h2c", b"gzip", b"7"]
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(FIELD_NAMES) | st.text("abcXYZ-_", min_size=1, max_size=8),
        st.binary(max_size=30).map(lambda value: re.sub(rb"[\r\n\0]", b"", value)) | st.sampled_from(FIELD_VALUES),
    ),
    max_size=6,
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    (
        "model",
        "messages",
        "input",
        "prompt",
        "system",
        "stream",
        "n",
        "max_tokens",
        "temperature",
        "reasoning",
        "thinking",
        "role",
        "content",
        "type",
        "text",
        "logprobs",
        "include",
        "vllm_xargs",
        "watermarking",
        "usage",
        "metadata",
        "tools",
        "user",
    )
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=15
).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(METHODS, TARGETS, FIELDS, BODIES, st.sampled_from([b"sk-none", b"sk-hide", b"sk-mark"]), st.booleans())
def test_no_request_ends_in_500_or_a_crash(
    enforcing: Any, wall_tools: Any, method: str, target: str, fields: Any, body: bytes, key: bytes, chunked: bool
) -> None:
    framing = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    if chunked:
        pieces = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        framing = b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    head = b"%b %b HTTP/1.1\r\nHost: x\r\nx-test: sse\r\nConnection: close\r\nAuthorization: Bearer %b\r\n" % (
        method.encode(),
        target.encode(),
        key,
    )
    more = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields)
    answer = wall_tools.raw(enforcing.port, head + more + framing, 4.0)
    assert 500 not in statuses(answer), answer[:300]
    assert enforcing.process.poll() is None
    if key != b"sk-none" and statuses(answer) == [200]:
        assert b"INNER-VOICE" not in answer


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30), st.text("ab=&%20?/", max_size=12))
def test_any_path_reaches_the_model_server_as_one_line_or_not_at_all(
    enforcing: Any, model_server: Any, wall_tools: Any, path: str, query: str
) -> None:
    from urllib.parse import quote

    before = len(model_server.seen)
    target = f"/{quote(path, safe='')}?{query}".encode()
    answer = wall_tools.raw(
        enforcing.port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 4.0
    )
    reached = model_server.seen[before:]
    assert statuses(answer) == ([200] if reached else [400]), answer[:200]
    for seen in reached:
        method, got, version = seen.line.split(" ")
        assert (method, version) == ("GET", "HTTP/1.1")
        assert unquote(got.partition("?")[0]) == "/" + path


def test_the_log_of_all_this_holds_no_text_and_no_key(enforcing: Any) -> None:
    assert "SECRET-PROMPT" not in enforcing.said and "sk-" not in enforcing.said
    for line in enforcing.said.splitlines():
        assert json.loads(line)["message"] not in ("a request failed", "upkeep failed"), line
