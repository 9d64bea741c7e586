"""How the wall is set up: one value that a command line, a worker process or a set of environment variables fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from stillwatch.gateway.facts import FACTS, Sources, networks
from stillwatch.gateway.marking import MarkStyle

_PREFIX = "STILLWATCH_"


class SettingsError(ValueError):
    """A setting that cannot be used, told with a hint."""


@dataclass(frozen=True, slots=True)
class WallSettings:
    """What decides, what is believed and what is kept. Every field is text, a number or a list of texts.

    Attributes:
        policy: Policy file; empty for the one that comes with stillwatch, which enforces nothing.
        standings: Snapshot of standings; empty for none.
        counters: ``redis://…`` for counters that several gateways share; a file to keep this process's own over a
            restart; empty for neither.
        key_file: Key of the pseudonyms, the same as the scan's; empty for one that lives as long as the process.
        log: Folder of the exchange log; empty for none.
        log_rows: Rows of the log that become a file at the latest.
        log_age_s: Age at which they do, too.
        keep_text: Write prompts and system instructions into the log.
        footprints: Write footprints beside the log.
        trusted_peers: Networks whose header fields about callers are believed.
        fact_headers: ``fact=Header-Name`` pairs; see ``facts.FACTS``.
        key_headers: Fields that carry an API key.
        mark_style: Where in a request's body the key of a mark goes.
        body_bytes_max: Longest request to a model.
        traces: Address of an OpenTelemetry collector; empty for as OpenTelemetry's own variables say.
    """

    policy: str = ""
    standings: str = ""
    counters: str = ""
    key_file: str = ""
    log: str = ""
    log_rows: int = 20_000
    log_age_s: float = 30.0
    keep_text: bool = False
    footprints: bool = True
    trusted_peers: tuple[str, ...] = ()
    fact_headers: tuple[str, ...] = ()
    key_headers: tuple[str, ...] = field(default=Sources().key_headers)
    mark_style: str = MarkStyle.VLLM.value
    body_bytes_max: int = 32 << 20
    traces: str = ""

    def sources(self) -> Sources:
        """Return what is believed about callers.

        Raises:
            SettingsError: If a network or a pair cannot be read.
        """
        try:
            peers = networks(self.trusted_peers)
        except ValueError as error:
            raise SettingsError(f"a trusted peer is no network: {error} (write for instance 10.0.0.0/8)") from None
        told = {}
        for pair in self.fact_headers:
            fact, _, name = pair.partition("=")
            if fact.strip() not in FACTS or not name.strip():
                raise SettingsError(f"{pair!r} names no fact (write fact=Header-Name, with one of {', '.join(FACTS)})")
            told[fact.strip()] = name.strip().lower()
        if told and not peers:
            raise SettingsError("header fields tell facts, but no peer is trusted (name one, or nobody is believed)")
        return Sources(peers, told, tuple(name.strip().lower() for name in self.key_headers))

    def style(self) -> MarkStyle:
        """Return where the key of a mark goes.

        Raises:
            SettingsError: If there is no such place.
        """
        try:
            return MarkStyle(self.mark_style)
        except ValueError:
            known = ", ".join(style.value for style in MarkStyle)
            raise SettingsError(f"there is no mark style {self.mark_style!r} (there are {known})") from None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> WallSettings:
        """Return the settings that ``as_json`` gave."""
        fitted: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        return cls(**fitted)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> WallSettings:
        """Return settings from variables: ``STILLWATCH_`` and a field's name in capitals; lists are split at commas.

        Raises:
            SettingsError: If a number or a truth cannot be read.
        """
        found: dict[str, Any] = {}
        for each in fields(cls):
            name = _PREFIX + each.name.upper()
            if (text := environment.get(name)) is not None:
                found[each.name] = _read(name, text.strip(), getattr(cls(), each.name))
        return cls(**found)


def _read(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        if isinstance(default, int | float):
            return type(default)(text)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(default, bool) else "a number"
        raise SettingsError(f"{name} is {text!r} (write {kind})") from None
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return str(Path(text).expanduser()) if text.startswith("~") else text
