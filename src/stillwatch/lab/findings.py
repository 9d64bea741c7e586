"""What the cells of a curve say: value curves, forecasts against measurements, and what each defence takes away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from stillwatch import __version__
from stillwatch.case.value import Point, Value, ValueCurve
from stillwatch.lab.configuration import IN_PARTS, MODES, PASSIVE, Distillation
from stillwatch.lab.curve import Cell, Plan
from stillwatch.lab.figure import Axes, Series, drawn
from stillwatch.lab.forecast import Forecast, forecast
from stillwatch.lab.interval import Interval, interval
from stillwatch.store.atomic import atomic_file
from stillwatch.store.values import write_value


@dataclass(frozen=True, slots=True)
class Row:
    """Students of one kind under one defence at one size.

    ``gain_cut`` is the share of the undefended passive students' gain over guessing that the defence took away, at the
    same size and of the same seeds; None where none of these was trained. ``quality_lost`` is what the defence takes
    from the right answers that an honest user reads, in [-1, 1].
    """

    task: str
    defence: str
    student: str
    mode: str
    exchanges: int
    seeds: int
    accuracy: Interval
    gain_cut: float | None
    quality_lost: float | None
    usd_per_point: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A forecast beside what was measured."""

    task: str
    forecast: Forecast
    measured: float


def rows(cells: Sequence[Cell]) -> list[Row]:
    """Return one row for all seeds of a task, defence, student, mode and size, in the cells' order."""
    groups: dict[tuple[str, str, str, str, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.task, cell.defence, cell.student, cell.mode, cell.exchanges), []).append(cell)
    told = []
    for (task, defence, student, mode, exchanges), same in groups.items():
        seeds = {cell.seed for cell in same}
        bare = [cell for cell in groups.get((task, "none", PASSIVE, MODES[0], exchanges), ()) if cell.seed in seeds]
        reached = interval([cell.accuracy for cell in same], same[0].problems)
        cut = lost = None
        if bare:
            gain = float(np.mean([cell.accuracy for cell in bare])) - same[0].guess
            cut = 1.0 - (reached.mean - same[0].guess) / gain if gain > 0 else None
            right = [float(np.mean([cell.answers_right for cell in some])) for some in (bare, same)]
            lost = right[0] - right[1] if student != IN_PARTS else None  # Nobody honest reads answers put together.
        points = 100 * (reached.mean - same[0].guess)
        price = float(np.mean([cell.usd for cell in same])) / points if points > 0 else None
        told.append(Row(task, defence, student, mode, exchanges, len(same), reached, cut, lost, price))
    return told


def value(cells: Sequence[Cell], base: Distillation, versions: Mapping[str, str]) -> Value | None:
    """Return what exchanges are worth, one curve for each task and kind of student without a defence.

    Args:
        cells: Of one plan.
        base: Its models.
        versions: Of the software that trained, by name.

    Returns:
        None where no student without a defence is done.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows(cells):
        if (row.defence, row.mode) == ("none", MODES[0]):
            groups.setdefault((row.task, row.student), []).append(row)
    curves = []
    for (task, student), same in groups.items():
        behind = [cell for cell in cells if (cell.task, cell.defence, cell.mode) == (task, "none", MODES[0])]
        points = tuple(
            Point(row.exchanges, row.accuracy.mean, row.accuracy.low, row.accuracy.high, row.usd_per_point)
            for row in sorted(same, key=lambda row: row.exchanges)
        )
        right = float(np.mean([cell.answers_right for cell in behind if cell.student == student]))
        seeds = min(row.seeds for row in same)  # Of a curve that is not complete, what every point has.
        curves.append(ValueCurve(task, student, seeds, behind[0].guess, right, points))
    if not curves:
        return None
    return Value(__version__, tuple(versions.items()), base.teacher, base.student, tuple(curves))


def judged(cells: Sequence[Cell], sizes: Sequence[int], held_out: Sequence[int]) -> list[Judged]:
    """Return forecasts at held-out sizes, made from ``sizes`` alone, beside what was measured there."""
    told = []
    for task in dict.fromkeys(cell.task for cell in cells):
        bare = [cell for cell in _bare(cells) if cell.task == task]
        seen = [cell for cell in bare if cell.exchanges in set(sizes)]
        kept = sorted({cell.exchanges for cell in bare} & set(held_out))
        if len({cell.exchanges for cell in seen}) < 2 or not kept:
            continue
        expected = forecast(
            [cell.exchanges for cell in seen],
            [cell.accuracy for cell in seen],
            seen[0].problems,
            seen[0].guess,
            kept,
        )
        for entry in expected:
            measured = [cell.accuracy for cell in bare if cell.exchanges == entry.exchanges]
            told.append(Judged(task, entry, float(np.mean(measured))))
    return told


def value_plot(told: Value) -> str:
    """Return the value curves of passive students, who are trained at every size, as SVG."""
    lines = [
        Series(
            curve.task,
            tuple(float(point.exchanges) for point in curve.points),
            tuple(point.accuracy for point in curve.points),
            tuple(point.low for point in curve.points),
            tuple(point.high for point in curve.points),
        )
        for curve in told.curves
        if curve.student == PASSIVE
    ]
    title = "What exchanges are worth: students without a defence"
    return drawn(Axes(title, "exchanges", "accuracy", 0.0, 1.0, logarithmic=True, percent=True), lines)


def written(
    out: Path,
    plan: Plan,
    cells: Sequence[Cell],
    origins: Sequence[dict[str, Any]],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Write ``value.json``, ``value.svg`` and ``curve.json`` into ``out``, and return what the last of them holds."""
    worth = value(cells, plan.base, versions)
    held = {
        "rows": [asdict(row) for row in rows(cells)],
        "forecasts": [asdict(entry) for entry in judged(cells, plan.sizes, plan.held_out)],
        "origin": list(origins),
        "students_missing": len(list(plan.cells())) - len(cells),
    }
    if worth:
        write_value(out / "value.json", worth)
        with atomic_file(out / "value.svg") as stream:
            stream.write(value_plot(worth).encode())
    with atomic_file(out / "curve.json") as stream:
        stream.write(orjson.dumps(held, option=orjson.OPT_INDENT_2) + b"\n")
    return held


def _bare(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if (cell.defence, cell.student, cell.mode) == ("none", PASSIVE, MODES[0])]
