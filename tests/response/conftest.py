"""A real Redis server of the test's own, on a socket in its folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Server:
    """A server that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client = self.client()
        for _ in range(500):
            try:
                client.ping()
                client.close()
                return
            except Exception:
                time.sleep(0.01)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> Any:
        from stillwatch.response.redis_counters import redis_client

        return redis_client(self.url, timeout_s=5)


@pytest.fixture
def redis_server() -> Iterator[Server]:
    pytest.importorskip("redis", reason="the package redis is absent")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is absent")
    with tempfile.TemporaryDirectory(prefix="sw-") as folder:  # Paths of sockets must be short.
        server = Server(Path(folder))
        server.start()
        yield server
        server.stop()
