"""``stillwatch range``: what an operator gains by giving up signals, and where detection ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from stillwatch.range.cells import Cells
from stillwatch.range.duel.duel import Rules, fight
from stillwatch.range.duel.picture import picture
from stillwatch.range.duel.prices import SHIPPED, load_prices
from stillwatch.range.duel.table import dollars, duel_table
from stillwatch.range.limits.grid import Grid, measure
from stillwatch.range.limits.picture import picture as limits_picture
from stillwatch.range.limits.table import limits_table
from stillwatch.store.atomic import atomic_files

KEPT = "kept"  # Results of single simulations, so that an interrupted run goes on.

application = typer.Typer(
    name="range",
    help="Play campaigns against the detector: a duel step by step, and the limits of detection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@application.command()
def duel(
    out: Annotated[Path, typer.Option("--out", help="Folder for duel.json, duel.svg and what is kept to resume.")],
    benign: Annotated[int, typer.Option("--benign", min=16, help="Honest accounts at scale 1.")] = 2000,
    days: Annotated[int, typer.Option("--days", min=3, help="Length of the simulated time.")] = 12,
    budget: Annotated[float, typer.Option("--budget", help="The operator's dollars at scale 1.")] = 600.0,
    prices: Annotated[
        Path, typer.Option("--prices", help="YAML of prices; `stillwatch range prices` prints the one shipped.")
    ] = SHIPPED,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first of the seeds.")] = 7,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Seeds, one after the other.")] = 3,
    scale: Annotated[float, typer.Option("--scale", help="Factor on honest accounts and on the budget.")] = 1.0,
    level: Annotated[
        float, typer.Option("--level", min=0.0001, max=0.5, help="False-discovery level of the scan.")
    ] = 0.05,
    adaptive: Annotated[
        bool,
        typer.Option("--adaptive", help="Give up next whatever makes an exchange cheapest; takes three times as long."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print duel.json instead of a table.")] = False,
) -> None:
    """Let an operator that knows the detector give up one signal after another, and see what it costs.

    Each step is bought from the same budget at stated prices, simulated within honest traffic and scanned in earnest:
    how many accounts are flagged, how many exchanges get away before, and at what price each. Both extremes, all
    through one account and one exchange an account, are played too. An interrupted duel goes on where it stopped.

    Example: stillwatch range duel --out duel
    """
    seeds = tuple(range(seed, seed + repeats))
    Console(stderr=True).print(f"seeds {' '.join(map(str, seeds))}")
    with _complaints(), _bars(quiet=as_json) as progress:
        rules = Rules(load_prices(prices), budget, benign, days, seeds, scale, level, adaptive)
        found = fight(rules, Cells(out / KEPT), progress)
        said = orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        with atomic_files(out) as staging:
            (staging / "duel.json").write_bytes(said)
            (staging / "duel.svg").write_text(picture(found), encoding="utf-8")
    if as_json:
        typer.echo(said.decode(), nl=False)
        return
    Console().print(duel_table(found))
    if found.cheapest is not None:
        typer.echo(f"Cheapest for the operator: {found.cheapest[0]}, {dollars(found.cheapest[1])} an exchange.")
    typer.echo(f"Written to {out}: duel.json, duel.svg")


@application.command()
def limits(
    out: Annotated[Path, typer.Option("--out", help="Folder for limits.json, limits.svg and what is kept to resume.")],
    benign: Annotated[int, typer.Option("--benign", min=16, help="Honest accounts.")] = 1500,
    days: Annotated[int, typer.Option("--days", min=3, help="Length of the simulated time.")] = 10,
    size: Annotated[
        list[int] | None, typer.Option("--size", help="Accounts of a campaign; may be given several times.")
    ] = None,
    rate: Annotated[
        list[float] | None, typer.Option("--rate", help="Extracting exchanges an account a day; may be repeated.")
    ] = None,
    cover: Annotated[
        list[float] | None, typer.Option("--cover", help="Everyday exchanges for each that extracts; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first of the seeds.")] = 7,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Seeds, one after the other.")] = 2,
    level: Annotated[
        float, typer.Option("--level", min=0.0001, max=0.5, help="False-discovery level of the scan.")
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print limits.json instead of a table.")] = False,
) -> None:
    """Draw the limits of detection: recall at a benign false-positive rate of 0.001, beside what theory allows.

    Campaigns of each size, pace and share of cover, with each set of habits given up, are mixed one at a time into the
    same honest traffic and scanned. Beside them stand Wald's bound for one account, the bounds of a planted community
    and the square-root law of pooled content. An interrupted run goes on where it stopped.

    Example: stillwatch range limits --out limits --size 12 --size 50 --rate 8 --cover 0 --repeats 1
    """
    seeds = tuple(range(seed, seed + repeats))
    Console(stderr=True).print(f"seeds {' '.join(map(str, seeds))}")
    with _complaints(), _bars(quiet=as_json) as progress:
        usual = Grid()
        grid = Grid(
            sizes=tuple(sorted(set(size or usual.sizes))),
            rates=tuple(sorted(set(rate or usual.rates))),
            covers=tuple(sorted(set(cover or usual.covers))),
            benign=benign,
            days=days,
            seeds=seeds,
            level=level,
        )
        found = measure(grid, Cells(out / KEPT), progress)
        said = orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        with atomic_files(out) as staging:
            (staging / "limits.json").write_bytes(said)
            (staging / "limits.svg").write_text(limits_picture(found), encoding="utf-8")
    if as_json:
        typer.echo(said.decode(), nl=False)
        return
    Console().print(limits_table(found))
    typer.echo(f"Written to {out}: limits.json, limits.svg")


@application.command()
def prices() -> None:
    """Print the shipped prices with their sources: a YAML file to be edited and named with --prices.

    Example: stillwatch range prices > prices.yaml
    """
    typer.echo(SHIPPED.read_text(encoding="utf-8"), nl=False)


@contextlib.contextmanager
def _complaints() -> Iterator[None]:
    """Turn what went wrong into a sentence and an exit code: 2 for the caller's mistake, 130 for an interrupt."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("stillwatch: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(130) from None


@contextlib.contextmanager
def _bars(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        task = bars.add_task("")

        def progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield progress
