"""What the proxy's tests share: a model server that misbehaves on request, and real proxies before it, on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))
START_S = 90.0  # A busy machine takes its time to import.

CHAT = {
    "id": "c",
    "object": "chat.completion",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "42", "reasoning_content": "INNER-VOICE"},
            "logprobs": {"content": [{"token": "42", "logprob": -0.5}]},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7},
}
EVENTS = [
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"INNER-VOICE"}}]}\n\n',
    b'data: {"choices":[ {"index":0,"delta":{"content":"42"},"logprobs":{"content":[{"logprob":-1}]}}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n',
    b"data: [DONE]\n\n",
]
THINKING_EVENTS = [
    *EVENTS[:1],
    *(
        b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % piece
        for piece in (b"<thi", b"nk>INNER-", b"VOICE</think>", b"4", b"2")
    ),
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    *EVENTS[3:],
]


@dataclass
class Seen:
    """One request as the model server saw it."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for held, value in self.headers if held == name), None)


@dataclass
class ModelServer:
    """A model server in a thread. The header field x-test says how it behaves."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    left: list[float] = field(default_factory=list)  # When clients went away in the middle of an answer.
    sent: int = 0  # Bytes of the endless answer that were taken from it.

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in lines)]
        held, body = dict(headers), b""
        if held.get("transfer-encoding") == "chunked":
            while (size := int(await reader.readline(), 16)) > 0:
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        elif "content-length" in held:
            body = await reader.readexactly(int(held["content-length"]))
        self.seen.append(Seen(line, headers, body))
        return await self._answer(held.get("x-test", "chat"), writer, line.split()[0])

    async def _answer(self, mode: str, writer: asyncio.StreamWriter, method: str) -> bool:
        whole = json.dumps(CHAT).encode()
        if mode == "chat":
            if method == "HEAD":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n")
                return True
            return _send(writer, whole)
        if mode == "think":
            return _send(writer, whole.replace(b'"42"', b'"<think>INNER-VOICE</think>42"', 1))
        if mode in ("sse", "half-sse", "slow-sse", "think-sse"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            events = THINKING_EVENTS if mode == "think-sse" else EVENTS
            for event in events[: 2 if mode == "half-sse" else None]:
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await writer.drain()
                await asyncio.sleep(0.2 if mode == "slow-sse" else 0.001)
            if mode == "half-sse":
                return False
            writer.write(b"0\r\n\r\n")
            return True
        if mode == "reset":
            return False
        if mode == "half-json":
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + whole[:50]
            )
            await writer.drain()
            return False
        if mode == "half-file":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 500\r\n\r\n" + whole[:50])
            await writer.drain()
            return False
        if mode == "nonsense":
            writer.write(b"\x00\x01\x02 what?\r\n\r\n")
            return False
        if mode == "error":
            return _send(writer, b'{"error":{"message":"no"}}', 500, [b"Retry-After: 3"])
        if mode in ("gzip", "br"):
            packed = gzip.compress(whole) if mode == "gzip" else b"not really brotli"
            return _send(writer, packed, 200, [b"Content-Encoding: " + mode.encode()])
        if mode == "odd-head":
            return _send(
                writer,
                whole,
                200,
                [b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Odd: caf\xc3\xa9", b"Connection: X-Hop", b"X-Hop: 1"],
            )
        if mode == "silent":
            await self._notice(writer, 30.0)
            return False
        if mode == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"data: " + b"x" * 16_378 + b"\n\n"
            try:
                while True:
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
                    self.sent += len(piece)
            except ConnectionError:
                self.left.append(time.monotonic())
                return False
        if mode == "drip":
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"7\r\n: hi..\n\r\n"
            )
            await writer.drain()
            await self._notice(writer, 30.0)
            return False
        raise AssertionError(mode)

    async def _notice(self, writer: asyncio.StreamWriter, most_s: float) -> None:
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            await asyncio.sleep(0.02)
            if writer.transport.is_closing() or writer.get_extra_info("socket").fileno() < 0:
                break
            reader = writer._transport.get_protocol()._stream_reader  # type: ignore[attr-defined]
            if reader is not None and reader.at_eof():
                break
        else:
            return
        self.left.append(time.monotonic())


def _send(writer: asyncio.StreamWriter, body: bytes, status: int = 200, more: Sequence[bytes] = ()) -> bool:
    head = [b"HTTP/1.1 %d X" % status, b"Content-Type: application/json", b"Content-Length: %d" % len(body), *more]
    writer.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
    return True


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    server, ready = ModelServer(), threading.Event()
    held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        held.append((asyncio.get_running_loop(), stop))
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        listening.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield server
    loop, stop = held[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Gateway:
    """A proxy in processes of its own."""

    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    folder: Path

    @property
    def said(self) -> str:
        return (self.folder / "stderr.txt").read_text("utf-8", "replace")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def start_gateway(folder: Path, upstream_port: int, *options: str) -> Gateway:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key").write_bytes(KEY)
    port, admin_port = free_port(), free_port()
    command = [sys.executable, "-m", "stillwatch", "serve", "--upstream", f"http://127.0.0.1:{upstream_port}"]
    command += ["--port", str(port), "--admin-port", str(admin_port), "--key-file", str(folder / "key"), *options]
    with (folder / "stderr.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    gateway = Gateway(process, port, admin_port, folder)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, gateway.said
        if "runtime-1" in gateway.said:
            return gateway
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the gateway did not start:\n{gateway.said}")


def account_of(key: str) -> int:
    pseudonyms = Pseudonyms(KEY)
    return pseudonyms.hash_one("account_id", f"key_{pseudonyms.hash_one('api_key', key):016x}")


POLICY = """
version: 1
name: test
enforce: true
ladder:
  mark: {key: cohort-7}
  verify: {link: https://example.com/verify}
rules:
  - {id: standing, when: rung >= OBSERVE, then: {rung: standing}, reason: An analyst put it there.}
  - id: slow
    when: rung == SLOW
    then: {limits: [{name: slow, rate: 1 requests a minute, burst: 2}]}
    reason: On the rungs above it would be in the way of these tests.
"""


def write_rungs(path: Path, rungs: dict[str, Rung]) -> None:
    """Write a snapshot in which each API key's account stands on its rung."""
    pairs = sorted((account_of(key), int(rung)) for key, rung in rungs.items())
    columns = {
        "account": np.array([account for account, _ in pairs], np.uint64),
        "rung": np.array([rung for _, rung in pairs], np.uint8),
    }
    write_snapshot(path, Standings(columns, {}))


@pytest.fixture(scope="session")
def enforcing(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A proxy that enforces: the API key sk-<rung> stands on that rung."""
    folder = tmp_path_factory.mktemp("enforcing")
    (folder / "policy.yaml").write_text(POLICY)
    write_rungs(folder / "standings.bin", {f"sk-{rung.word}": rung for rung in Rung})
    gateway = start_gateway(
        folder,
        model_server.port,
        *("--policy", str(folder / "policy.yaml"), "--standings", str(folder / "standings.bin")),
        *("--log", str(folder / "log"), "--log-age-s", "0.5", "--silence-s", "1.5", "--connect-s", "2"),
        *("--body-mib-max", "1", "--body-s", "2", "--stalled-s", "2"),
    )
    yield gateway
    assert gateway.stop() == 0, gateway.said


@pytest.fixture(scope="session")
def shadow(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A proxy as it is without any option: nothing is enforced."""
    gateway = start_gateway(tmp_path_factory.mktemp("shadow"), model_server.port)
    yield gateway
    assert gateway.stop() == 0, gateway.said


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool  # Ended as its header or its chunks said.

    def header(self, name: str) -> str | None:
        return next((value for held, value in self.headers if held == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


def post(port: int, path: str = "/v1/chat/completions", **given: Any) -> Reply:
    """Send one request and read its answer, by http.client, which is strict about ends."""
    import http.client

    body = given.get("body", {"model": "m", "messages": [{"role": "user", "content": "SECRET-PROMPT"}]})
    headers = {"Authorization": f"Bearer {given.get('key', 'sk-none')}", "Content-Type": "application/json"}
    headers |= {"x-test": given["test"]} if "test" in given else {}
    headers |= given.get("headers", {})
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request(given.get("method", "POST"), path, data, headers)
        try:
            response = connection.getresponse()
        except http.client.RemoteDisconnected:  # Cut before even the header was on its way.
            return Reply(0, [], b"", False)
        fields = [(name.lower(), value) for name, value in response.getheaders()]
        try:
            return Reply(response.status, fields, response.read(), True)
        except (http.client.IncompleteRead, ConnectionError) as error:
            partial = error.partial if isinstance(error, http.client.IncompleteRead) else b""
            return Reply(response.status, fields, partial, False)


def raw(port: int, data: bytes, wait_s: float = 5.0) -> bytes:
    """Send bytes and return all that comes until the other side closes, or nothing came for a while."""
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
        connection.sendall(data)
        connection.settimeout(wait_s)
        got = b""
        with suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65536):
                got += piece
        return got


class Tools:
    """The functions above, for tests, which cannot import from here."""

    EVENTS = EVENTS
    CHAT = CHAT
    POLICY = POLICY
    post = staticmethod(post)
    raw = staticmethod(raw)
    start_gateway = staticmethod(start_gateway)
    write_rungs = staticmethod(write_rungs)
    account_of = staticmethod(account_of)
    free_port = staticmethod(free_port)
    KEY = KEY


@pytest.fixture(scope="session")
def wall_tools() -> type[Tools]:
    return Tools
