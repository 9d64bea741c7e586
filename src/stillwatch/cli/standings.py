"""``stillwatch standings``: the table that gateways look accounts up in, and changes to single accounts by hand."""

from __future__ import annotations

import datetime as dt
import getpass
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms, key_of, load_key
from stillwatch.response.ladder import MEANINGS, WORDS, Rung
from stillwatch.response.overlay import Entry, SnapshotError, edit_overlay, overlay_path, read_overlay
from stillwatch.response.profiles import read_profiles
from stillwatch.response.redis_counters import redis_client
from stillwatch.response.redis_standings import publish_entries, publish_standings
from stillwatch.response.result_standings import flags_of, standings_of
from stillwatch.response.standing import Standing, Standings, apply_overlay, read_snapshot, write_snapshot
from stillwatch.store.results import read_results

DAY_US = 86_400_000_000
_PUBLISH_S = 30.0
standings = typer.Typer(
    name="standings",
    help="Make the table that gateways look accounts up in, look into it, and change single accounts at once.",
    no_args_is_help=True,
)
_KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", envvar="STILLWATCH_KEY_FILE", help="Key of the pseudonyms, as for the scan and gateway."
    ),
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Redis = Annotated[
    str | None, typer.Option("--redis", envvar="STILLWATCH_REDIS", help="Publish there too: redis://host:port/0.")
]
_File = Annotated[Path, typer.Argument(help="The table, as `standings make` wrote it.")]
_Accounts = Annotated[list[str] | None, typer.Argument(help="Account ids as in the logs, or pseudonyms in hex as 0x….")]
_Campaign = Annotated[str | None, typer.Option("--campaign", help="All accounts of this campaign.")]
_Reason = Annotated[str, typer.Option("--reason", help="For the record; never shown to the client.")]
_Days = Annotated[float, typer.Option("--days", min=0, help="Lapses after so many days; 0 for never.")]


@standings.command()
def make(
    result: Annotated[Path, typer.Argument(help="Folder that a scan wrote.")],
    out: Annotated[Path, typer.Option("--out", help="The table; replaced in one step if it exists.")],
    accounts: Annotated[
        Path | None,
        typer.Option("--accounts", help="Table of accounts: plan, verification, age for everyone's quotas."),
    ] = None,
    owners: Annotated[
        Path | None,
        typer.Option("--owners", help="CSV account_id,owner_country: who an account belongs to in the end."),
    ] = None,
    rung: Annotated[
        str, typer.Option("--rung", help="Where flagged accounts are put; the policy decides what comes of it.")
    ] = "observe",
    days: _Days = 0,
    key_file: _KeyFile = None,
    redis: _Redis = None,
    as_json: _AsJson = False,
) -> None:
    """Make the table of standings from a scan's result.

    All accounts of a campaign get one actor and are met by one swap. What was done by hand lies in a file beside the
    table and stays. Gateways see the new table within a second or so, without a restart. Without --accounts only
    flagged accounts are in the table.

    Example: stillwatch standings make result --accounts accounts.parquet --out standings
    """
    try:
        found = read_results(result)
        profiles = read_profiles(accounts, owners)
        pseudonyms = Pseudonyms(load_key(key_of(key_file)))
        now_us = _now_us()
        made = standings_of(
            flags_of(found.accounts, found.campaigns),
            profiles,
            lambda name, values: pseudonyms.hashes(name, values)[0],
            rung=_rung(rung),
            made_us=now_us,
            until_us=now_us + int(days * DAY_US) if days else 0,
            before=read_snapshot(out) if out.exists() else None,
        )
        write_snapshot(out, made)
        if redis:
            _publish(redis, lambda client: publish_standings(client, made))
    except (SourceError, SnapshotError, OSError, ValueError) as error:
        raise _failed(error) from error
    held = _summary(made, out)
    if as_json:
        _print(held)
    else:
        flagged = f"{held['flagged']:,} flagged, {held['campaigns']:,} campaigns, {held['bytes']:,} bytes"
        typer.echo(f"{held['accounts']:,} accounts, {flagged}; written to {out}")


@standings.command()
def show(file: _File, account: _Accounts = None, key_file: _KeyFile = None, as_json: _AsJson = False) -> None:
    """Show what is in the table, or where single accounts stand, what was done by hand included."""
    try:
        table, overlay = read_snapshot(file), read_overlay(overlay_path(file))
        if not account:
            held = _summary(table, file) | {"by_hand": len(overlay.entries)}
            if as_json:
                _print(held)
                return
            shown = Table("rung", "accounts", "meaning", title=str(file))
            for rung in Rung:
                shown.add_row(rung.word, f"{held['by_rung'][rung.word]:,}", MEANINGS[rung])
            Console().print(shown)
            typer.echo(
                f"{held['campaigns']:,} campaigns; {held['by_hand']:,} accounts changed by hand; made {held['made']}"
            )
            return
        pseudonyms = _pseudonyms(account, key_file)
        rows = []
        for name, key in zip(account, pseudonyms, strict=True):
            standing = apply_overlay(overlay, key, table.of(key), _now_us())
            entry = overlay.entries.get(key)
            rows.append(
                {"account": name, "pseudonym": f"{key:016x}"} | _told(standing) | {"by_hand": _entry_told(entry)}
            )
    except (SourceError, SnapshotError, OSError, ValueError) as error:
        raise _failed(error) from error
    if as_json:
        _print(rows)
        return
    for row in rows:
        for name, value in row.items():
            typer.echo(f"{name}: {value}")


@standings.command()
def revoke(
    file: _File,
    account: _Accounts = None,
    campaign: _Campaign = None,
    rung: Annotated[str, typer.Option("--rung", help="Where to put the accounts.")] = "suspend",
    reason: _Reason = "",
    days: _Days = 0,
    key_file: _KeyFile = None,
    redis: _Redis = None,
    as_json: _AsJson = False,
) -> None:
    """Take access from accounts at once: put them on a rung by hand, all in one step.

    The entry lies beside the table and outlives new tables, until it lapses or the account is restored.

    Example: stillwatch standings revoke standings --campaign 20260313-02 --reason "case 12"
    """
    entry = Entry(rung=_checked_rung(rung), reason=reason)
    _change(file, account, campaign, entry, days, key_file, redis, as_json, "revoked")


@standings.command()
def restore(
    file: _File,
    account: _Accounts = None,
    campaign: _Campaign = None,
    reason: _Reason = "",
    days: _Days = 0,
    key_file: _KeyFile = None,
    redis: _Redis = None,
    as_json: _AsJson = False,
) -> None:
    """Give accounts back what was taken, at once: an error was found, or an appeal was granted.

    The account leaves its actor and draws on no shared budget; later scans do not put it back until --days are over.
    """
    entry = Entry(restored=True, reason=reason)
    _change(file, account, campaign, entry, days, key_file, redis, as_json, "restored")


def _change(
    file: Path,
    accounts: list[str] | None,
    campaign: str | None,
    entry: Entry,
    days: float,
    key_file: Path | None,
    redis: str | None,
    as_json: bool,
    done: str,
) -> None:
    try:
        keys = _pseudonyms(accounts or [], key_file) + (_members(file, campaign) if campaign else [])
        if not keys:
            raise ValueError("name an account, or a campaign with --campaign")
        now_us = _now_us()
        until_us = now_us + int(days * DAY_US) if days else 0
        entry = replace(entry, by=getpass.getuser(), at_us=now_us, until_us=until_us)

        def edit(entries: dict[int, Entry]) -> None:
            for key in keys:
                verification = entries[key].verification if key in entries else ""
                entries[key] = replace(entry, verification=verification)

        overlay = edit_overlay(overlay_path(file), edit)
        if redis:
            _publish(redis, lambda client: publish_entries(client, {key: overlay.entries[key] for key in keys}))
    except (SourceError, SnapshotError, OSError, ValueError) as error:
        raise _failed(error) from error
    if as_json:
        _print({"changed": [f"{key:016x}" for key in keys], "as": done})
    else:
        typer.echo(f"{len(keys):,} account{'s' * (len(keys) != 1)} {done}")


def _publish(url: str, publish: Callable[[Any], object]) -> None:
    """Let ``publish`` write to the server at ``url``.

    Raises:
        ValueError: If the package redis is absent, or the server is away.
    """
    try:
        from redis.exceptions import RedisError
    except ImportError as error:
        raise ValueError("--redis needs the package redis: pip install 'stillwatch[wall]'") from error
    try:
        publish(redis_client(url, timeout_s=_PUBLISH_S))
    except RedisError as error:
        raise ValueError(f"the file is written, but {url.rpartition('@')[2]} could not be reached: {error}") from error


def _members(file: Path, campaign: str) -> list[int]:
    table = read_snapshot(file)
    names = table.names["campaign"]
    if not campaign or campaign not in names:
        raise ValueError(f"{file}: has no campaign {campaign!r}; it has {', '.join(names[1:11]) or 'none'}")
    found: list[int] = table.columns["account"][table.columns["campaign"] == names.index(campaign)].tolist()
    return found


def _pseudonyms(accounts: list[str], key_file: Path | None) -> list[int]:
    """Return the pseudonym of each account; one that is given as 0x and hexadecimal digits is taken as it is."""
    if all(name.startswith("0x") for name in accounts):
        keys = [int(name, 16) for name in accounts]
        if any(key >= 1 << 64 for key in keys):
            raise ValueError("a pseudonym has at most 16 hexadecimal digits")
        return keys
    hashes, _ = Pseudonyms(load_key(key_of(key_file))).hashes("account_id", pa.array(accounts, pa.string()))
    return [
        int(name, 16) if name.startswith("0x") else key for name, key in zip(accounts, hashes.tolist(), strict=True)
    ]


def _summary(table: Standings, path: Path) -> dict[str, Any]:
    rungs = Counter(table.columns["rung"].tolist())
    return {
        "file": str(path),
        "accounts": len(table),
        "flagged": int((table.columns["campaign"] > 0).sum()),
        "campaigns": len(table.names["campaign"]) - 1,
        "by_rung": {rung.word: rungs[int(rung)] for rung in Rung},
        "bytes": table.bytes_held,
        "made": _when(table.made_us),
    }


def _told(standing: Standing | None) -> dict[str, Any]:
    if standing is None:
        return {"known": False, "rung": Rung.NONE.word}
    held = standing._asdict() | {"known": True, "rung": standing.rung.word, "actor": f"{standing.actor:016x}"}
    for name in ("since_us", "until_us", "created_us"):
        value = held.pop(name)
        held[name.removesuffix("_us")] = _when(value) if value > 0 else None
    return held


def _entry_told(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "restored": entry.restored,
        "rung": None if entry.rung is None else entry.rung.word,
        "verification": entry.verification,
        "reason": entry.reason,
        "by": entry.by,
        "at": _when(entry.at_us),
        "until": _when(entry.until_us) if entry.until_us else None,
    }


def _when(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).isoformat(timespec="seconds")


def _now_us() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp() * 1e6)


def _rung(word: str) -> Rung:
    if word not in WORDS:
        raise ValueError(f"{word!r} is not a rung; there are {', '.join(WORDS)}")
    return WORDS[word]


def _checked_rung(word: str) -> Rung:
    try:
        return _rung(word)
    except ValueError as error:
        raise _failed(error) from error


def _failed(error: Exception) -> typer.Exit:
    typer.echo(f"stillwatch: {error}", err=True)
    return typer.Exit(2)


def _print(held: object) -> None:
    typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
