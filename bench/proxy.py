"""What the proxy costs: requests a second beside the model server itself and beside nginx, and the delay that it adds.

    .venv/bin/python -m bench.proxy
    .venv/bin/python -m bench.proxy --rounds 5 --seconds 6 --json FILE

One mock model server (a bare granian application, one worker) answers at once: whole answers of 1.5 kB, or 24 events.
wrk asks it over 64 connections, directly, through nginx with one worker and nothing but ``proxy_pass``, by the barest
proxy that granian and aiohttp make, and through ``stillwatch serve`` with one worker: as it comes (a policy in shadow
whose quotas are charged, an exchange log with footprints), and with reasoning hidden. The ways are taken in turns,
several rounds, and medians are compared. Processor time is that of the way's own processes.

wrk sends as fast as it is answered, so its delays say little. The delay is measured apart, at half the proxy's top
rate, by requests sent at fixed times whether or not earlier ones were answered, each timed from when it was due. What a
way adds is the difference of the percentiles through it and directly, at one rate in one run.

Everything shares the machine: with two cores, server, proxy and load compete. Trust ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from rich.console import Console
from rich.table import Table
from yarl import URL

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 64
KEY = bytes(range(32))
API_KEY = "sk-bench"
PROMPT = "Explain how a hash table grows when it is full. " * 26
REQUEST = json.dumps({"model": "m", "temperature": 0.7, "messages": [{"role": "user", "content": PROMPT}]}).encode()
STREAMED = json.dumps(json.loads(REQUEST) | {"stream": True}).encode()
TEXT = "It makes a larger table and puts every entry into its new place. " * 18
USAGE = {"prompt_tokens": 300, "completion_tokens": 290, "total_tokens": 590}
WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "reasoning_content": "I recall tables. " * 10},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
).encode()
EVENTS = [
    b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [each], **more}).encode() + b"\n\n"
    for each, more in [
        *[({"index": 0, "delta": {"reasoning_content": "I recall tables. "}}, {}) for _ in range(6)],
        *[({"index": 0, "delta": {"content": "It makes a larger table. "}}, {}) for _ in range(16)],
        ({"index": 0, "delta": {}, "finish_reason": "stop"}, {"usage": USAGE}),
    ]
] + [b"data: [DONE]\n\n"]
ENFORCING = """
version: 1
name: bench
enforce: true
rules: [{id: standing, when: rung >= OBSERVE, then: {rung: standing}, reason: It stands there.}]
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
LUA = """
wrk.method = "POST"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
"""


async def model_server(_: Any, protocol: Any) -> None:
    """Answer as the mock model server does; granian runs this."""
    if b'"stream": true' not in await protocol():
        protocol.response_bytes(200, [("content-type", "application/json")], WHOLE)
        return
    transport = protocol.response_stream(200, [("content-type", "text/event-stream")])
    for event in EVENTS:
        await transport.send_bytes(event)


_SESSIONS: list[aiohttp.ClientSession] = []


async def bare(scope: Any, protocol: Any) -> None:
    """Pass a request and its answer on, with no thought for anything: what granian and aiohttp cost by themselves."""
    if not _SESSIONS:
        connector = aiohttp.TCPConnector(limit=0)
        _SESSIONS.append(aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()))
    body = await protocol()
    left = {"host", "content-length", "connection", "transfer-encoding", "server", "date"}
    headers = [(name, value) for name, value in scope.headers.items() if name not in left]
    url = URL(os.environ["BENCH_UPSTREAM"] + scope.path, encoded=True)
    async with _SESSIONS[0].request(scope.method, url, headers=headers, data=body) as response:
        fields = [(name.lower(), value) for name, value in response.headers.items() if name.lower() not in left]
        if "text/event-stream" not in response.content_type:
            protocol.response_bytes(response.status, fields, await response.read())
            return
        transport = protocol.response_stream(response.status, fields)
        async for chunk in response.content.iter_any():
            await transport.send_bytes(chunk)


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Way:
    """A server that answers: where, and its process."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time of the process and its children so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid or stat.parent.name == str(self.pid):
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, folder: Path, upstream: int) -> Iterator[Way]:
    """Run a server until the block ends."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}", "BENCH_UPSTREAM": f"http://127.0.0.1:{upstream}"}
    with (folder / f"{port}.txt").open("wb") as said:
        process = subprocess.Popen(list(command), stdout=said, stderr=said, cwd=ROOT, env=environment)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with contextlib.closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise RuntimeError((folder / f"{port}.txt").read_text())
        time.sleep(1.5)  # A listening socket may be there before the worker is.
        yield Way(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextlib.contextmanager
def _ways(folder: Path) -> Iterator[dict[str, Way]]:
    """Start everything and give each way."""
    upstream, plain, barest, ours, hiding = (_free_port() for _ in range(5))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=plain, upstream=upstream))
    (folder / "key").write_bytes(KEY)
    (folder / "policy.yaml").write_text(ENFORCING)
    pseudonyms = Pseudonyms(KEY)
    account = pseudonyms.hash_one("account_id", f"key_{pseudonyms.hash_one('api_key', API_KEY):016x}")
    columns: dict[str, Any] = {"account": np.array([account], np.uint64), "rung": np.array([Rung.HIDE], np.uint8)}
    write_snapshot(folder / "standings.bin", Standings(columns, {}))
    granian = [sys.executable, "-m", "granian", "--interface", "rsgi", "--no-ws", "--no-log"]
    serve = [sys.executable, "-m", "stillwatch", "serve", "--upstream", f"http://127.0.0.1:{upstream}"]
    serve += [
        "--admin-port",
        "0",
        "--key-file",
        str(folder / "key"),
        "--log-level",
        "warning",
        "--log",
        f"{folder}/log",
    ]
    hides = ["--policy", str(folder / "policy.yaml"), "--standings", str(folder / "standings.bin")]
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    commands = {
        "direct": ([*granian, "--port", str(upstream), "bench.proxy:model_server"], upstream),
        "nginx": ([nginx, "-c", f"{folder}/nginx.conf", "-p", str(folder)], plain),
        "granian + aiohttp": ([*granian, "--port", str(barest), "bench.proxy:bare"], barest),
        "stillwatch": ([*serve, "--port", str(ours)], ours),
        "stillwatch, hiding": ([*serve, "--port", str(hiding), *hides], hiding),
    }
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(_running(command, port, folder, upstream))
            for name, (command, port) in commands.items()
        }


def _top_rate(way: Way, script: Path, seconds: int) -> tuple[float, float]:
    """Return wrk's requests a second, and the microseconds of processor time that one took of the way's processes.

    Raises:
        RuntimeError: If any answer was none.
    """
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(script)]
    before_s = way.cpu_s()
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{way.port}/v1/chat/completions"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    done = re.search(r"(\d+) requests in", said)
    assert done is not None
    return float(found[1]), (way.cpu_s() - before_s) / int(done[1]) * 1e6


class _Connection(asyncio.Protocol):
    """Sends requests one after another, and times each from when it was due."""

    def __init__(self, request: bytes, delays_s: list[float]) -> None:
        self._request = request
        self._delays_s = delays_s
        self._waiting: list[float] = []
        self._got = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def due(self, at_s: float) -> None:
        self._waiting.append(at_s)
        if len(self._waiting) == 1:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not _is_whole(self._got):
            return
        if not self._got.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self._got[:200])
        self._got = b""
        self._delays_s.append(time.perf_counter() - self._waiting.pop(0))
        if self._waiting:
            self._transport.write(self._request)


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")


async def _delays(port: int, body: bytes, rate: float, seconds: float) -> list[float]:
    """Return the delay of each of ``rate`` requests a second, in seconds."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    loop, found = asyncio.get_running_loop(), list[float]()
    pairs = [
        await loop.create_connection(lambda: _Connection(request, found), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    begun, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) - begun < seconds:
        while sent < (now - begun) * rate:
            pairs[sent % CONNECTIONS][1].due(begun + sent / rate)
            sent += 1
        await asyncio.sleep(0.0005)
    await asyncio.sleep(1.0)
    for transport, _ in pairs:
        transport.close()
    if len(found) < sent:
        raise RuntimeError(f"{sent - len(found)} of {sent} requests were not answered within a second")
    return found[len(found) // 10 :]  # Without the first ones, which meet cold connections.


@dataclass(frozen=True, slots=True)
class Delay:
    """Percentiles of a delay, in milliseconds."""

    p50_ms: float
    p99_ms: float


def _percentiles(delays_s: Sequence[float]) -> Delay:
    return Delay(*(float(value) * 1000 for value in np.percentile(delays_s, [50, 99])))


def measure(rounds: int, seconds: int) -> dict[str, Any]:
    """Return top rates by way and kind of answer, and delays at half the proxy's top rate."""
    result: dict[str, Any] = {"connections": CONNECTIONS, "rounds": rounds, "seconds": seconds, "kinds": {}}
    with tempfile.TemporaryDirectory(prefix="stillwatch-bench-") as name:
        folder = Path(name)
        with _ways(folder) as ways:
            for kind, body in (("whole", REQUEST), ("streamed", STREAMED)):
                script = folder / f"{kind}.lua"
                script.write_text(LUA.format(body=body.decode(), key=API_KEY))
                for way in ways.values():
                    _top_rate(way, script, 2)
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
                for _ in range(rounds):
                    for name, way in ways.items():
                        taken[name].append(_top_rate(way, script, seconds))
                rates = {name: statistics.median(rate for rate, _ in values) for name, values in taken.items()}
                rate = rates["stillwatch"] / 2
                delays: dict[str, list[Delay]] = {name: [] for name in ways}
                for _ in range(rounds):
                    for name, way in ways.items():
                        delays[name].append(_percentiles(asyncio.run(_delays(way.port, body, rate, seconds))))
                result["kinds"][kind] = {
                    "requests_per_s": rates,
                    "requests_per_s_all": {name: [rate for rate, _ in values] for name, values in taken.items()},
                    "cpu_us": {name: statistics.median(us for _, us in values) for name, values in taken.items()},
                    "rate_of_delays": rate,
                    "p50_ms": {name: statistics.median(each.p50_ms for each in held) for name, held in delays.items()},
                    "p99_ms": {name: statistics.median(each.p99_ms for each in held) for name, held in delays.items()},
                }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    for kind, held in result["kinds"].items():
        rate = held["rate_of_delays"]
        table = Table(title=f"{kind} answers, {result['connections']} connections, median of {result['rounds']} rounds")
        columns = ("way", "requests/s", "of direct", "of nginx", "CPU µs", f"p50 ms at {rate:,.0f}/s", "p99 ms")
        for column in (*columns, "adds p50", "adds p99"):
            table.add_column(column, justify="left" if column == "way" else "right")
        rates, p50, p99 = held["requests_per_s"], held["p50_ms"], held["p99_ms"]
        for way in rates:
            table.add_row(
                way,
                f"{rates[way]:,.0f}",
                f"{rates[way] / rates['direct']:.3f}",
                f"{rates[way] / rates['nginx']:.3f}",
                f"{held['cpu_us'][way]:,.0f}",
                f"{p50[way]:.2f}",
                f"{p99[way]:.2f}",
                f"{p50[way] - p50['direct']:+.2f}",
                f"{p99[way] - p99['direct']:+.2f}",
            )
        console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    missing = [name for name in ("wrk", "nginx") if not shutil.which(name) and not Path("/usr/sbin", name).exists()]
    if missing:
        sys.exit(f"bench.proxy needs {' and '.join(missing)} (Debian packages of these names)")
    result = measure(options.rounds, options.seconds)
    show(result, Console(width=120))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
