"""Services as processes: granian starts workers, and each makes its own service from what the environment names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.gateway.doors.authorization import AuthorizationService
from stillwatch.gateway.doors.local_decider import DeciderFiles, local_decisions
from stillwatch.gateway.doors.rsgi import Application
from stillwatch.gateway.doors.verification.settings import read_verification_settings, verification_service

SETTINGS_VARIABLE = "STILLWATCH_DOOR"  # Names files, and holds no secret: the environment of a process can be read.


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens: a port of a host, or a socket file.

    Attributes:
        host: Empty for a socket file.
        socket_file: None for a port.
    """

    host: str
    port: int
    socket_file: Path | None = None


def parse_address(text: str) -> Address:
    """Return the address that ``HOST:PORT`` or ``unix:PATH`` names.

    Raises:
        ValueError: If it is neither.
    """
    if text.startswith("unix:") and len(text) > 5:
        return Address("", 0, Path(text[5:]))
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is neither HOST:PORT nor unix:PATH")
    return Address(host.strip("[]"), int(port))


def serve(target: str, address: Address, settings: dict[str, Any], workers: int = 1) -> None:
    """Run a service until it is told to end.

    Args:
        target: Module and factory, as granian names them.
        address: Where to listen.
        settings: For the factory; JSON values without secrets.
        workers: Processes. Each counts by itself.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings

    os.environ[SETTINGS_VARIABLE] = json.dumps(settings)
    place: dict[str, Any] = {"uds": address.socket_file, "uds_permissions": 0o660}
    if address.socket_file is None:
        place = {"address": address.host, "port": address.port}
    Granian(
        target,
        interface=Interfaces.RSGI,
        workers=workers,
        factory=True,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        log_access=False,
        respawn_failed_workers=True,
        **place,
    ).serve()


def authorization_application() -> Application:
    """Make the decision service as the environment's settings name its files.

    Raises:
        SourceError, PolicyError, SnapshotError: If a file cannot be used.
    """
    settings = json.loads(os.environ[SETTINGS_VARIABLE])
    return Application(authorization_service(settings))


def authorization_service(settings: Mapping[str, Any]) -> AuthorizationService:
    """Make the service from settings: ``key_file``, ``standings`` and, where wanted, ``policy`` and ``counters``.

    Raises:
        SourceError, PolicyError, SnapshotError: If a file cannot be used.
    """
    policy = settings.get("policy")
    key_file = Path(settings["key_file"])
    files = DeciderFiles(
        key_file, settings["standings"], Path(policy) if policy else None, settings.get("counters") or ""
    )
    pseudonyms = Pseudonyms(load_key(key_file))
    return AuthorizationService(local_decisions(files), pseudonyms.hash_one)


def verification_application() -> Application:
    """Make the verification service as the environment's settings name its file.

    Raises:
        VerificationSettingsError, SourceError, SnapshotError: If a file cannot be used.
    """
    settings = json.loads(os.environ[SETTINGS_VARIABLE])
    return Application(verification_service(read_verification_settings(Path(settings["settings"]))))
