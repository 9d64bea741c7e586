"""The bench's own programs: the load sends what it says and when, and the mock model server answers in pieces."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from bench.doors import free_port, running
from bench.proxy_ways import REQUESTS, compiled, pieces

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def loaded(folder: Path, kind: str, answer: list[bytes]) -> subprocess.CompletedProcess[str]:
    """Send a hundred requests in half a second to a server that gives this answer to all of a kind."""
    for each in REQUESTS:
        told = answer if each == kind else []
        (folder / f"{each}.answer").write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in told))
    port, body = free_port(), REQUESTS[kind]
    request = folder / "request"
    request.write_bytes(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    server = [compiled(folder, "model_server"), port, folder / "whole.answer", folder / "streamed.answer"]
    with running(server, port, folder):
        sender = [str(compiled(folder, "open_loop")), str(port), "4", "200", "0.5", str(request)]
        return subprocess.run(sender, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_every_request_is_answered_and_timed(tmp_path: Path, kind: str) -> None:
    ended = loaded(tmp_path, kind, pieces(kind))
    delays = [tuple(map(float, line.split())) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0 and len(delays) == 100
    assert all(0 < first <= last for first, last in delays)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_load_that_is_not_answered_is_no_measurement(tmp_path: Path, answer: bytes) -> None:
    ended = loaded(tmp_path, "whole", [answer])
    assert ended.returncode == 1 and ended.stderr and not ended.stdout
