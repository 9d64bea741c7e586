"""What a door costs: requests a second through nginx, Envoy and LiteLLM, with and without decisions, one mock upstream.

    python -m bench.doors [--seconds 4] [--rounds 3] [--connections 32] [--json]

Everything runs on this machine's loopback, with one worker each, beside the load generator (wrk), so that only ratios
mean anything. Rounds are interleaved and medians shown; processor time is that of the gateway and, where one is asked,
the decision service, a request. Gateways that are not installed are left out, and said to be.
LiteLLM lives in an environment of its own: name it in STILLWATCH_LITELLM_VENV, or make .venv-litellm.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
ACCOUNTS = 64
STANDINGS = 100_000
REQUEST_BYTES = 1_500
TARGET = 0.7  # nginx with kept decisions, as a share of nginx plain.
KEPT = "/dev/shm/stillwatch"  # noqa: S108 - as the example has it; the bench puts another in its place.
_KEY = b"a key of the bench, no secret"
_START_S = 120.0
_POLICY = """
version: 1
name: bench
enforce: true
cache_s: {cache_s}
rules:
  - id: standing
    when: rung >= OBSERVE
    then: {{rung: standing}}
    reason: Somebody put the account there.
    tests: [{{given: {{rung: slow}}, fires: true}}]
"""
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "mock",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 200}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500},
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A gateway that the same requests go through."""

    name: str
    port: int
    processes: tuple[int, ...]  # The gateway's and, where one is asked, the decision service's.
    slow: bool = False  # Too slow for as many connections as the others get.


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(command: Sequence[object], port: int, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a server until the block ends, and give its process id."""
    log = folder / f"server-{port}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **(more or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
    try:
        until = time.monotonic() + _START_S
        while True:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"a server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def nginx_head(folder: Path) -> str:
    """Return the beginning of a configuration that keeps to its folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}worker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log crit;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{\n    access_log off;\n{own}"
    )


def upstream_config(folder: Path, port: int) -> str:
    """Return a model server that costs next to nothing: one fixed answer, made by nginx itself."""
    answer = json.dumps(_ANSWER)
    serve = f"default_type application/json; location / {{ return 200 '{answer}'; }}"
    server = f"    keepalive_requests 1000000000;\n    server {{ listen 127.0.0.1:{port}; {serve} }}\n}}\n"
    return nginx_head(folder) + server


def plain_config(folder: Path, port: int, upstream: int) -> str:
    """Return nginx as a proxy, as the example has it, without decisions."""
    return (
        f"{nginx_head(folder)}    upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; }}\n"
        f"    server {{ listen 127.0.0.1:{port}; client_max_body_size 32m; location / {{ proxy_pass http://model; "
        'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; '
        "proxy_buffering off; } }\n}\n"
    )


def deciding_config(folder: Path, port: int, upstream: int, decider: int, kept: Path) -> str:
    """Return the shipped example on other ports, with another folder for kept decisions."""
    text = (EXAMPLES / "nginx.conf").read_text()
    begin = text.index("http {") + len("http {\n    access_log off;\n")
    # The requests name their account, as a module that knows it would.
    named = 'map $remote_addr $stillwatch_account { default ""; }'
    changed = text[begin:].replace(
        named, "map $http_x_bench_account $stillwatch_account { default $http_x_bench_account; }"
    )
    for old, new in (
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
        ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
        ("127.0.0.1:8090", f"127.0.0.1:{decider}"),
        (KEPT, str(kept)),
    ):
        changed = changed.replace(old, new)
    return nginx_head(folder) + changed


def wrk_script(folder: Path) -> Path:
    """Write what wrk sends: requests of 1.5 kB that name one account after the other."""
    body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": ""}]})
    body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": "x" * (REQUEST_BYTES - len(body))}]})
    path = folder / "requests.lua"
    path.write_text(
        f"local body = '{body}'\nlocal at = 0\nlocal asked = {{}}\n"
        "function init()\n"
        f"  for k = 1, {ACCOUNTS} do\n"
        "    local headers = {['Content-Type'] = 'application/json', ['Authorization'] = 'Bearer sk-user' .. k,"
        " ['X-Bench-Account'] = 'user' .. k}\n"
        "    asked[k] = wrk.format('POST', '/v1/chat/completions', headers, body)\n"
        "  end\nend\n"
        f"function request()\n  at = at % {ACCOUNTS} + 1\n  return asked[at]\nend\n"
    )
    return path


def load(port: int, script: Path, seconds: int, connections: int) -> tuple[float, int]:
    """Return requests a second, and how many did not end in success."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script]
    ended = subprocess.run(
        [*map(str, command), f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 90,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", ended.stdout)
    if rate is None:
        raise RuntimeError(f"wrk said something else:\n{ended.stdout}{ended.stderr}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", ended.stdout)
    faults = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", ended.stdout)
    return float(rate[1]), (int(bad[1]) if bad else 0) + (sum(map(int, faults.groups())) if faults else 0)


def processor_s(processes: Sequence[int]) -> float:
    """Return the processor time that processes and their children have taken, in seconds."""
    taken, waiting = 0, list(processes)
    while waiting:
        process = waiting.pop()
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            children = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
        except OSError:
            continue
        taken += int(fields[11]) + int(fields[12])
        waiting += [int(child) for text in children for child in text.split()]
    return taken / os.sysconf("SC_CLK_TCK")


def decider_files(folder: Path, cache_s: float) -> dict[str, str]:
    """Write key, policy and a snapshot in which nobody who asks here stands anywhere."""
    (folder / "key").write_bytes(_KEY)
    policy = folder / f"policy-{cache_s:g}.yaml"
    policy.write_text(_POLICY.format(cache_s=cache_s))
    pseudonyms = Pseudonyms(_KEY)
    account = np.sort(np.array([pseudonyms.hash_one("account_id", f"other{k}") for k in range(STANDINGS)], np.uint64))
    rung = np.full(STANDINGS, int(Rung.SUSPEND), np.uint8)
    write_snapshot(folder / "standings.bin", Standings({"account": account, "rung": rung}, {}))
    return {"key_file": str(folder / "key"), "standings": str(folder / "standings.bin"), "policy": str(policy)}


def start_decider(stack: ExitStack, folder: Path, cache_s: float) -> tuple[int, int]:
    """Start the decision service and return its port and process."""
    port = free_port()
    code = (
        "from stillwatch.gateway.doors.serving import *\n"
        f"serve('stillwatch.gateway.doors.serving:authorization_application', Address('127.0.0.1', {port}),"
        f" {decider_files(folder, cache_s)!r})"
    )
    return port, stack.enter_context(running([sys.executable, "-c", code], port, folder))


def start_nginx(stack: ExitStack, folder: Path, name: str, config: str, port: int) -> int:
    """Start nginx in a folder of its own, and return its process."""
    path = folder / name / "nginx.conf"
    path.write_text(config)
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [binary, "-p", path.parent, "-c", path, "-e", path.parent / "error.log", "-g", "daemon off;"]
    return stack.enter_context(running(command, port, path.parent))


def start_litellm(stack: ExitStack, folder: Path, upstream: int, decider: tuple[int, int] | None) -> Contender | None:
    """Start LiteLLM's proxy, with the plug-in if there is a decider."""
    home = Path(os.environ.get("STILLWATCH_LITELLM_VENV", ROOT / ".venv-litellm"))
    binary = home / "bin" / "litellm"
    if not binary.exists():
        return None
    port = free_port()
    place = folder / f"litellm-{port}"
    place.mkdir()
    config = yaml.safe_load((EXAMPLES / "litellm.yaml").read_text())
    config["model_list"][0]["litellm_params"]["api_base"] = f"http://127.0.0.1:{upstream}/v1"
    config["general_settings"] = {"custom_auth": "own_auth.user_api_key_auth"}
    config.pop("guardrails")
    (place / "own_auth.py").write_text(
        "from litellm.proxy._types import UserAPIKeyAuth, hash_token\n\n"
        "async def user_api_key_auth(request, api_key):\n"
        "    return UserAPIKeyAuth(api_key=hash_token(api_key), user_id=api_key[3:])\n"
    )
    more = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": "sk-" + secrets.token_hex(32)}
    if decider is None:
        config["litellm_settings"] = {}
    else:
        more |= {"PYTHONPATH": str(ROOT / "src"), "STILLWATCH_DECIDER_URL": f"http://127.0.0.1:{decider[0]}"}
    (place / "config.yaml").write_text(yaml.safe_dump(config))
    command = [binary, "--config", place / "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    process = stack.enter_context(running([*command, "--telemetry", "False"], port, place, more))
    processes = (process,) if decider is None else (process, decider[1])
    return Contender("LiteLLM" if decider is None else "LiteLLM, our plug-in", port, processes, slow=True)


def start_envoy(stack: ExitStack, folder: Path, upstream: int, decider: tuple[int, int] | None) -> Contender | None:
    """Start Envoy by the shipped example, or without the filter that asks."""
    beside = Path(sys.executable).with_name("envoy")
    binary = os.environ.get("STILLWATCH_ENVOY") or (str(beside) if beside.exists() else shutil.which("envoy"))
    if not binary:
        return None
    port = free_port()
    config = yaml.safe_load((EXAMPLES / "envoy.yaml").read_text())
    held = json.dumps(config).replace('"port_value": 8080', f'"port_value": {port}')
    held = held.replace('"port_value": 8000', f'"port_value": {upstream}')
    config = json.loads(held.replace('"port_value": 8090', f'"port_value": {decider[0] if decider else 9}'))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    if decider is None:
        manager["http_filters"] = [each for each in manager["http_filters"] if "ext_authz" not in each["name"]]
    path = folder / f"envoy-{port}.json"
    path.write_text(json.dumps(config))
    command = [binary, "-c", path, "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
    process = stack.enter_context(running(command, port, folder))
    processes = (process,) if decider is None else (process, decider[1])
    return Contender("Envoy" if decider is None else "Envoy, asking each time", port, processes)


def contenders(stack: ExitStack, folder: Path) -> list[Contender]:
    """Start everything, and return what can be loaded, the plain ones first."""
    upstream, plain, kept, asking = (free_port() for _ in range(4))
    for name in ("upstream", "plain", "kept", "asking"):
        (folder / name).mkdir()
    served = start_nginx(stack, folder, "upstream", upstream_config(folder / "upstream", upstream), upstream)
    keeping, always = start_decider(stack, folder, 1), start_decider(stack, folder, 0)
    proxied = start_nginx(stack, folder, "plain", plain_config(folder / "plain", plain, upstream), plain)
    memory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stillwatch-doors-", dir=Path(KEPT).parent)))
    found: list[Contender | None] = [
        Contender("upstream alone", upstream, (served,)),
        Contender("nginx", plain, (proxied,)),
    ]
    for name, words, port, who in (
        ("kept", "nginx, decisions kept 1 s", kept, keeping),
        ("asking", "nginx, asking each time", asking, always),
    ):
        config = deciding_config(folder / name, port, upstream, who[0], memory / name)
        found.append(Contender(words, port, (start_nginx(stack, folder, name, config, port), who[1])))
    found += [start_envoy(stack, folder, upstream, who) for who in (None, always)]
    found += [start_litellm(stack, folder, upstream, who) for who in (None, keeping)]
    return [each for each in found if each is not None]


def measured(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return requests a second by contender: median, least and most of the rounds, and what failed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stillwatch-doors-")))
        script = wrk_script(folder)
        all_of_them = contenders(stack, folder)
        rates: dict[str, list[float]] = {each.name: [] for each in all_of_them}
        costs: dict[str, list[float]] = {each.name: [] for each in all_of_them}
        failed = dict.fromkeys(rates, 0)
        for place in range(args.rounds + 1):  # The first round only warms up.
            for each in all_of_them:
                seconds = args.seconds if place else 1
                connections = min(8, args.connections) if each.slow else args.connections
                before_s = processor_s(each.processes)
                rate, bad = load(each.port, script, seconds, connections)
                if place:
                    rates[each.name].append(rate)
                    costs[each.name].append((processor_s(each.processes) - before_s) / (rate * seconds) * 1e6)
                    failed[each.name] += bad
    return {
        name: {
            "median": statistics.median(held),
            "least": min(held),
            "most": max(held),
            "processor_us": statistics.median(costs[name]),
            "failed": failed[name],
        }
        for name, held in rates.items()
    }


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not (shutil.which("wrk") and (shutil.which("nginx") or Path("/usr/sbin/nginx").exists())):
        sys.exit("wrk and nginx are needed (Debian: apt-get install wrk nginx-light)")
    found = measured(args)
    plain = found["nginx"]
    kept = found["nginx, decisions kept 1 s"]
    share, share_cost = kept["median"] / plain["median"], plain["processor_us"] / kept["processor_us"]
    if args.json:
        told = {"contenders": found, "kept_of_plain": share, "kept_of_plain_by_processor": share_cost, "target": TARGET}
        print(json.dumps(told, indent=2))
        return
    print(f"{args.rounds} rounds of {args.seconds} s, {args.connections} connections (LiteLLM: 8), {ACCOUNTS} accounts")
    print(f"{'':28}{'requests/s':>11}{'least':>9}{'most':>9}{'of nginx':>10}{'processor':>12}{'failed':>8}")
    for name, held in found.items():
        rates = f"{held['median']:11,.0f}{held['least']:9,.0f}{held['most']:9,.0f}"
        of_plain, cost = f"{held['median'] / plain['median']:.3f}", f"{held['processor_us']:,.0f} µs"
        print(f"{name:28}{rates}{of_plain:>10}{cost:>12}{held['failed']:8,.0f}")
    for name in ("Envoy", "LiteLLM"):
        if name not in found:
            print(f"{name} is not installed and was left out")
    verdict = "met" if share >= TARGET else "missed"
    print(f"nginx with decisions kept: {share:.2f} of nginx plain; target {TARGET}: {verdict}")
    print(f"by processor time, which a busy machine blurs less: {share_cost:.2f}")


if __name__ == "__main__":
    main()
