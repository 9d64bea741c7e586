"""The decision service at its socket: what is unreadable, too long, too slow or cut off ends in no 500 and no crash."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from stillwatch.gateway.doors.rsgi import Answer, Application, Question


@pytest.fixture(scope="module")
def listens(tmp_path_factory: pytest.TempPathFactory, decision_service: Any, ladder: Any) -> int:
    address: str = decision_service(*ladder(tmp_path_factory.mktemp("doors")))
    return int(address.rpartition(":")[2])


def sent(port: int, data: bytes, wait_s: float = 20.0) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
        connection.sendall(data)
        connection.settimeout(wait_s)
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
                if b'"up"' in got:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return got


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n{}{}",
        b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /decide HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"GET /nginx HTTP/1.1\r\nHost: x\r\nX-Stillwatch-Account: a\r\n b\r\n\r\n",
        b"GET /nginx HTTP/1.1\r\nHost: x\r\nX-Stillwatch-Account: a\x00b\r\n\r\n",
        b"GET /nginx HTTP/1.1\r\nHost : x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /nginx HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % k for k in range(2000)) + b"\r\n",
    ],
    ids=["both lengths", "two lengths", "no length", "no chunk", "folded", "nul", "space", "tls", "path", "fields"],
)
def test_what_cannot_be_read_is_refused_and_smuggles_nothing(listens: int, head: bytes) -> None:
    got = sent(listens, head + HEALTH)
    # Nothing, or 400 and its kin; never a 500, and never an answer to what stood behind it as if it were a request.
    statuses = [int(line[9:12]) for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert all(400 <= status < 500 for status in statuses[:1]), got
    assert b'"up"' in sent(listens, HEALTH)


def test_a_field_cannot_be_made_to_end_a_line(listens: int) -> None:
    account = b"X-Stillwatch-Account: unverified%0d%0aX-Evil: 1\r\n"
    got = sent(listens, b"GET /nginx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + account + b"\r\n")
    assert got.startswith(b"HTTP/1.1 204") and b"\r\nx-evil" not in got.lower()


def test_a_header_that_does_not_end_is_given_up(listens: int) -> None:
    begun = time.monotonic()
    assert b" 200 " not in sent(listens, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", wait_s=60.0)
    assert time.monotonic() - begun < 59  # It was the service that ended it.


class Held:
    """A request whose body stands still."""

    def __init__(self) -> None:
        self.status = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert ("content-type", "application/problem+json") in headers and body
        self.status = status


class Never:
    body_bytes_max = 100

    async def answer(self, question: Question) -> Answer:
        raise AssertionError(question)


def test_a_body_that_stands_still_is_given_up() -> None:
    fields = {"transfer-encoding": "chunked"}
    scope: Any = SimpleNamespace(proto="http", method="POST", path="/decide", query_string="", headers=fields)
    exchange: Any = Held()
    asyncio.run(Application(Never(), body_s=0.05).__rsgi__(scope, exchange))
    assert exchange.status == 408
