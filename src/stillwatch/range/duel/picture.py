"""The duel as a picture: a row a step, what was flagged, what got away, and at what price."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stillwatch.range.chart import COLOURS, Drawing, Scale, decades
from stillwatch.range.duel.duel import Duel
from stillwatch.range.duel.table import dollars, mean

ROW, TOP, LEFT, PANEL, GAP = 30.0, 76.0, 150.0, 210.0, 34.0


def picture(duel: Duel) -> str:
    """Return the duel as an SVG: bars and dots are means over the seeds, lines reach from the least to the greatest."""
    height = TOP + ROW * len(duel.rounds) + 56
    seeds = " ".join(map(str, duel.rules.seeds))
    drawing = Drawing(
        LEFT + 3 * PANEL + 2 * GAP + 76,
        height,
        "What an operator gains and pays by giving up signals",
        f"One row a step, over seeds {seeds}: share of accounts flagged, exchanges extracted before, dollars for each.",
    )
    drawing.text(12, 22, _title(duel), "title")
    drawing.text(12, 40, _caption(duel), "small")
    bottom = TOP + ROW * len(duel.rounds)
    ladder = sum(not each.step.apart for each in duel.rounds)
    for row, each in enumerate(duel.rounds):
        y = TOP + ROW * row
        drawing.text(LEFT - 10, y + 19, each.step.name, anchor="end")
        if row == ladder:
            drawing.line(12, y, LEFT + 3 * PANEL + 2 * GAP, y, "grid")
            drawing.text(
                12, bottom + 40, "Below the line: the two extremes. Bars and dots are means over the seeds.", "small"
            )
    flagged, leaked, price = _left(0), _left(1), _left(2)
    scale = Scale(0.0, 1.0, flagged, flagged + PANEL)
    shares = [[bout.flagged_share for bout in each.bouts] for each in duel.rounds]
    _panel(drawing, scale, "accounts flagged", shares, [mean(one) for one in shares], bottom, COLOURS[0], _share)
    taken = [[float(bout.trial.leaked) for bout in each.bouts] for each in duel.rounds]
    scale = Scale(*decades([value for one in taken for value in one]), leaked, leaked + PANEL, by_ratio=True)
    title = "exchanges extracted before the flag"
    _panel(drawing, scale, title, taken, [mean(one) for one in taken], bottom, COLOURS[1], lambda v: f"{v:,.0f}")
    cost = [[bout.usd_each for bout in each.bouts if bout.usd_each is not None] for each in duel.rounds]
    scale = Scale(*decades([value for one in cost for value in one]), price, price + PANEL, by_ratio=True)
    together = [each.usd_each or 0.0 for each in duel.rounds]
    _panel(drawing, scale, "dollars for each of them", cost, together, bottom, COLOURS[2], dollars)
    return drawing.svg()


def _title(duel: Duel) -> str:
    if duel.rules.adaptive:
        return "An operator gives up next what makes an exchange cheapest, and stops where nothing does"
    return "An operator gives up one signal after another"


def _caption(duel: Duel) -> str:
    rules = duel.rules
    return (
        f"{rules.benign * rules.scale:,.0f} honest accounts, {rules.days} days, "
        f"{dollars(rules.budget_usd * rules.scale)} a campaign, seeds {' '.join(map(str, rules.seeds))}; simulated"
    )


def _left(number: int) -> float:
    return LEFT + number * (PANEL + GAP)


def _share(value: float) -> str:
    return f"{value:.0%}"


def _short(value: float) -> str:
    """Return a tick's value in few letters: 1k, 1M; small ones as they are."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _panel(
    drawing: Drawing,
    scale: Scale,
    title: str,
    values: Sequence[Sequence[float]],
    centre: Sequence[float],
    bottom: float,
    colour: str,
    written: Callable[[float], str],
) -> None:
    drawing.text(scale.begin, TOP - 12, title, "small")
    for tick in scale.ticks():
        drawing.line(scale(tick), TOP, scale(tick), bottom, "grid")
        drawing.text(scale(tick), bottom + 15, _short(tick) if scale.by_ratio else written(tick), "small", "middle")
    for row, (one, middle) in enumerate(zip(values, centre, strict=True)):
        y = TOP + ROW * row + 7
        if not one:
            continue
        if scale.by_ratio:  # A bar would begin at nothing, which a scale by ratio does not have.
            drawing.path([(scale(min(one)), y + 8), (scale(max(one)), y + 8)], colour)
            drawing.dot(scale(middle), y + 8, colour, 5, written(middle))
        else:
            drawing.box(scale.begin, y, scale(middle) - scale.begin, ROW - 14, colour, written(middle))
            drawing.line(scale(min(one)), y + 8, scale(max(one)), y + 8)
        drawing.text(max(scale(middle), scale(max(one))) + 8, y + 12, written(middle), "small")
