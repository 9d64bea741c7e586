"""Many requests through the gateway while everything around it fails: counted is whether any is answered twice or lost.

    .venv/bin/python -m bench.soak
    .venv/bin/python -m bench.soak --requests 1000000 --seconds 3600 --json FILE

A mock model server that resets connections, answers slowly, with 500 and with halves; a Redis server that keeps the
counters and is stopped and started again; and a gateway that is asked to stop (SIGTERM) and started again on the same
port. Requests go over kept connections, each once. Every one has a name of its own, which the model server writes down
when it has read the request, and which the gateway logs in the place of the client's name.

Checked afterwards:

- no request reached the model server twice, and no client got two answers;
- every request that the model server read, and every one that a client got an answer to, is in the log exactly once;
- no client took half an answer for a whole one: a whole answer of status 200 is one that the model server gave whole;
- the memory of the gateway does not grow: the second half of each life against its first.

A client that loses its connection at a restart has no answer; it may be in the log, as it was or was not read in time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from stillwatch.range.drive.client import LOST, Pace, Sender
from stillwatch.range.drive.loopback import free_port
from stillwatch.range.drive.model_server import fault_of
from stillwatch.range.drive.processes import answers, gateway_command, memory_bytes, model_server, stop
from stillwatch.range.drive.traffic import wire

POLICY = """
version: 1
name: soak
enforce: true
ladder:
  counters_away: {none: open}
rules:
  - id: quota
    when: 'true'
    then: {limits: [{name: requests, rate: 100000 requests a second, burst: 100000}]}
    reason: So that every request asks the counters.
"""
_START_S = 90.0
_SAMPLE_S = 1.0
_ANSWER_S = 20.0


@dataclass
class Server:
    """A program that is stopped and started again, on one port.

    Args:
        command: Its words.
        said: Gets what it says.
        up: Address that answers when it can be used; empty to ask the port only.
    """

    command: list[str]
    said: Path
    up: str
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: If it does not.
        """
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, start_new_session=True)
        self.starts += 1
        until = time.monotonic() + _START_S
        while not await asyncio.to_thread(answers, self.up) if self.up else False:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.said.read_text()[-2000:])
            await asyncio.sleep(0.1)

    async def restart(self) -> None:
        """Ask it to stop, wait until it has, and start it again."""
        await self.end()
        await self.start()

    async def end(self) -> None:
        """Ask it to stop, and wait."""
        if self.process is not None:
            await asyncio.to_thread(stop, self.process)


@dataclass
class Soak:
    """What came back, by the request's place in the order.

    Attributes:
        status: The answer's status; LOST for none that is whole.
        answers: How many answers each got.
        memory: (start of the gateway, bytes) pairs, one a second.
    """

    status: dict[int, int] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    memory: list[tuple[int, int]] = field(default_factory=list)

    def told(self, row: int, status: int, _: bool) -> None:
        """Take note of one answer."""
        self.status[row] = status
        self.answers[row] += 1


def name_of(row: int, seed: int) -> str:
    """Return the name of a request."""
    return f"soak-{seed}-{row}"


def requests(count: int, seed: int, ends_s: float) -> Iterator[tuple[int, int, bytes]]:
    """Yield requests until there were ``count``, or it is ``ends_s`` on the clock."""
    for row in range(count):
        if time.monotonic() > ends_s:
            return
        name = name_of(row, seed)
        body: dict[str, Any] = {
            "model": "m",
            "messages": [{"role": "user", "content": "Explain how a hash table grows when it is full. " * 4}],
            "metadata": {"range": {"id": name, "read": 60, "wrote": 120}},
        }
        if row % 3 == 0:
            body |= {"stream": True}
        fields = {"authorization": f"Bearer sk-soak-{row % 97}", "user-agent": name}
        yield row, 0, wire(orjson.dumps(body), fields)


async def _disturb(server: Server, every_s: float, ended: asyncio.Event, rng: random.Random) -> None:
    """Restart a server now and then, until the end."""
    while not ended.is_set():
        try:
            async with asyncio.timeout(every_s * rng.uniform(0.7, 1.3)):
                await ended.wait()
        except TimeoutError:
            await server.restart()


async def _remember(server: Server, soak: Soak, ended: asyncio.Event) -> None:
    while not ended.is_set():
        if server.process is not None and server.process.poll() is None:
            soak.memory.append((server.starts, await asyncio.to_thread(memory_bytes, server.process.pid)))
        await asyncio.sleep(_SAMPLE_S)


async def run(given: argparse.Namespace, folder: Path) -> tuple[Soak, dict[str, int]]:
    """Send everything, disturbing what is around the gateway; returns what came back, and how often what started."""
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "key").write_text(bytes(range(32)).hex() + "\n")
    soak, ended, rng = Soak(), asyncio.Event(), random.Random(given.seed)  # noqa: S311 (no secret)
    redis_port, port = free_port(), free_port()
    redis_words = ["--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    redis = Server([str(shutil.which("redis-server")), *redis_words], folder / "redis.txt", "")
    with model_server(folder, given.faults, folder / "served.txt") as upstream:
        options = ["--policy", str(folder / "policy.yaml"), "--key-file", str(folder / "key")]
        options += ["--log", str(folder / "log"), "--log-age-s", "5", "--counters", f"redis://127.0.0.1:{redis_port}/0"]
        url = f"http://127.0.0.1:{port}"
        ours = Server(gateway_command(upstream, port, options), folder / "gateway.txt", f"{url}/up")
        await redis.start()
        try:
            await ours.start()
            sender = Sender(url, given.connections, _ANSWER_S)
            beside = [
                asyncio.ensure_future(_disturb(ours, given.gateway_every_s, ended, rng)),
                asyncio.ensure_future(_disturb(redis, given.redis_every_s, ended, rng)),
                asyncio.ensure_future(_remember(ours, soak, ended)),
            ]
            ends_s = time.monotonic() + given.seconds
            await sender.send(requests(given.requests, given.seed, ends_s), soak.told, Pace())
            ended.set()
            await asyncio.gather(*beside)
            await sender.close()
        finally:
            ended.set()
            await ours.end()
            await redis.end()
    return soak, {"gateway_starts": ours.starts, "redis_starts": redis.starts}


def judged(soak: Soak, folder: Path, faults: float, seed: int) -> dict[str, Any]:
    """Return the counts, and what is wrong with them."""
    served = Counter((folder / "served.txt").read_text().split())
    logged = Counter[str]()
    for path in sorted((folder / "log").glob("exchanges-*.parquet")):
        column: pa.ChunkedArray = pq.read_table(path, columns=["user_agent"])["user_agent"]
        logged.update(name for name in column.to_pylist() if name and name.startswith("soak-"))
    names = {name_of(row, seed): status for row, status in soak.status.items()}
    answered = {name for name, status in names.items() if status != LOST}
    half = [n for n, s in names.items() if s == 200 and fault_of(n, faults) not in ("", "slow")]
    lives: dict[int, list[int]] = {}
    for start, size in soak.memory:
        lives.setdefault(start, []).append(size)
    return {
        "sent": len(soak.status),
        "without_an_answer_for_no_fault": sum(s == LOST and fault_of(n, faults) != "half" for n, s in names.items()),
        "by_status": {str(status): count for status, count in sorted(Counter(soak.status.values()).items())},
        "faults": dict(sorted(Counter(fault_of(name, faults) or "none" for name in names).items())),
        "served": len(served),
        "logged": len(logged),
        "served_twice": sum(count > 1 for count in served.values()),
        "answered_twice": sum(count > 1 for count in soak.answers.values()),
        "logged_twice": sum(count > 1 for count in logged.values()),
        "served_not_logged": len(served.keys() - logged.keys()),
        "answered_not_logged": len(answered - logged.keys()),
        "halves_taken_for_whole": len(half),
        "memory_mib": [[round(min(each) / 2**20), round(max(each) / 2**20)] for each in lives.values() if each],
        "memory_growth": _growth(lives),
    }


def _growth(lives: dict[int, list[int]]) -> float | None:
    """Return the largest ratio, over the gateway's lives, of its last quarter's memory to that of its second."""
    ratios = []
    for sizes in lives.values():
        quarter = len(sizes) // 4
        if quarter >= 3:
            second, last = sizes[quarter : 2 * quarter], sizes[-quarter:]
            ratios.append((sum(last) / len(last)) / (sum(second) / len(second)))
    return round(max(ratios), 3) if ratios else None


WRONG = (
    "served_twice",
    "answered_twice",
    "logged_twice",
    "served_not_logged",
    "answered_not_logged",
    "halves_taken_for_whole",
)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=240.0, help="nothing more is sent afterwards")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=float, default=0.04, help="share of requests at which the model server fails")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--gateway-every-s", type=float, default=45.0, help="between two restarts of the gateway")
    parser.add_argument("--redis-every-s", type=float, default=20.0, help="between two restarts of Redis")
    parser.add_argument("--json", type=Path, help="write the result there too")
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, width=120)
    if shutil.which("redis-server") is None:
        console.print("redis-server is absent: nothing was measured")
        sys.exit(2)
    console.print(f"seed {given.seed}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stillwatch-soak-") as name:
        folder = Path(name)
        soak, starts = asyncio.run(run(given, folder))
        result = {"seed": given.seed, **starts, **judged(soak, folder, given.faults, given.seed)}
    result["seconds"] = round(time.monotonic() - begun, 1)
    table = Table("", "")
    for key, value in result.items():
        table.add_row(key.replace("_", " "), json.dumps(value))
    console.print(table)
    wrong = {key: result[key] for key in WRONG if result[key]}
    console.print(f"WRONG: {wrong}" if wrong else "no request answered twice, none lost from the log")
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
