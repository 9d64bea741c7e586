"""The proxy's processes: a parent that listens and answers the operator, and workers that answer clients."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from stillwatch.gateway.proxy_upstream import UpstreamSettings
from stillwatch.gateway.settings import SettingsError, WallSettings

_SETTINGS = "STILLWATCH_SERVE_SETTINGS"  # Holds paths and addresses; the key itself stays in its file.
_COUNTING = "PROMETHEUS_MULTIPROC_DIR"
_HEADER_BYTES_MAX = 128 << 10
_HEADER_MS_MAX = 15_000
_STOP_S_MAX = 600
# Small steps: a collection lets the log's rows go from its care, and 20,000 of them at once stop requests for 11 ms.
_COLLECTIONS = (500, 20, 50)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """All that ``stillwatch serve`` is told.

    Attributes:
        upstream: The model server.
        wall: What decides and what is kept.
        host: Address for clients.
        port: Likewise.
        admin_host: Address for the operator.
        admin_port: Likewise; 0 for none.
        workers: Processes.
        in_flight_most: Requests that one worker answers at once; more wait to be accepted.
        body_s: Longest time that a request may take to arrive.
        stalled_s: Longest time that a client may take none of its answer.
        stop_s: Longest time that requests under way get when the gateway stops.
        log_level: debug, info, warning or error.
    """

    upstream: UpstreamSettings
    wall: WallSettings = field(default_factory=WallSettings)
    host: str = "127.0.0.1"
    port: int = 8080
    admin_host: str = "127.0.0.1"
    admin_port: int = 9464
    workers: int = 1
    in_flight_most: int = 1024
    body_s: float = 60.0
    stalled_s: float = 120.0
    stop_s: int = _STOP_S_MAX
    log_level: str = "info"

    def check(self) -> None:
        """Refuse what cannot work together.

        Raises:
            SettingsError: If there is any.
        """
        self.upstream.parts()
        self.wall.sources()
        self.wall.style()
        if self.workers > 1 and self.wall.counters and "://" not in self.wall.counters:
            raise SettingsError("several workers cannot keep their counters in one file (give --counters redis://…)")
        if self.workers > 1 and not self.wall.key_file:
            raise SettingsError("several workers need one key of the pseudonyms (give --key-file)")

    def as_json(self) -> bytes:
        """Return the settings as a worker reads them."""
        return orjson.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: bytes | str) -> ServeSettings:
        """Return the settings that ``as_json`` gave."""
        values: dict[str, Any] = orjson.loads(text)
        values["upstream"] = UpstreamSettings(**values["upstream"])
        values["wall"] = WallSettings.of_json(values["wall"])
        return cls(**values)


def application(environment: Mapping[str, str] = os.environ) -> Any:
    """Return the application of one worker; granian calls this in each."""
    import gc
    import sys

    from stillwatch.gateway.metrics import Metrics
    from stillwatch.gateway.proxy import Proxy
    from stillwatch.gateway.wall import Wall, open_wall

    settings = ServeSettings.of_json(environment[_SETTINGS])
    # A thread hands batches of the log over. Requests must not wait five milliseconds for it to let go.
    sys.setswitchinterval(0.0005)

    def opens() -> Wall:
        wall = open_wall(settings.wall, Metrics())
        gc.collect()
        gc.freeze()  # What is there now stays; looking through it again and again would stop requests.
        gc.set_threshold(*_COLLECTIONS)
        return wall

    return Proxy(
        settings.upstream,
        opens,
        settings.wall.body_bytes_max,
        settings.body_s,
        settings.stalled_s,
    )


def serve(settings: ServeSettings) -> None:
    """Serve until a signal ends it: SIGINT or SIGTERM let requests under way finish.

    Raises:
        SettingsError: If the settings cannot work.
        OSError: If an address is taken.
    """
    settings.check()
    counting = tempfile.mkdtemp(prefix="stillwatch-metrics-")
    os.environ[_COUNTING] = counting  # Before the first import of prometheus_client, which decides by it.
    os.environ[_SETTINGS] = settings.as_json().decode()
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from stillwatch.gateway.serve_admin import open_admin
    from stillwatch.gateway.serve_logging import log_configuration

    admin = open_admin(settings.admin_host, settings.admin_port) if settings.admin_port else None
    try:
        Granian(
            "stillwatch.gateway.serve:application",
            factory=True,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MS_MAX, max_buffer_size=_HEADER_BYTES_MAX),
            websockets=False,
            workers=settings.workers,
            backpressure=settings.in_flight_most,
            respawn_failed_workers=True,
            workers_kill_timeout=settings.stop_s,
            log_level=LogLevels(settings.log_level),
            log_dictconfig=log_configuration(settings.log_level),
        ).serve()
    finally:
        if admin is not None:
            admin.shutdown()
            admin.server_close()
        shutil.rmtree(counting, ignore_errors=True)
