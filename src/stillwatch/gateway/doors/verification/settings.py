"""The verification service's settings: one YAML file, in which secrets are named by the files that hold them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.gateway.doors.verification.http_client import HttpClient
from stillwatch.gateway.doors.verification.ledger import Ledger
from stillwatch.gateway.doors.verification.registry import VENDORS
from stillwatch.gateway.doors.verification.service import VerificationService, VerifiedSink, overlay_sink, shared_sink
from stillwatch.gateway.doors.verification.step_up import Client, StepUp
from stillwatch.gateway.doors.verification.ticket import Tickets

_TABLE_WAIT_S = 30.0  # A table of millions takes its time over a network.
_TOP = frozenset({"public_url", "key_file", "standings", "ledger", "oidc", "webhooks", "accounts_per_person_most"})
_OIDC = frozenset({"issuer", "client_id", "client_secret_file", "acr_values", "auth_age_s_max", "level"})


class VerificationSettingsError(Exception):
    """Settings that cannot be used; the message names file, field and what would help."""


@dataclass(frozen=True, slots=True)
class VerificationSettings:
    """What the service is made from.

    Attributes:
        key_file: Key of the pseudonyms.
        standings: The snapshot beside which verifications are noted, or the server that holds one, ``redis://…``.
        ledger: The service's own file.
        public_url: Where browsers find the service, without ``/verify``.
        client: For step-up; None for none.
        level: What a step-up counts as.
        webhook_secrets: By vendor's name, the newest first.
        accounts_per_person_most: How many accounts one person may lift.
    """

    key_file: Path
    standings: str
    ledger: Path
    public_url: str
    client: Client | None = None
    level: str = "oidc"
    webhook_secrets: Mapping[str, Sequence[bytes]] = field(default_factory=dict, repr=False)
    accounts_per_person_most: int = 3


def read_verification_settings(path: Path) -> VerificationSettings:
    """Read and check the settings; relative paths in them start at their folder.

    Raises:
        VerificationSettingsError: If anything is wrong.
    """
    try:
        held = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VerificationSettingsError(f"{path}: cannot be read: {error}") from error
    reading = _Reading(path)
    top = reading.mapping(held, "the file", _TOP, ("public_url", "key_file", "standings", "ledger"))
    webhooks = reading.mapping(top.get("webhooks") or {}, "webhooks", frozenset(each.name for each in VENDORS), ())
    secrets = {name: reading.secrets(files, f"webhooks.{name}") for name, files in webhooks.items()}
    public_url = reading.text(top, "public_url").rstrip("/")
    client, level = None, "oidc"
    if top.get("oidc"):
        oidc = reading.mapping(top["oidc"], "oidc", _OIDC, ("issuer", "client_id", "acr_values"))
        classes = oidc["acr_values"]
        if not isinstance(classes, list) or not classes or not all(isinstance(each, str) and each for each in classes):
            reading.fail("oidc.acr_values", "list at least one class, since any sign-in would count otherwise")
        secret = oidc.get("client_secret_file")
        age_s = oidc.get("auth_age_s_max")
        if age_s is not None and (not isinstance(age_s, int) or age_s < 0):
            reading.fail("oidc.auth_age_s_max", "give whole seconds, or leave it out")
        level = reading.text(oidc, "level") if "level" in oidc else level
        client = Client(
            reading.text(oidc, "issuer"),
            reading.text(oidc, "client_id"),
            reading.secrets([secret], "oidc.client_secret_file")[0].decode() if secret else "",
            f"{public_url}/verify/callback",
            tuple(classes),
            age_s,
        )
    if client is None and not secrets:
        reading.fail("oidc and webhooks", "set up at least one of them")
    most = top.get("accounts_per_person_most", 3)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        reading.fail("accounts_per_person_most", "give a whole number of at least 1")
    key_file, ledger = (path.parent / reading.text(top, name) for name in ("key_file", "ledger"))
    standings = reading.text(top, "standings")
    if "://" not in standings:
        standings = str(path.parent / standings)
    return VerificationSettings(key_file, standings, ledger, public_url, client, level, secrets, most)


def verification_service(settings: VerificationSettings) -> VerificationService:
    """Make the service.

    Raises:
        SourceError: If the key cannot be read.
        VerificationSettingsError: If an address is not safe, or the ledger cannot be opened.
    """
    key = load_key(settings.key_file)
    try:
        ledger = Ledger(settings.ledger)
        step_up = StepUp(settings.client, HttpClient(), ledger) if settings.client else None
    except (ValueError, OSError) as error:
        raise VerificationSettingsError(str(error)) from error
    return VerificationService(
        Tickets(key),
        Pseudonyms(key),
        ledger,
        _sink(settings.standings),
        time.time,
        step_up,
        settings.webhook_secrets,
        secure=settings.public_url.startswith("https://"),
        accounts_per_person_most=settings.accounts_per_person_most,
        level=settings.level,
        issuer=settings.client.issuer if settings.client else "",
    )


def _sink(standings: str) -> VerifiedSink:
    if "://" not in standings:
        return overlay_sink(Path(standings))
    try:
        from stillwatch.response.redis_counters import redis_client

        return shared_sink(redis_client(standings, _TABLE_WAIT_S))
    except (ImportError, ValueError) as error:
        raise VerificationSettingsError(f"standings: {error}") from error


class _Reading:
    def __init__(self, path: Path) -> None:
        self._path = path

    def fail(self, place: str, hint: str) -> None:
        raise VerificationSettingsError(f"{self._path}: {place}: {hint}")

    def mapping(self, held: object, place: str, known: frozenset[str], needed: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(held, dict):
            raise VerificationSettingsError(f"{self._path}: {place}: must be a mapping")
        for name in held:
            if name not in known:
                self.fail(f"{place}, {name!r}", f"not known; known are {', '.join(sorted(known))}")
        for name in needed:
            if name not in held:
                self.fail(place, f"{name} is missing")
        return held

    def text(self, held: Mapping[str, Any], name: str) -> str:
        value = held[name]
        if not isinstance(value, str) or not value:
            raise VerificationSettingsError(f"{self._path}: {name}: must be a text")
        return value

    def secrets(self, files: object, place: str) -> list[bytes]:
        names = files if isinstance(files, list) else [files]
        found = []
        for name in names:
            if not isinstance(name, str):
                raise VerificationSettingsError(f"{self._path}: {place}: must name files that hold a secret each")
            try:
                secret = (self._path.parent / name).read_bytes().strip()
            except OSError as error:
                raise VerificationSettingsError(f"{self._path}: {place}: {name}: {error.strerror}") from error
            if not secret:
                self.fail(place, f"{name} is empty")
            found.append(secret)
        if not found:
            self.fail(place, "names no file")
        return found
