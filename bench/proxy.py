"""What the proxy costs: requests a second beside other proxies and LiteLLM, and the delay that it adds, in one run.

    .venv/bin/python -m bench.proxy
    .venv/bin/python -m bench.proxy --rounds 5 --seconds 6 --json FILE
    .venv/bin/python -m bench.proxy --kind streamed --way stillwatch --way "stillwatch, traced"

One mock model server in C (bench/native, compiled here by cc), which costs next to nothing, answers with 1.5 kB at
once, or with 24 events that it writes one by one as fast as it can. It is asked over 64 connections, by wrk, directly
and through

- nginx with nothing but ``proxy_pass``, and with our decisions kept for a second, by the example in the documentation;
- Envoy by that example, less the filter that asks for decisions;
- the barest proxy that granian and aiohttp make;
- ``stillwatch serve``: as it comes (a policy in shadow whose quotas are charged, an exchange log with footprints), with
  reasoning hidden, and with three spans a request, where OpenTelemetry is installed;
- LiteLLM's proxy, if it is in .venv-litellm or in STILLWATCH_LITELLM_VENV.

One worker each, taken in turns, several rounds, medians. Processor time is that of the way's own processes, the log's
included.

wrk sends as fast as it is answered, so its delays say little. Delays are measured apart, at half the proxy's top rate
for that kind of answer, by requests sent at fixed times over kept connections, whether or not earlier ones were
answered, each timed from when it was due to its answer's last byte. What a way adds is the difference of the
percentiles through it and directly, at one rate in one round.

Everything shares the machine: load, model server and proxy compete. Where it may, the bench puts all of them before
what else runs (SCHED_RR; the log's process sets itself back), so that only they do. Trust ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench.doors import processor_s
from bench.proxy_ways import API_KEY, REQUESTS, Way, compiled, ways_of
from rich.console import Console
from rich.table import Table

CONNECTIONS = 64
TIMES_LITELLM, ADDED_P50_MS, ADDED_P99_MS = 40, 1.0, 5.0  # What is asked of the proxy.
_PATH = "/v1/chat/completions"
_LUA = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["X-Bench-Account"] = "user1"
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load of wrk gave: requests a second, and microseconds of processor time a request, by who took it."""

    failed: bool
    rate: float
    way_us: float
    model_us: float
    wrk_us: float


def _top_rate(way: Way, direct: Way, script: Path, seconds: int) -> Load:
    """Load a way as fast as it answers.

    Raises:
        RuntimeError: If any answer was none.
    """

    def taken_s() -> tuple[float, float, float]:
        wrk = resource.getrusage(resource.RUSAGE_CHILDREN)
        return processor_s(way.processes), processor_s(direct.processes), wrk.ru_utime + wrk.ru_stime

    before = taken_s()
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "30s", "-s", str(script)]
    url = f"http://127.0.0.1:{way.port}/"
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    after = taken_s()
    rate, done = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"(\d+) requests in", said)
    failed = "Non-2xx" in said or "Socket errors" in said
    if rate is None or done is None or (failed and not way.slow):
        raise RuntimeError(said)
    count = max(1, int(done[1]))
    return Load(failed, float(rate[1]), *((b - a) / count * 1e6 for a, b in zip(before, after, strict=True)))


def _delays_ms(sender: Path, way: Way, kind: str, rate: float, seconds: float) -> tuple[float, float]:
    """Return median and 99th percentile of the delays of ``rate`` requests a second, in ms.

    Raises:
        RuntimeError: If not all of them were answered.
    """
    request = sender.with_name(f"{kind}.request")
    words = [str(sender), str(way.port), str(CONNECTIONS), f"{rate:.1f}", str(seconds), str(request)]
    ended = subprocess.run(words, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    last_us = np.array([float(line.split()[1]) for line in ended.stdout.splitlines()])
    p50, p99 = np.percentile(last_us[len(last_us) // 10 :], [50, 99]) / 1000  # The first meet cold connections.
    return float(p50), float(p99)


def _ask_once(way: Way, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {API_KEY}", "X-Bench-Account": "user1"}
    connection = http.client.HTTPConnection("127.0.0.1", way.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", _PATH, body, headers)
        answer = connection.getresponse()
        if answer.status != 200 or not answer.read():
            raise RuntimeError(f"port {way.port} answered {answer.status}")


def _measured(ways: dict[str, Way], folder: Path, kind: str, rounds: int, seconds: int) -> dict[str, Any]:
    """Return loads by way, and delays at half the proxy's top rate, for one kind of answer."""
    script, sender, body = folder / f"{kind}.lua", folder / "open_loop", REQUESTS[kind]
    script.write_text(_LUA.format(path=_PATH, body=body.decode(), key=API_KEY))
    head = f"POST {_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nContent-Type: application/json\r\n"
    (folder / f"{kind}.request").write_bytes(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    direct = ways["direct"]
    loads: dict[str, list[Load]] = {name: [] for name in ways}
    for way in ways.values():  # Some load themselves at the first request.
        _ask_once(way, body)
    for turn in range(rounds + 1):  # The first one only warms up.
        for name, way in ways.items():
            load = _top_rate(way, direct, script, (seconds if turn else 2) * (4 if way.slow else 1))
            if turn:
                loads[name].append(load)
    rates = {name: statistics.median(load.rate for load in held) for name, held in loads.items()}
    half = rates["stillwatch"] / 2
    delays: dict[str, list[tuple[float, float]]] = {name: [] for name, way in ways.items() if way.timed}
    for _ in range(rounds):
        for name in delays:
            delays[name].append(_delays_ms(sender, ways[name], kind, half, seconds))
    added = {
        name: [
            statistics.median(one[k] - other[k] for one, other in zip(held, delays["direct"], strict=True))
            for k in (0, 1)
        ]
        for name, held in delays.items()
    }
    fields = ("way_us", "model_us", "wrk_us")
    return {
        "requests_per_s": rates,
        "requests_per_s_all": {name: [load.rate for load in held] for name, held in loads.items()},
        "cpu_us": {
            name: {each: statistics.median(getattr(load, each) for load in held) for each in fields}
            for name, held in loads.items()
        },
        "failed": [name for name, held in loads.items() if any(load.failed for load in held)],
        "rate_of_delays": half,
        "delays_ms_all": delays,
        "p50_ms": {name: statistics.median(each[0] for each in held) for name, held in delays.items()},
        "p99_ms": {name: statistics.median(each[1] for each in held) for name, held in delays.items()},
        "added_p50_p99_ms": added,
    }


def _prefer() -> str:
    """Put this process and those that it starts before all others of the machine, and say whether that was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError):
        return "beside whatever else runs"
    return "before whatever else runs"


def measure(rounds: int, seconds: int, kinds: Sequence[str], only: Sequence[str]) -> dict[str, Any]:
    """Return top rates by way and kind of answer, and delays at half the proxy's top rate.

    Args:
        rounds: Of all ways.
        seconds: Of each load.
        kinds: Of answers.
        only: Ways, besides the model server itself and stillwatch; all if empty.
    """
    result: dict[str, Any] = {"connections": CONNECTIONS, "rounds": rounds, "seconds": seconds, "runs": _prefer()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stillwatch-bench-")))
        compiled(folder, "open_loop")
        ways = ways_of(stack, folder, {"direct", "stillwatch", *only} if only else None)
        result["kinds"] = {kind: _measured(ways, folder, kind, rounds, seconds) for kind in kinds}
    return result


def _rows(held: dict[str, Any]) -> Iterator[list[str]]:
    rates = held["requests_per_s"]
    nginx, litellm = rates.get("nginx"), rates.get("LiteLLM")
    for way, rate in rates.items():
        cpu = held["cpu_us"][way]
        row = [way, f"{rate:,.0f}", f"{rate / nginx:.2f}" if nginx else "", f"{rate / litellm:,.1f}" if litellm else ""]
        row += [f"{cpu['way_us']:,.0f}", f"{cpu['model_us']:,.0f}", f"{cpu['wrk_us']:,.0f}"]
        if way in held["p50_ms"]:
            (more_p50, more_p99) = held["added_p50_p99_ms"][way]
            row += [f"{held['p50_ms'][way]:.2f}", f"{held['p99_ms'][way]:.2f}", f"{more_p50:+.2f}", f"{more_p99:+.2f}"]
        yield row


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures, and what is asked of them."""
    for kind, held in result["kinds"].items():
        title = f"{kind}: {CONNECTIONS} connections, medians of {result['rounds']} rounds of {result['seconds']} s"
        half = f"ms at {held['rate_of_delays']:,.0f}/s"
        table = Table(title=f"{title}, {result['runs']}")
        columns = ("way", "requests/s", "of nginx", "× LiteLLM", "CPU µs", "server's", "wrk's")
        for column in (*columns, f"p50 {half}", f"p99 {half}", "adds p50", "adds p99"):
            table.add_column(column, justify="left" if column == "way" else "right")
        for row in _rows(held):
            table.add_row(*row)
        console.print(table)
        p50, p99 = held["added_p50_p99_ms"]["stillwatch"]
        told = [
            f"adds {p50:.2f} ms at the median (asked: {ADDED_P50_MS:g}): {_verdict(p50 <= ADDED_P50_MS)}",
            f"{p99:.2f} ms at 99 % (asked: {ADDED_P99_MS:g}): {_verdict(p99 <= ADDED_P99_MS)}",
        ]
        rates = held["requests_per_s"]
        if "LiteLLM" in rates:
            times = rates["stillwatch"] / max(rates["LiteLLM"], 1e-9)
            told.append(f"{times:.0f} × LiteLLM (asked: {TIMES_LITELLM}): {_verdict(times >= TIMES_LITELLM)}")
        told += [f"{name} failed at some requests" for name in held["failed"]]
        console.print(f"{kind}: {'; '.join(told)}\n")


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--kind", action="append", choices=list(REQUESTS), help="of answers; both unless told")
    parser.add_argument("--way", action="append", default=[], help="only this one, as often as needed; all unless told")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    needed = {"wrk": "wrk", "nginx": "nginx-light", "cc": "gcc"}
    missing = [name for name in needed if not shutil.which(name) and not Path("/usr/sbin", name).exists()]
    if missing:
        packages = " ".join(needed[name] for name in missing)
        sys.exit(f"bench.proxy needs {' and '.join(missing)} (Debian: apt-get install {packages})")
    result = measure(options.rounds, options.seconds, options.kind or list(REQUESTS), options.way)
    show(result, Console(width=140))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
