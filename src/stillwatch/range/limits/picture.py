"""The limits as a picture: a panel for each drop and cover, recall over size, and where the bounds lie."""

from __future__ import annotations

from stillwatch.range.chart import COLOURS, Drawing, Scale
from stillwatch.range.limits.curves import Curve, curves
from stillwatch.range.limits.grid import Limits
from stillwatch.range.trial import FALSE_POSITIVE_RATE

LEFT, TOP, PANEL, HIGH, GAP_X, GAP_Y = 92.0, 96.0, 168.0, 112.0, 22.0, 54.0


def picture(limits: Limits) -> str:
    """Return the limits as an SVG."""
    grid = limits.grid
    bottom = TOP + len(grid.covers) * (HIGH + GAP_Y)
    drawing = Drawing(
        LEFT + len(grid.drops) * (PANEL + GAP_X),
        bottom + 98,
        f"Recall at a benign false-positive rate of {FALSE_POSITIVE_RATE:g}",
        "One panel for each set of habits given up and each share of cover; recall over the campaign's accounts, one "
        "line a rate, with the sizes from which on theory allows detection.",
    )
    drawing.text(12, 24, f"Recall at a benign false-positive rate of {FALSE_POSITIVE_RATE:g}", "title")
    caption = (
        f"over the campaign's accounts; {grid.benign:,} honest accounts, {grid.days} days, "
        f"seeds {' '.join(map(str, grid.seeds))}; simulated"
    )
    drawing.text(12, 42, caption, "small")
    found = curves(limits)
    for column, drop in enumerate(grid.drops):
        drawing.text(LEFT + column * (PANEL + GAP_X), TOP - 26, "gives up", "small")
        drawing.text(LEFT + column * (PANEL + GAP_X), TOP - 11, drop)
        for row, cover in enumerate(grid.covers):
            shown = [curve for curve in found if (curve.drop, curve.cover) == (drop, cover)]
            _panel(drawing, shown, LEFT + column * (PANEL + GAP_X), TOP + row * (HIGH + GAP_Y), first=column == 0)
    for row, cover in enumerate(grid.covers):
        share = cover / (1 + cover)
        drawing.text(12, TOP + row * (HIGH + GAP_Y) + HIGH / 2 - 4, f"{share:.0%}", "title")
        drawing.text(12, TOP + row * (HIGH + GAP_Y) + HIGH / 2 + 11, "cover", "small")
    _legend(drawing, grid.rates, bottom)
    return drawing.svg()


def _panel(drawing: Drawing, shown: list[Curve], left: float, top: float, first: bool) -> None:
    sizes = shown[0].sizes
    high = float(sizes[-1]) if sizes[-1] > sizes[0] else sizes[0] * 2.0
    across = Scale(float(sizes[0]), high, left + 6, left + PANEL - 6, by_ratio=True)
    up = Scale(0.0, 1.0, top + HIGH, top)
    for value in (0.0, 0.5, 1.0):
        drawing.line(left, up(value), left + PANEL, up(value), "grid")
        if first:
            drawing.text(left - 5, up(value) + 4, f"{value:g}", "small", "end")
    for size in sizes:
        drawing.text(across(size), top + HIGH + 35, f"{size}", "small", "middle")
    for place, curve in enumerate(shown):
        colour = COLOURS[place % len(COLOURS)]
        points = [(across(size), up(recall)) for size, recall in zip(curve.sizes, curve.recall, strict=True)]
        drawing.path(points, colour, 2.2, "" if curve.alone else "4 3")
        for (x, y), size, recall in zip(points, curve.sizes, curve.recall, strict=True):
            drawing.dot(x, y, colour, 2.8, f"{size} accounts, {curve.rate:g} a day: {recall:.2f}")
        if curve.community_from <= sizes[-1]:
            about = f"community bound met from {curve.community_from:.0f} accounts on, at {curve.rate:g} a day"
            drawing.mark(_beside(across, curve.community_from, place), top + HIGH + 2, colour, "up", about)
        if curve.pool <= sizes[-1]:
            about = f"square-root law met from {curve.pool:.1f} accounts on, at {curve.rate:g} a day"
            drawing.mark(_beside(across, curve.pool, place), top + HIGH + 12, colour, "diamond", about)


def _beside(across: Scale, size: float, place: int) -> float:
    """Return where a bound is drawn; several at the left edge stand side by side."""
    return across(size) + (10 * place if size <= across.low else 0)


def _legend(drawing: Drawing, rates: tuple[float, ...], bottom: float) -> None:
    x, y = LEFT, bottom + 12
    drawing.text(12, y + 4, "a day", "small")
    for place, rate in enumerate(rates):
        drawing.path([(x, y), (x + 22, y)], COLOURS[place % len(COLOURS)], 2.2)
        drawing.text(x + 28, y + 4, f"{rate:g} exchanges an account", "small")
        x += 178
    drawing.text(12, y + 26, "bounds", "small")
    grey = "#888888"
    drawing.path([(LEFT, y + 22), (LEFT + 22, y + 22)], grey, 2.2)
    drawing.text(LEFT + 28, y + 26, "one account sends enough to be told from every honest kind (Wald)", "small")
    drawing.path([(LEFT + 402, y + 22), (LEFT + 424, y + 22)], grey, 2.2, "4 3")
    drawing.text(LEFT + 430, y + 26, "it does not", "small")
    drawing.mark(LEFT + 4, y + 39, grey, "up")
    drawing.text(LEFT + 28, y + 48, "from here on ties can tell a community's members", "small")
    drawing.mark(LEFT + 406, y + 38, grey, "diamond")
    drawing.text(LEFT + 430, y + 48, "from here on pooled marks show it (square-root law)", "small")
    words = (
        "A bound at the left edge is met by fewer accounts than are drawn; a missing one is met nowhere in the panel."
    )
    drawing.text(12, y + 70, words, "small")
