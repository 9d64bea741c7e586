"""``stillwatch baseline``: what is usual in a provider's own traffic, learnt from history."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from stillwatch.campaign.baseline import Baseline
from stillwatch.case.wording import plural
from stillwatch.cli.scan import Accounts, AssumeUtc, KeyFile, MapFile, Strict, reading_bar, requested, told
from stillwatch.engine.baseline import baseline as learn
from stillwatch.evidence.benign import BENIGN
from stillwatch.exchange.pseudonym import Pseudonyms, key_of, load_key
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.store.baselines import as_json, write_baseline


def baseline(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns with the history's exchanges.")],
    out: Annotated[Path, typer.Option("--out", help="File for the baseline: JSON that a person can read and edit.")],
    accounts: Accounts = None,
    map_file: MapFile = None,
    key_file: KeyFile = None,
    assume_utc: AssumeUtc = False,
    strict: Strict = False,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print the baseline as JSON.")] = False,
) -> None:
    """Learn from history what honest accounts do here, for `stillwatch scan --baseline FILE`.

    The history needs no labels. It may hold campaigns: limits are fitted to the central mass of the accounts, and up to
    a tenth of a kind's accounts of another sort move them little. With --accounts each plan and verification level of
    at least 200 accounts gets limits of its own. The file names no account. A baseline changes what the detectors say
    beside flagged accounts and in the calibration report; it can make a scan flag less, never more.
    Exit code 2: a source cannot be read; 3: a bad row under --strict.

    Example: stillwatch baseline logs/2026-10/ --accounts accounts.parquet --out baseline.json
    """
    with told():
        request = requested(paths, accounts, None, None, None, map_file, 0.05, 24, assume_utc)
        pseudonyms = Pseudonyms(load_key(key_of(key_file)))
        with Quarantine(None, strict=strict) as quarantine, reading_bar(quiet=json_wanted) as progress:
            learnt = learn(request, pseudonyms, quarantine, dt.datetime.now(dt.UTC), progress)
        write_baseline(out, learnt)
    if json_wanted:
        typer.echo(orjson.dumps(as_json(learnt), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console()
    console.print(_table(learnt))
    console.print(_communities(learnt))
    if quarantine.count:
        console.print(f"{plural(quarantine.count, 'row').capitalize()} could not be used.")
    console.print(f"Written to {out}. Next: stillwatch scan LOGS --baseline {out} --out RESULT", markup=False)


def _table(learnt: Baseline) -> Table:
    title = f"{plural(learnt.exchanges, 'exchange')} of {plural(learnt.accounts, 'account')}"
    table = Table(title=title, box=None, title_justify="left")
    everyone, *kinds = learnt.habits
    table.add_column("limit", no_wrap=True)
    for head in ("shipped", "everyone", *(["by kind"] if kinds else [])):
        table.add_column(head, justify="right", no_wrap=True)
    for field in dataclasses.fields(BENIGN):
        if not any(field.name in dict(habits.learnt_from) for habits in learnt.habits):
            continue
        values = sorted(getattr(habits.benign, field.name) for habits in kinds)
        cells = [f"{getattr(limits, field.name):.4g}" for limits in (BENIGN, everyone.benign)]
        table.add_row(field.name, *cells, *([f"{values[0]:.4g} to {values[-1]:.4g}"] if kinds else []))
    return table


def _communities(learnt: Baseline) -> str:
    tail = learnt.communities
    if not tail.quantiles:
        return f"{plural(tail.communities, 'community', 'communities')}: too few to learn their evidence from."
    share, nats = tail.quantiles[-1]
    said = f"{plural(tail.communities, 'community', 'communities')}: {share:.0%} have {nats:.2f} nats or more. "
    if tail.offset_nats:
        return said + f"That is more than they should; {tail.offset_nats:.2f} nats will be taken off each."
    return said + f"That keeps the level, with {tail.headroom_nats:.2f} nats to spare; nothing will be taken off."
