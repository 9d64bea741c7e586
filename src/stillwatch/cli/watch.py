"""``stillwatch watch``: the loop from a gateway's log to the standings that the gateway reads."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stillwatch.engine.watch import SETTLED_S, FolderWatch, Tell, Watching
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.mapping import load_mapping
from stillwatch.exchange.pseudonym import Pseudonyms, key_of, load_key
from stillwatch.response.ladder import WORDS, Rung
from stillwatch.response.overlay import SnapshotError
from stillwatch.response.redis_counters import redis_client
from stillwatch.response.redis_standings import publish_standings
from stillwatch.response.standing import read_snapshot
from stillwatch.store.watches import load_watch, save_watch

_PUBLISH_S = 30.0
_SAID = {
    "resumed": "goes on with {accounts:,} accounts, {flagged:,} of them flagged, from {files:,} files",
    "accounts": "{accounts:,} accounts in {file}",
    "folded": "{exchanges:,} exchanges from {files:,} new files, {unfinished:,} files not yet whole",
    "refused": "{file} cannot be read: {reason}",
    "changed": "{file} was read before and has changed: {hint}",
    "rejected": "{rows:,} bad rows in {file}",
    "looked": "looked at {accounts:,} accounts, seen until {seen_until}: {campaigns:,} campaigns, {flagged:,} accounts "
    "flagged, {newly_flagged:,} of them new",
    "standings": "{flagged:,} of {accounts:,} accounts are flagged in {file}",
    "damaged": "the standings cannot be read, and are made anew: {reason}",
    "published": "standings published to {server}",
    "failed": "{reason}; tried again at the next turn",
}


def watch(
    folder: Annotated[Path, typer.Argument(help="Where files of exchanges appear: the gateway's --log folder.")],
    standings: Annotated[Path, typer.Option("--standings", help="The table that gateways read; replaced in one step.")],
    accounts: Annotated[
        Path | None,
        typer.Option(
            "--accounts", help="Table of accounts: when opened, plan, card, mail domain; read anew if changed."
        ),
    ] = None,
    every: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two turns.")] = 300.0,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, and end.")] = False,
    rung: Annotated[
        list[str] | None,
        typer.Option(
            "--rung",
            help="NATS=RUNG: where accounts are put whose campaign has so much evidence. May be repeated. [0=cap]",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", help="False-discovery level of a month of looks, in (0, 1).")
    ] = 0.05,
    state: Annotated[
        Path | None, typer.Option("--state", help="What is remembered over a restart; beside the table if not given.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML or JSON file: canonical column: source column.")
    ] = None,
    assume_utc: Annotated[bool, typer.Option("--assume-utc", help="Take times without a zone as UTC.")] = False,
    settled: Annotated[
        float, typer.Option("--settled", min=0, help="A file of lines that rests for so many seconds is whole.")
    ] = SETTLED_S,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", envvar="STILLWATCH_KEY_FILE", help="Key of the pseudonyms: that of the gateway."),
    ] = None,
    redis: Annotated[
        str | None, typer.Option("--redis", envvar="STILLWATCH_REDIS", help="Publish there too: redis://host:port/0.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was done as JSON, an object a line.")] = False,
) -> None:
    """Watch a folder of exchanges, and keep the standings that gateways read up to date.

    Every --every seconds: reads files that are new and whole, each once; where a gateway keeps no texts, merges the
    footprints that it left beside them. Looks for campaigns in all that was seen so far, and puts the accounts of one
    campaign on a rung together, in one new table; gateways take it over by themselves. A policy decides what comes of a
    rung. An account that was flagged once stays so: `stillwatch standings restore` takes it back.

    What was read is remembered in a file, so that a restart goes on where it ended. SIGTERM and SIGINT end it between
    two turns. A file that cannot be read is told and passed over; a table that cannot be written is tried again.

    Exit codes: 0 when it ended; 2 if it cannot begin.

    Example: stillwatch watch exchanges/ --standings standings.bin --accounts accounts.parquet --key-file key
    """
    tell = _told(as_json)
    try:
        pseudonyms = Pseudonyms(load_key(key_of(key_file)))
        watching = Watching(
            folder=folder,
            standings=standings,
            accounts=accounts,
            rungs=rungs_of(rung or ["0=cap"]),
            level=_checked(level),
            mapping=load_mapping(map_file) if map_file else None,
            assume_utc=assume_utc,
            settled_s=settled,
            every_s=every,
        )
        path = state or standings.with_name(standings.name + ".watch")
        if not standings.parent.is_dir():
            raise ValueError(f"{standings}: its folder does not exist")
        watched = FolderWatch(watching, pseudonyms, tell, load_watch(path, pseudonyms))
    except (SourceError, SnapshotError, OSError, ValueError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    ended = _ended()
    published = 0  # Tables of this watch.
    while not ended.is_set():
        failed = False
        try:
            watched.turn(dt.datetime.now(dt.UTC), lambda remembered: save_watch(path, remembered, pseudonyms))
            if redis and watched.made > published:
                _publish(redis, standings, tell)
                published = watched.made
        except (SourceError, SnapshotError, OSError, ValueError) as error:  # What fails now may not in a minute.
            tell("failed", {"reason": str(error)})
            failed = True
        if once:
            raise typer.Exit(2 if failed else 0)
        ended.wait(every)


def _publish(url: str, standings: Path, tell: Tell) -> None:
    """Publish the table.

    Raises:
        ValueError: If the package redis is absent.
        OSError: If the server is away.
    """
    try:
        from redis.exceptions import RedisError
    except ImportError as error:
        raise ValueError("--redis needs the package redis: pip install 'stillwatch[wall]'") from error
    server = url.rpartition("@")[2]
    try:
        publish_standings(redis_client(url, timeout_s=_PUBLISH_S), read_snapshot(standings))
    except RedisError as error:
        raise OSError(f"the table is written, but {server} could not be reached: {error}") from error
    tell("published", {"server": server})


def rungs_of(pairs: list[str]) -> tuple[tuple[float, Rung], ...]:
    """Return (nats, rung) pairs from texts such as ``9.2=verify``.

    Raises:
        ValueError: If one cannot be read.
    """
    found = []
    for pair in pairs:
        nats, _, word = pair.partition("=")
        try:
            found.append((float(nats), WORDS[word.strip()]))
        except (ValueError, KeyError):
            hint = f"write NATS=RUNG, as 9.2=verify; rungs are {', '.join(WORDS)}"
            raise ValueError(f"--rung {pair!r} cannot be read ({hint})") from None
    return tuple(sorted(found))


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"--level must lie in (0, 1), not {level}")
    return level


def _told(as_json: bool) -> Tell:
    def tell(what: str, details: Mapping[str, Any]) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if as_json:
            typer.echo(orjson.dumps({"time": now, "event": what, **details}).decode())
        else:
            typer.echo(f"{now}  {_SAID[what].format(**details)}")

    return tell


def _ended() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; only a main thread can ask for them."""
    ended = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: ended.set())
    return ended
