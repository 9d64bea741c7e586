"""The client that asks the model server: where answers end, what is kept, what is sent again, and what is given up."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.proxy_upstream import Upstream, UpstreamSettings
from stillwatch.gateway.proxy_upstream_connection import BrokenError, UnreachableError, UpstreamConnection

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nhi"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Server:
    """Answers each request by the next script: bytes to write; None, at the end, closes the connection."""

    def __init__(self, *scripts: tuple[bytes | None, ...]) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                if b"transfer-encoding: chunked" in head:
                    body = await reader.readuntil(b"0\r\n\r\n")
                self.requests.append(head + body)
                for piece in self.scripts.pop(0):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def asked(server: Server, exchange: Callable[[Upstream], Awaitable[Any]], **settings: Any) -> Any:
    """Run an exchange against a server on loopback."""

    async def run() -> Any:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        upstream = Upstream(UpstreamSettings(f"http://127.0.0.1:{port}", **settings))
        try:
            async with asyncio.timeout(20):
                return await exchange(upstream)
        finally:
            await upstream.close()
            listening.close()
            await asyncio.sleep(0)

    return asyncio.run(run())


async def body_of(upstream: Upstream, method: str = "POST", body: Any = b"{}") -> tuple[int, bytes]:
    connection = await upstream.ask(method, "/v1/x?y=1", [("a", "b")], body)
    try:
        pieces = []
        while piece := await connection.read():
            pieces.append(piece)
        return connection.status, b"".join(pieces)
    finally:
        upstream.release(connection)


@pytest.mark.parametrize(
    ("script", "method", "want"),
    [
        ((WHOLE,), "POST", (200, b"hi")),
        ((CHUNKED + b"1\r\nh\r\n", b"1\r\ni\r\n0\r\nX-Trailer: 1\r\n\r\n"), "POST", (200, b"hi")),
        ((b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", WHOLE), "POST", (200, b"hi")),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), "POST", (204, b"")),
        ((b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",), "GET", (304, b"")),
    ],
)
def test_answers_end_where_they_say_and_connections_are_kept(
    script: tuple[bytes, ...], method: str, want: tuple[int, bytes]
) -> None:
    server = Server(script, script)

    async def twice(upstream: Upstream) -> list[tuple[int, bytes]]:
        return [await body_of(upstream, method) for _ in range(2)]

    assert asked(server, twice) == [want, want]
    assert server.connections == 1
    assert server.requests[0].startswith(f"{method} /v1/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:".encode())


@pytest.mark.parametrize(
    ("script", "method", "want"),
    [
        ((OK + b"\r\nhi", None), "POST", b"hi"),  # Its end is the connection's.
        ((b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",), "POST", b"hi"),
        ((OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi",), "POST", b"hi"),
        ((OK + b"Content-Length: 7\r\n\r\n",), "HEAD", b""),
        ((WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",), "POST", b"hi"),
        ((WHOLE, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), "POST", b"hi"),
    ],
)
def test_a_connection_that_cannot_be_trusted_to_be_at_a_beginning_is_not_kept(
    script: tuple[bytes | None, ...], method: str, want: bytes
) -> None:
    server = Server(script, (WHOLE,))

    async def twice(upstream: Upstream) -> list[bytes]:
        first = (await body_of(upstream, method))[1]
        await asyncio.sleep(0.1)
        return [first, (await body_of(upstream))[1]]

    assert asked(server, twice) == [want, b"hi"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "script",
    [
        (None,),
        (OK, None),
        (OK + b"Content-Length: 9\r\n\r\nhalf", None),
        (CHUNKED + b"4\r\nhalf\r\n", None),
        (b"\x00\x01 what?\r\n\r\n", None),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", None),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", None),
        (OK + b"X: " + b"x" * 200_000, None),
    ],
)
def test_what_is_no_whole_answer_is_broken_and_not_asked_for_again(script: tuple[bytes | None, ...]) -> None:
    server = Server(script)

    async def once(upstream: Upstream) -> None:
        with pytest.raises(BrokenError):
            await body_of(upstream)

    asked(server, once)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("method", "body", "again"), [("GET", None, True), ("POST", b"{}", False)])
def test_only_what_changes_nothing_is_sent_again_over_a_new_connection(method: str, body: Any, again: bool) -> None:
    server = Server((WHOLE,), (None,), (WHOLE,))

    async def twice(upstream: Upstream) -> list[Any]:
        answers: list[Any] = [await body_of(upstream, method, body)]
        try:
            answers.append(await body_of(upstream, method, body))
        except BrokenError:
            answers.append(None)
        return answers

    assert asked(server, twice) == [(200, b"hi"), (200, b"hi") if again else None]
    assert len(server.requests) == (3 if again else 2)


def test_bodies_go_in_pieces_framed_or_not() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async def both(upstream: Upstream) -> None:
        await body_of(upstream, body=pieces())
        connection = await upstream.ask("POST", "/", [("content-length", "3")], pieces())
        assert await connection.read() == b"hi"
        upstream.release(connection)
        await body_of(upstream, body=None)

    server = Server((WHOLE,), (WHOLE,), (WHOLE,))
    asked(server, both)
    chunked, plain, none = server.requests
    assert chunked.endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert plain.endswith(b"content-length: 3\r\n\r\nabc") and b"chunked" not in plain
    assert none.endswith(b"content-length: 0\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_field_that_ends_a_line_is_not_sent(value: str) -> None:
    server = Server()

    async def once(upstream: Upstream) -> None:
        with pytest.raises(ValueError, match="end of a line"):
            await upstream.ask("POST", "/", [("x", value)], b"")

    asked(server, once)
    assert server.requests == []


def test_silence_absence_and_idleness_are_bounded() -> None:
    server = Server((CHUNKED + b"1\r\nh\r\n",), (WHOLE,), (WHOLE,))

    async def wait(upstream: Upstream) -> None:
        with pytest.raises(TimeoutError):
            await body_of(upstream)
        assert await body_of(upstream) == (200, b"hi")
        await asyncio.sleep(1.0)
        assert await body_of(upstream) == (200, b"hi")

    asked(server, wait, silence_s=0.4, idle_s=0.4)
    assert server.connections == 3

    async def nobody() -> None:
        upstream = Upstream(UpstreamSettings("http://127.0.0.1:1"))
        with pytest.raises(UnreachableError):
            await upstream.ask("GET", "/", [], None)
        await upstream.close()

    asyncio.run(nobody())


def test_no_more_connections_than_allowed_and_none_is_lost() -> None:
    server = Server(*[(WHOLE,)] * 8, (None,), *[(WHOLE,)] * 3)

    async def many(upstream: Upstream) -> list[Any]:
        return await asyncio.gather(*[body_of(upstream) for _ in range(12)], return_exceptions=True)

    found = asked(server, many, connections_most=2)
    assert sum(isinstance(each, BrokenError) for each in found) == 1 and found.count((200, b"hi")) == 11
    assert server.connections <= 3


class Transport:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.paused = False
        self.ended = False

    def write(self, _: bytes) -> None: ...

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def abort(self) -> None:
        self.ended = True


def connected() -> tuple[UpstreamConnection, Transport]:
    transport = Transport()
    connection = UpstreamConnection(lambda _: None, lambda _: None)
    connection.connection_made(transport)  # type: ignore[arg-type]
    connection.send(b"", b"", chunked=False, bodiless=False)
    return connection, transport


STREAM = OK + b"A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n6;x=y\r\nllo, w\r\n4\r\norld\r\n0\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_an_answer_is_the_same_however_the_network_cuts_it(cuts: list[int]) -> None:
    async def run() -> None:
        connection, _ = connected()
        places = [0, *sorted(cuts), len(STREAM)]
        got = b""
        for begin, end in itertools.pairwise(places):
            if begin < end:
                connection.data_received(STREAM[begin:end])
        await connection.head()
        while piece := await connection.read():
            got += piece
        assert (connection.status, got) == (200, b"hello, world")
        assert connection.headers == [("a", b"1"), ("transfer-encoding", b"chunked")]

    asyncio.run(run())


def test_a_server_is_held_back_while_nobody_reads() -> None:
    async def run() -> None:
        connection, transport = connected()
        connection.data_received(OK + b"Content-Length: 1000000\r\n\r\n")
        for _ in range(3):
            connection.data_received(b"x" * 100_000)
        assert transport.paused and not connection.waited_for
        assert len(await connection.read()) == 300_000
        assert not transport.paused and connection.waited_for
        connection.finish()
        assert transport.ended  # The rest of it will come, and must not be taken for another answer.

    asyncio.run(run())


def test_the_server_is_asked_over_tls_and_has_to_prove_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "both.pem").write_bytes(secret + pem)
    (tmp_path / "known.pem").write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")

    async def run() -> None:
        listening = await asyncio.start_server(Server((WHOLE,)).serve, "127.0.0.1", 0, ssl=context)
        address = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        stranger = Upstream(UpstreamSettings(address))
        with pytest.raises(UnreachableError, match="certificate"):
            await body_of(stranger)
        await stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))
        known = Upstream(UpstreamSettings(address))
        assert await body_of(known) == (200, b"hi")
        await known.close()
        await asyncio.sleep(0.05)
        listening.close()

    asyncio.run(run())
