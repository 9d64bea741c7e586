"""``stillwatch scan``: from a provider's logs to the campaigns in them."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stillwatch.case.summary import summary
from stillwatch.case.table import campaign_table, headline
from stillwatch.engine.scan import Outcome, Request
from stillwatch.engine.scan import scan as run
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.mapping import load_mapping
from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.exchange.quarantine import Quarantine, StrictError
from stillwatch.store.results import result_accounts, write_results

REJECTED = "rejected.jsonl"


def scan(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns with exchanges.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result: tables, report.html and summary.json.")],
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="Table of accounts: when opened, plan, card, mail domain, …")
    ] = None,
    history: Annotated[
        list[str] | None, typer.Option("--history", help="Earlier exchanges, seen for context; may be repeated.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML or JSON file: canonical column: source column.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            envvar="STILLWATCH_KEY_FILE",
            help="Key of the pseudonyms, made if absent; equal keys and logs give equal results.",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", min=0.0001, max=0.5, help="False-discovery level of the list of campaigns.")
    ] = 0.05,
    assume_utc: Annotated[bool, typer.Option("--assume-utc", help="Take times without a zone as UTC.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Scan logs for accounts that act as one to extract the model.

    Reads Parquet, JSON lines (also .gz, .zst) and CSV in any of the formats that `stillwatch columns` recognises, folds
    them into text-free footprints, and writes the campaigns with their evidence to --out. Bad rows go to
    rejected.jsonl there. Exit code 2: a source cannot be read; 3: a bad row under --strict.

    Example: stillwatch scan logs/2026-11/ --accounts accounts.parquet --out result
    """
    now = dt.datetime.now(dt.UTC)
    try:
        request = Request(
            paths=tuple(paths),
            accounts=accounts,
            history=tuple(history or ()),
            mapping=load_mapping(map_file) if map_file else None,
            assume_utc=assume_utc,
            level=level,
        )
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        try:
            outcome = _scan(request, Pseudonyms(load_key(_key_file(key_file))), out, strict, now, quiet=as_json)
        except BaseException:
            for folder in made:
                with contextlib.suppress(OSError):  # Someone else has put a file there: then the folder is theirs.
                    folder.rmdir()
            raise
    except StrictError as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(3) from error
    except (SourceError, OSError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("stillwatch: interrupted; nothing was written", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(orjson.dumps(summary(outcome.scan), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console()
    if outcome.scan.campaigns:
        console.print(campaign_table(outcome.scan))
    console.print(headline(outcome.scan))
    console.print(f"Report: {out / 'report.html'}")


def _key_file(named: Path | None) -> Path:
    """Return the key file to use: the one named, or the user's own, whose folder is made."""
    if named is not None:
        return named
    own = Path(typer.get_app_dir("stillwatch")) / "key"
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return own


def _scan(request: Request, pseudonyms: Pseudonyms, out: Path, strict: bool, now: dt.datetime, quiet: bool) -> Outcome:
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
    with Quarantine(out / REJECTED, strict=strict) as quarantine, bars:
        task = bars.add_task("reading", total=None)

        def progress(what: str, rows: int) -> None:
            bars.update(task, description=what, advance=rows)

        outcome = run(request, pseudonyms, quarantine, now, progress)
        bars.update(task, description="writing")
        write_results(out, outcome.scan, result_accounts(outcome.scan, outcome.account_id, outcome.score))
    return outcome
