"""Measuring a child: its own memory and time, its words when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench.measured import CommandError, forget, run

ROOT = Path(__file__).resolve().parents[2]


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_child_that_holds_more_has_the_higher_peak():
    # From a small process, since what this one holds would hide the difference.
    holding = "held = bytearray(200_000_000); held[::4096] = b'x' * len(held[::4096])"
    measuring = f"""
import sys
from bench.measured import run
for code in ("pass", {holding!r}):
    print(run([sys.executable, "-c", code])[0].peak_mb)
"""
    small_mb, large_mb = map(float, run(child(measuring), ROOT)[1].split())
    assert small_mb + 150 < large_mb < small_mb + 300


def test_processor_time_of_a_grandchild_counts():
    busy = "sum(range(20_000_000))"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    idle, _ = run(child("pass"))
    cost, _ = run(child(outer))
    assert cost.cpu_s > idle.cpu_s


def test_what_the_child_says_comes_back():
    assert run(child("print('found 3')"))[1] == "found 3\n"


def test_a_failing_child_is_an_error_with_its_last_words():
    with pytest.raises(CommandError, match="no such folder"):
        run(child("raise SystemExit('no such folder')"))


def test_forgetting_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "held"
    path.write_bytes(b"x" * 10_000)
    forget([path])
    assert path.read_bytes() == b"x" * 10_000
