"""The ways to the mock model server that ``bench.proxy`` compares: their servers, and what is asked and answered."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from bench.doors import (
    KEPT,
    ROOT,
    deciding_config,
    free_port,
    plain_config,
    running,
    start_decider,
    start_envoy,
    start_litellm,
    start_nginx,
)
from yarl import URL

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

_KEY = bytes(range(32))
API_KEY = "sk-bench"
_PROMPT = "Explain how a hash table grows when it is full. " * 26
_ASKED = {"model": "mock", "temperature": 0.7, "messages": [{"role": "user", "content": _PROMPT}]}
REQUESTS = {"whole": json.dumps(_ASKED).encode(), "streamed": json.dumps(_ASKED | {"stream": True}).encode()}
_USAGE = {"prompt_tokens": 300, "completion_tokens": 290, "total_tokens": 590}
_TEXT = "It makes a larger table and puts every entry into its new place. " * 18
_HEADER = {"id": "chatcmpl-1", "created": 1_760_000_000, "model": "mock"}
_MESSAGE = {"role": "assistant", "content": _TEXT, "reasoning_content": "I recall tables. " * 10}
_WHOLE = {
    **_HEADER,
    "object": "chat.completion",
    "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
    "usage": _USAGE,
}
_DELTAS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *[({"index": 0, "delta": {"reasoning_content": "I recall tables. "}}, {}) for _ in range(6)],
    *[({"index": 0, "delta": {"content": "It makes a larger table. "}}, {}) for _ in range(16)],
    ({"index": 0, "delta": {}, "finish_reason": "stop"}, {"usage": _USAGE}),
]
_EVENTS = [
    *({**_HEADER, "object": "chat.completion.chunk", "choices": [choice], **more} for choice, more in _DELTAS),
]
_ENFORCING = """
version: 1
name: bench
enforce: true
rules: [{id: standing, when: rung >= OBSERVE, then: {rung: standing}, reason: It stands there.}]
"""


def pieces(kind: str) -> list[bytes]:
    """Return what the mock model server writes: the answer's header and body, or a header and chunks."""
    if kind == "whole":
        body = json.dumps(_WHOLE).encode()
        return [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        ]
    events = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in _EVENTS] + [b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


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


@dataclass(frozen=True, slots=True)
class Way:
    """A server that answers: where, and its processes.

    Attributes:
        port: Of 127.0.0.1.
        processes: Whose time it takes, children included.
        timed: Its delays are measured, too.
        slow: Answers so few requests that it is loaded four times as long, and may fail at some.
    """

    port: int
    processes: tuple[int, ...]
    timed: bool = False
    slow: bool = False


def compiled(folder: Path, name: str) -> Path:
    """Compile one of the programs of ``bench/native`` into ``folder``."""
    built = folder / name
    subprocess.run(
        [str(shutil.which("cc")), "-O2", "-o", str(built), str(ROOT / "bench" / "native" / f"{name}.c")], check=True
    )
    return built


def _ours(stack: ExitStack, folder: Path, upstream: int, *options: str) -> Way:
    """Start ``stillwatch serve``."""
    port = free_port()
    words = [sys.executable, "-m", "stillwatch", "serve", "--upstream", f"http://127.0.0.1:{upstream}"]
    words += ["--port", str(port), "--admin-port", "0", "--key-file", f"{folder}/key", "--log-level", "warning"]
    process = stack.enter_context(running([*words, "--log", f"{folder}/log-{port}", *options], port, folder))
    return Way(port, (process,), timed=not options)


def ways_of(stack: ExitStack, folder: Path, only: Collection[str] | None) -> dict[str, Way]:
    """Start servers and return each way by its name, the model server itself first.

    Args:
        stack: Ends them.
        folder: For their files.
        only: Names of those to start; None for all that are installed.
    """
    for kind in REQUESTS:
        framed = b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces(kind))
        (folder / f"{kind}.answer").write_bytes(framed)
    upstream = free_port()
    model = [compiled(folder, "model_server"), upstream, folder / "whole.answer", folder / "streamed.answer"]
    direct = Way(upstream, (stack.enter_context(running(model, upstream, folder)),), timed=True)
    _prepare(folder)
    hides = ("--policy", f"{folder}/hiding.yaml", "--standings", f"{folder}/hiding.bin")
    traces = (
        "--traces",
        f"http://127.0.0.1:{upstream}",
    )  # The model server takes the spans, and does nothing with them.
    starts: dict[str, Callable[[], Way | None]] = {
        "direct": lambda: direct,
        "nginx": lambda: _nginx(stack, folder, upstream),
        "nginx, our decisions": lambda: _nginx_deciding(stack, folder, upstream),
        "Envoy": lambda: _way_of(start_envoy(stack, folder, upstream, None)),
        "granian + aiohttp": lambda: _bare(stack, folder, upstream),
        "stillwatch": lambda: _ours(stack, folder, upstream),
        "stillwatch, hiding": lambda: _ours(stack, folder, upstream, *hides),
        "stillwatch, traced": lambda: _ours(stack, folder, upstream, *traces) if find_spec("opentelemetry") else None,
        "LiteLLM": lambda: _way_of(start_litellm(stack, folder, upstream, None), slow=True),
    }
    if unknown := set(only or ()) - starts.keys():
        raise ValueError(f"no such way: {', '.join(sorted(unknown))} (there are {', '.join(starts)})")
    started = {name: start() for name, start in starts.items() if only is None or name in only}
    return {name: way for name, way in started.items() if way is not None}


def _prepare(folder: Path) -> None:
    """Write the key, and a policy and standings by which the account that asks has its answers' reasoning hidden."""
    (folder / "key").write_bytes(_KEY)
    (folder / "hiding.yaml").write_text(_ENFORCING)
    pseudonyms = Pseudonyms(_KEY)
    account = pseudonyms.hash_one("account_id", f"key_{pseudonyms.hash_one('api_key', API_KEY):016x}")
    columns: dict[str, Any] = {"account": np.array([account], np.uint64), "rung": np.array([Rung.HIDE], np.uint8)}
    write_snapshot(folder / "hiding.bin", Standings(columns, {}))


def _way_of(door: Any, *, slow: bool = False) -> Way | None:
    return Way(door.port, door.processes, slow=slow) if door else None


def _nginx(stack: ExitStack, folder: Path, upstream: int) -> Way:
    port = free_port()
    (folder / "nginx").mkdir()
    config = plain_config(folder / "nginx", port, upstream)
    return Way(port, (start_nginx(stack, folder, "nginx", config, port),), timed=True)


def _nginx_deciding(stack: ExitStack, folder: Path, upstream: int) -> Way:
    port = free_port()
    (folder / "kept").mkdir()
    decider, deciding = start_decider(stack, folder, 1)
    memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path(KEPT).parent)))
    config = deciding_config(folder / "kept", port, upstream, decider, memory / "kept")
    return Way(port, (start_nginx(stack, folder, "kept", config, port), deciding))


def _bare(stack: ExitStack, folder: Path, upstream: int) -> Way:
    port = free_port()
    granian = [sys.executable, "-m", "granian", "--interface", "rsgi", "--no-ws", "--no-log", "--port", port]
    more = {"PYTHONPATH": f"{ROOT}/src:{ROOT}", "BENCH_UPSTREAM": f"http://127.0.0.1:{upstream}"}
    process = stack.enter_context(running([*granian, "bench.proxy_ways:bare"], port, folder, more))
    return Way(port, (process,), timed=True)
