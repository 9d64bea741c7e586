"""A gateway that is told to stop: what is under way ends well, the log is whole, metrics told the truth meanwhile."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.exchange.pseudonym import Pseudonyms


def logged(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in sorted(folder.glob("exchanges-*.parquet"))])


def metrics(port: int) -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_finishes_what_is_under_way_and_loses_no_row(
    model_server: Any, wall_tools: Any, tmp_path_factory: pytest.TempPathFactory, workers: int
) -> None:
    folder = tmp_path_factory.mktemp("stopping")
    options = ("--log", str(folder / "log"), "--log-age-s", "3600", "--workers", str(workers))
    gateway = wall_tools.start_gateway(folder, model_server.port, *options)
    body = {
        "model": "m-1",
        "temperature": 0.25,
        "n": 2,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    for k in range(20):
        wall_tools.post(gateway.port, key=f"sk-{k % 3}", test=("chat", "sse", "error")[k % 3], body=body)
    told = metrics(gateway.admin_port)
    until = time.monotonic() + 10
    while sum(value for name, value in told.items() if name.startswith("stillwatch_exchanges_total")) < 20:
        assert time.monotonic() < until  # An exchange is counted just after its client has the answer.
        told = metrics(gateway.admin_port)
    slow: list[Any] = []
    thread = threading.Thread(target=lambda: slow.append(wall_tools.post(gateway.port, test="slow-sse")))
    thread.start()
    time.sleep(0.3)
    gateway.process.send_signal(signal.SIGTERM)
    thread.join(30)
    assert gateway.process.wait(60) == 0, gateway.said
    assert slow[0].whole and slow[0].body == b"".join(wall_tools.EVENTS)

    table = logged(folder / "log")
    assert table.num_rows == 21 and len(set(table["exchange_id"].to_pylist())) == 21
    first = table.slice(0, table.num_rows).sort_by("timestamp").to_pylist()[0]
    account = f"key_{Pseudonyms(wall_tools.KEY).hash_one('api_key', 'sk-0'):016x}"
    want = {"account_id": account, "request_model": "m-1", "input_tokens": 11, "output_tokens": 7, "status": 200}
    want |= {"temperature": 0.25, "choice_count": 2, "max_tokens": 9, "turn": 0, "client_address": "127.0.0.1"}
    assert {name: first[name] for name in want} == want
    assert "prompt" not in table.column_names
    assert sorted(set(table["status"].to_pylist())) == [200, 500]
    assert set(table.filter(pa.compute.equal(table["status"], 200))["output_tokens"].to_pylist()) == {7}

    assert told['stillwatch_exchanges_total{endpoint="chat",status="200"}'] == 14
    assert told['stillwatch_exchanges_total{endpoint="chat",status="500"}'] == 6
    assert told['stillwatch_tokens_total{direction="written"}'] == 14 * 7
    assert told["stillwatch_decision_seconds_count"] == 20
    assert all("sk-" not in name and "key_" not in name for name in told)


def test_a_client_that_leaves_is_logged_as_such(
    model_server: Any, wall_tools: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("leaving")
    gateway = wall_tools.start_gateway(folder, model_server.port, "--log", str(folder / "log"))
    with closing(socket.create_connection(("127.0.0.1", gateway.port))) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nx-test: silent\r\n\r\n{}")
        time.sleep(0.5)
    until = time.monotonic() + 10
    while not metrics(gateway.admin_port).get("stillwatch_client_disconnects_total"):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert gateway.stop() == 0
    assert logged(folder / "log")["status"].to_pylist() == [499]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--upstream", "ftp://x"], "http://127.0.0.1:8000"),
        (["--upstream", "http://user:secret@x"], "no address"),
        (["--upstream", "http://x", "--policy", "absent.yaml"], "absent.yaml"),
        (["--upstream", "http://x", "--standings", "absent.bin", "--trusted-peer", "ten"], "10.0.0.0/8"),
        (["--upstream", "http://x", "--fact", "account=X-Account"], "no peer is trusted"),
        (["--upstream", "http://x", "--trusted-peer", "10.0.0.0/8", "--fact", "mood=X-Mood"], "account"),
        (["--upstream", "http://x", "--mark-style", "loud"], "vllm"),
        (["--upstream", "http://x", "--workers", "2", "--counters", "file.db"], "redis://"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_before_anything_starts(
    options: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(application, ["serve", "--key-file", "key", "--admin-port", "0", *options])
    assert ended.exit_code == 2, ended.output
    assert hint in ended.output
    assert "Traceback" not in ended.output


def test_the_command_teaches() -> None:
    ended = CliRunner().invoke(application, ["serve", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert ended.exit_code == 0
    for word in ("--upstream", "--standings", "Example: stillwatch serve", "nothing is enforced"):
        assert word in ended.output


def test_logs_are_json_lines_that_hold_no_exception_texts(shadow: Any) -> None:
    import logging

    from stillwatch.gateway.serve_logging import JsonFormatter

    for line in shadow.said.splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()
    try:
        raise ValueError("SECRET-PROMPT")
    except ValueError as error:
        record = logging.LogRecord(
            "a", logging.ERROR, __file__, 1, "failed", (), (type(error), error, error.__traceback__)
        )
    line = JsonFormatter().format(record)
    assert "SECRET-PROMPT" not in line and json.loads(line)["exception"] == "ValueError"


def test_a_scan_needs_none_of_the_packages_of_the_wall() -> None:
    import subprocess
    import sys

    code = (
        "import sys, stillwatch.__main__; print({'aiohttp', 'granian', 'prometheus_client', 'redis'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
