"""The bench of the decision runs and counts; how long anything takes is for its reader."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bench_tells_time_and_memory() -> None:
    command = [
        sys.executable,
        "-m",
        "bench.decision",
        "--accounts",
        "3000",
        "--requests",
        "300",
        "--passes",
        "1",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    held = json.loads(done.stdout)
    assert held["accounts"] == 3000
    assert 0 < held["table_bytes_an_account"] <= 200
    assert set(held["figures"]) == {"by hand", "in shadow, as shipped", "enforced"}
    for row in held["figures"].values():
        assert 0 < row["p50_us"] <= row["p99_us"] <= row["p99.9_us"]
    assert held["buckets"] > 0
