"""``stillwatch simulate``: labelled traffic with campaigns in it, to try a scan on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stillwatch.range.campaign import Campaign
from stillwatch.range.presets import DEMO, PRESETS, preset
from stillwatch.range.simulation import Simulation, Summary
from stillwatch.range.simulation import simulate as run


def simulate(
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the traffic; made, and written whole or not at all.")
    ] = None,
    benign: Annotated[int, typer.Option("--benign", min=1, help="Honest accounts.")] = 5000,
    scale: Annotated[float, typer.Option("--scale", help="Size of the campaigns against the disclosed, 0 to 1.")] = 0.1,
    days: Annotated[int, typer.Option("--days", min=1, help="Length of the simulated time.")] = 28,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal files.")] = 7,
    campaign: Annotated[
        list[str] | None, typer.Option("--campaign", help="A preset; may be given several times. Without: three.")
    ] = None,
    only_benign: Annotated[bool, typer.Option("--only-benign", help="No campaign at all.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier simulation.")] = False,
    list_presets: Annotated[bool, typer.Option("--list", help="List the campaigns and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Simulate a provider's traffic: honest accounts of many kinds, and campaigns at the size of public disclosures."""
    if list_presets:
        _list(as_json)
        return
    if out is None:
        raise typer.BadParameter("name a folder for the traffic", param_hint="--out")
    if only_benign and campaign:
        raise typer.BadParameter("--only-benign leaves no room for --campaign", param_hint="--campaign")
    try:
        chosen = () if only_benign else tuple(preset(name) for name in campaign or DEMO)
        spec = Simulation(benign=benign, scale=scale, days=days, seed=seed, campaigns=chosen)
        summary = _run(spec, out, force)
    except (ValueError, OSError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(orjson.dumps(asdict(summary) | {"out": str(out)}, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(summary, out)


def _run(spec: Simulation, out: Path, force: bool) -> Summary:
    console = Console(stderr=True)
    console.print(f"seed {spec.seed}")
    with Progress(console=console, transient=True) as bars:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        return run(spec, out, progress, force=force)


def _show(summary: Summary, out: Path) -> None:
    table = Table(title=f"{summary.exchanges:,} exchanges in {summary.files} files, seed {summary.seed}")
    table.add_column("who")
    table.add_column("accounts", justify="right")
    table.add_column("answers extracted", justify="right")
    for kind, accounts in summary.kinds:
        table.add_row(kind, f"{accounts:,}", "")
    for name, accounts, extracted in summary.campaigns:
        table.add_row(f"campaign {name}", f"{accounts:,}", f"{extracted:,}")
    Console().print(table)
    typer.echo(
        f"Written to {out}. Next: stillwatch scan {out}/exchanges --accounts {out}/accounts.parquet --out RESULT"
    )


def _size(campaign: Campaign) -> str:
    return f"{campaign.accounts:,} accounts, {campaign.exchanges:,} exchanges, {campaign.days:g} days"


def _list(as_json: bool) -> None:
    if as_json:
        held = [asdict(campaign) | {"in_demo": campaign.name in DEMO} for campaign in PRESETS]
        typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(title="Campaigns, at scale 1; those marked * run by default")
    for heading in ("name", "size", "disclosed", "made up here", "source"):
        table.add_column(heading, overflow="fold")
    for campaign in PRESETS:
        mark = "*" if campaign.name in DEMO else ""
        row = (campaign.name + mark, _size(campaign), campaign.disclosed, campaign.assumed, campaign.source)
        table.add_row(*row)
    Console().print(table)
