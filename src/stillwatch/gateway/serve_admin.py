"""The operator's address: metrics of all workers and whether the gateway is alive. Never the clients' address."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from stillwatch.gateway.doors.openapi import PATH as DESCRIPTION
from stillwatch.gateway.doors.openapi import described


class _Handler(BaseHTTPRequestHandler):
    server_version = "stillwatch"
    sys_version = ""
    timeout = 10.0

    def do_GET(self) -> None:
        """Answer ``/metrics``, ``/healthz`` and ``/openapi.json``."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        elif path == "/healthz":
            self._answer(200, "application/json", b'{"status":"ok"}')
        elif path == DESCRIPTION:
            self._answer(200, "application/json", described("admin").body)
        else:
            self._answer(404, "application/json", b'{"status":"no such page"}')

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Say nothing about each look."""


def open_admin(host: str, port: int) -> ThreadingHTTPServer:
    """Serve metrics and health on ``host`` and ``port`` in a thread; the server's ``shutdown`` ends it.

    The variable ``PROMETHEUS_MULTIPROC_DIR`` must name the folder that the workers count into.

    Raises:
        OSError: If the address is taken.
    """
    server = ThreadingHTTPServer((host, port), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server
