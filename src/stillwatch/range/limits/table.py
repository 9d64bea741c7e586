"""The limits as a table, for a terminal and for a page."""

from __future__ import annotations

import math

from rich import box
from rich.table import Table

from stillwatch.range.limits.curves import Curve, curves
from stillwatch.range.limits.grid import Limits


def _headings(limits: Limits) -> tuple[str, ...]:
    sizes = tuple(f"{size} accounts" for size in limits.grid.sizes)
    return (
        "gives up",
        "cover",
        "a day",
        *sizes,
        f"flagged of {limits.grid.sizes[-1]} (honest ones)",
        "one account sends",
        "needs (Wald)",
        "against the nearest kind",
        "pooled marks: accounts",
    )


def _row(curve: Curve) -> tuple[str, ...]:
    cells = []
    for recall, community, local in zip(curve.recall, curve.community, curve.local, strict=True):
        marks = ("i" if community >= 1 else "") + ("k" if local >= 1 else "")
        cells.append(f"{recall:.2f} {marks}".rstrip())
    return (
        curve.drop,
        f"{curve.cover / (1 + curve.cover):.0%}",
        f"{curve.rate:g}",
        *cells,
        f"{curve.flagged[-1]:.2f} ({curve.honest_flagged[-1]:g})",
        f"{curve.sent:,.0f}",
        number(curve.wald),
        f"{number(curve.wald_nearest)} ({curve.nearest_kind})",
        number(curve.pool),
    )


def number(value: float) -> str:
    """Return a bound in the fewest figures: a whole number, less than one, or never."""
    if not math.isfinite(value):
        return "never"
    return "< 1" if value < 1 else f"{math.ceil(value):,}"


def limits_table(limits: Limits) -> Table:
    """Return the limits for a terminal."""
    seeds = " ".join(map(str, limits.grid.seeds))
    table = Table(title=f"Recall, means over seeds {seeds}; simulated", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(_headings(limits)):
        table.add_column(heading, justify="right" if place else "left", overflow="fold")
    before = None
    for curve in curves(limits):
        table.add_row(*_row(curve))
        if before is not None and before != curve.drop:
            table.rows[-2].end_section = True
        before = curve.drop
    return table


def limits_page(limits: Limits) -> str:
    """Return the limits as a Markdown table."""
    headings = _headings(limits)
    rows = [headings, tuple("---" for _ in headings), *(_row(curve) for curve in curves(limits))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
