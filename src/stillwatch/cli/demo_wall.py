"""``stillwatch demo-wall``: the closed loop on this machine, to look at."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stillwatch.range.drive.drill import DrillPlan, DrillState, drill, stretches
from stillwatch.range.drive.processes import StartError
from stillwatch.range.drive.tally import Count

_PLAN = DrillPlan()
_BARS = " ▁▂▃▄▅▆▇█"
_STRETCHES = 60
_LINE_EVERY_US = 12 * 3_600_000_000


def demo_wall(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the simulated traffic.")] = _PLAN.seed,
    benign: Annotated[int, typer.Option("--benign", min=100, help="Honest accounts.")] = _PLAN.benign,
    days: Annotated[int, typer.Option("--days", min=3, help="Simulated days.")] = _PLAN.days,
    seconds: Annotated[
        float, typer.Option("--seconds", min=20, help="In which they pass, if the machine keeps up.")
    ] = _PLAN.seconds,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Empty folder for logs and standings, to look at.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the closing figures, as JSON.")] = False,
) -> None:
    """Show the loop close: a campaign begins, is found in the gateway's own log, and is stopped.

    Starts a mock model server, `stillwatch serve` with the policy that comes along, enforced, and `stillwatch watch` on
    ports of this machine, and sends them some simulated days in about two minutes. The campaign is made up for it and
    careless: this shows that the loop closes, not how well campaigns are found. Nothing leaves the machine, and all
    programs end with it. Needs the extra "wall": pip install 'stillwatch[wall]'.

    Exit codes: 0 when it ended; 1 if the campaign was not found; 2 if a program did not start.
    """
    plan = DrillPlan(seed=seed, benign=benign, days=days, seconds=seconds, seconds_most=seconds + 60)
    console = Console(highlight=False)
    try:
        with tempfile.TemporaryDirectory(prefix="stillwatch-wall-") as name:
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
            state = _shown(plan, keep or Path(name), console, as_json)
    except (StartError, OSError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    figures = closing(state, plan)
    if as_json:
        typer.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    else:
        console.print(_closing_table(state))
        console.print(_sentence(figures), markup=False, soft_wrap=True)
    if state.force_row < 0:
        raise typer.Exit(1)


def _shown(plan: DrillPlan, root: Path, console: Console, as_json: bool) -> DrillState:
    if as_json:
        return asyncio.run(drill(plan, root, lambda _: None))
    console.print(
        f"Seed {plan.seed}: {plan.days} simulated days in about {plan.seconds:.0f} seconds, once the programs are up."
    )
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            state = asyncio.run(drill(plan, root, lambda state: live.update(_chart(state), refresh=True)))
        console.print(_chart(state))
        return state
    lines = _Lines(console)
    return asyncio.run(drill(plan, root, lines))


class _Lines:
    """Prints a line each simulated half day, for a place that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_us = 0
        self._row = 0

    def __call__(self, state: DrillState) -> None:
        if state.at_us < self._next_us and not state.over:
            return
        campaign, honest = _since(state, self._row)
        self._console.print(
            f"{_when(state.at_us)}  campaign {campaign.through:>5,} through {campaign.refused:>5,} refused"
            f"   honest {honest.through:>6,} through {honest.refused:>3,} refused   {state.said}",
            markup=False,
            soft_wrap=True,
        )
        self._row = state.feed.row
        self._next_us = (state.at_us // _LINE_EVERY_US + 1) * _LINE_EVERY_US


def _since(state: DrillState, row: int, end: int | None = None) -> tuple[Count, Count]:
    rows = np.arange(len(state.traffic))
    inside = (rows >= row) & (rows < (len(rows) if end is None else end))
    return (
        state.tally.count(inside & state.traffic.extraction),
        state.tally.count(inside & ~state.traffic.hostile),
    )


def _chart(state: DrillState) -> Group:
    campaign, honest = stretches(state, _STRETCHES)
    top = max(1, int(campaign.sum(axis=1).max())), max(1, int(honest.sum(axis=1).max()))
    grid = Table.grid(padding=(0, 2))
    for name, numbers, most, style in (
        ("campaign, through", campaign[:, 0], top[0], "red"),
        ("campaign, refused", campaign[:, 1], top[0], "green"),
        ("honest, through", honest[:, 0], top[1], "cyan"),
        ("honest, refused", honest[:, 1], top[1], "red"),
    ):
        grid.add_row(name, Text(bars(numbers.tolist(), most), style=style), f"{int(numbers.sum()):,}")
    stopped = "" if state.force_row < 0 else "   The campaign meets the wall."
    return Group(Text(f"{_when(state.at_us)} (simulated)   {state.said}{stopped}"), grid)


def bars(numbers: Sequence[int], most: int) -> str:
    """Return one sign a number, as high as the number is of ``most``; anything above nothing can be seen."""
    steps = len(_BARS) - 1
    return "".join(_BARS[0 if number <= 0 else max(1, min(steps, round(steps * number / most)))] for number in numbers)


def closing(state: DrillState, plan: DrillPlan) -> dict[str, Any]:
    """Return the figures of a drill."""
    row = state.force_row if state.force_row >= 0 else len(state.traffic)
    before, _ = _since(state, 0, row)
    after, honest_after = _since(state, row)
    _, honest = _since(state, 0)
    return {
        "seed": plan.seed,
        "found": state.force_row >= 0,
        "flagged": state.flagged,
        "campaign_accounts": len(state.traffic.members),
        "campaign_before": before.sent,
        "campaign_after": after.sent,
        "campaign_through_after": after.through,
        "share_through_after": after.through / after.sent if after.sent else None,
        "honest": honest.sent,
        "honest_after": honest_after.sent,
        "honest_refused_by_standing": honest.barred,
        "honest_over_quota": honest.limited,
        "lost": state.tally.lost,
    }


def _closing_table(state: DrillState) -> Table:
    row = state.force_row if state.force_row >= 0 else len(state.traffic)
    table = Table("exchanges", "sent", "through", "refused by standing", "over a quota", "else")
    held = {
        "campaign, before its standing": _since(state, 0, row)[0],
        "campaign, with its standing": _since(state, row)[0],
        "honest": _since(state, 0)[1],
    }
    for name, count in held.items():
        numbers = (count.sent, count.through, count.barred, count.limited, count.failed)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def _sentence(figures: dict[str, Any]) -> str:
    share = figures["share_through_after"]
    if not figures["found"] or share is None:
        return "The campaign was not found in time: all of it got through."
    return (
        f"Once its standing was in force, {share:.1%} of the campaign's exchanges got through;"
        f" {figures['honest_refused_by_standing']} of {figures['honest']:,} honest requests were refused by standing."
    )


def _when(at_us: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC):%d %b %H:%M}"
