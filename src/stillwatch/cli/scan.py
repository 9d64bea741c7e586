"""``stillwatch scan``: from a provider's logs to the campaigns in them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stillwatch.case.report_value import worth_lines
from stillwatch.case.summary import summary
from stillwatch.case.table import campaign_table, headline
from stillwatch.case.value import Value
from stillwatch.engine.replay import STEP_HOURS
from stillwatch.engine.scan import Outcome, Request
from stillwatch.engine.scan import Progress as Tell
from stillwatch.engine.scan import scan as run
from stillwatch.engine.steps import Watch
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.mapping import load_mapping
from stillwatch.exchange.pseudonym import Pseudonyms, key_of, load_key
from stillwatch.exchange.quarantine import Quarantine, StrictError
from stillwatch.store.baselines import read_baseline
from stillwatch.store.results import result_accounts, write_results
from stillwatch.store.values import read_value

REJECTED = "rejected.jsonl"
STEPS_H = (1, 2, 3, 4, 6, 8, 12, 24)


Paths = Annotated[list[str], typer.Argument(help="Files, folders or patterns with exchanges.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the result: tables, report.html and summary.json.")]
Accounts = Annotated[
    Path | None, typer.Option("--accounts", help="Table of accounts: when opened, plan, card, mail domain, …")
]
History = Annotated[
    list[str] | None, typer.Option("--history", help="Earlier exchanges, seen for context; may be repeated.")
]
BaselineFile = Annotated[
    Path | None,
    typer.Option("--baseline", help="What is usual here, as `stillwatch baseline` learns it; without: shipped limits."),
]
Bans = Annotated[
    Path | None,
    typer.Option("--bans", help="Table of bans, account_id and banned_at: failover then asks them, not status codes."),
]
MapFile = Annotated[Path | None, typer.Option("--map", help="YAML or JSON file: canonical column: source column.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="STILLWATCH_KEY_FILE",
        help="Key of the pseudonyms, made if absent; equal keys and logs give equal results.",
    ),
]
ValueFile = Annotated[
    Path | None,
    typer.Option(
        "--value", help="What exchanges are worth, value.json of `stillwatch lab curve`: told of each campaign."
    ),
]
Level = Annotated[
    float, typer.Option("--level", min=0.0001, max=0.5, help="False-discovery level of the list of campaigns.")
]
Hours = Annotated[int, typer.Option("--step", help="Hours from one look to the next: 1, 2, 3, 4, 6, 8, 12 or 24.")]
AssumeUtc = Annotated[bool, typer.Option("--assume-utc", help="Take times without a zone as UTC.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


def scan(
    paths: Paths,
    out: Out,
    accounts: Accounts = None,
    history: History = None,
    baseline: BaselineFile = None,
    bans: Bans = None,
    map_file: MapFile = None,
    key_file: KeyFile = None,
    value: ValueFile = None,
    level: Level = 0.05,
    step: Hours = STEP_HOURS,
    assume_utc: AssumeUtc = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Scan logs for accounts that act as one to extract the model.

    Reads Parquet, JSON lines (also .gz, .zst) and CSV in any of the formats that `stillwatch columns` recognises, folds
    them into text-free footprints, and writes the campaigns with their evidence to --out. Bad rows go to
    rejected.jsonl there. With --value, report, terminal and summary say how much each campaign's exchanges would teach
    the students of that file, in all and before the flag; beyond the sizes measured they claim nothing. Exit code 2: a
    source cannot be read; 3: a bad row under --strict.

    Example: stillwatch scan logs/2026-11/ --accounts accounts.parquet --out result
    """
    with told():
        request = requested(paths, accounts, history, baseline, bans, map_file, level, step, assume_utc)
        worth = read_value(value) if value else None
        outcome = scanned(request, key_file, out, strict, quiet=as_json, value=worth)
    show(outcome, out, as_json)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn what outside input or a person stops a scan with into one line and an exit code."""
    try:
        yield
    except StrictError as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(3) from error
    except (SourceError, OSError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("stillwatch: interrupted; nothing was written", err=True)
        raise typer.Exit(130) from None


def requested(
    paths: Sequence[str],
    accounts: Path | None,
    history: Sequence[str] | None,
    baseline: Path | None,
    bans: Path | None,
    map_file: Path | None,
    level: float,
    step_hours: int,
    assume_utc: bool,
) -> Request:
    """Return what to scan, with the named files read.

    Raises:
        SourceError: If the map or the baseline cannot be read.
        typer.BadParameter: If the hours of a step do not divide the day.
    """
    if step_hours not in STEPS_H:
        raise typer.BadParameter("steps must divide the day evenly", param_hint="--step")
    return Request(
        paths=tuple(paths),
        accounts=accounts,
        history=tuple(history or ()),
        mapping=load_mapping(map_file) if map_file else None,
        assume_utc=assume_utc,
        level=level,
        step_hours=step_hours,
        bans=bans,
        baseline=read_baseline(baseline) if baseline else None,
    )


def scanned(
    request: Request,
    key_file: Path | None,
    out: Path,
    strict: bool,
    *,
    quiet: bool,
    watch: Watch | None = None,
    value: Value | None = None,
) -> Outcome:
    """Scan and write the result into ``out``; a folder that was made for a scan that failed is gone again."""
    now = dt.datetime.now(dt.UTC)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        pseudonyms = Pseudonyms(load_key(key_of(key_file)))
        with Quarantine(out / REJECTED, strict=strict) as quarantine, reading_bar(quiet) as progress:
            outcome = run(request, pseudonyms, quarantine, now, progress, watch)
            outcome = replace(outcome, scan=replace(outcome.scan, value=value))
            progress("writing", 0)
            write_results(out, outcome.scan, result_accounts(outcome.scan, outcome.account_id, outcome.score))
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # Someone else has put a file there: then the folder is theirs.
                folder.rmdir()
        raise
    return outcome


def show(outcome: Outcome, out: Path, as_json: bool) -> None:
    """Print the result of a scan."""
    if as_json:
        typer.echo(orjson.dumps(summary(outcome.scan), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console()
    if outcome.scan.campaigns:
        console.print(campaign_table(outcome.scan))
    console.print(headline(outcome.scan))
    for line in worth_lines(outcome.scan):
        console.print(line, markup=False, highlight=False)
    console.print(f"Report: {out / 'report.html'}")


@contextlib.contextmanager
def reading_bar(quiet: bool) -> Iterator[Tell]:
    """Show on a terminal what is being done and how many exchanges were read."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} exchanges"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    with bars:
        task = bars.add_task("reading", total=None)

        def progress(what: str, rows: int) -> None:
            bars.update(task, description=what, advance=rows)

        yield progress
