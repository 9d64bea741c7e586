"""Line plots as SVG, drawn without a plotting library: one file that any browser opens and that loads nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 210, 40, 52
# Okabe and Ito's colours, which people with any colour vision can tell apart; dashes tell them apart in print.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, places, heights, and a range about each height where it is known."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Axes:
    """Titles and limits; ``logarithmic`` is about the horizontal axis."""

    title: str
    x_title: str
    y_title: str
    y_least: float
    y_most: float
    logarithmic: bool = False
    percent: bool = False


def drawn(axes: Axes, lines: Sequence[Series]) -> str:
    """Return the plot as an SVG document.

    Raises:
        ValueError: If there is no point, a place is not positive on a logarithmic axis, or the limits are no range.
    """
    places = [place for line in lines for place in line.x]
    if not places or not axes.y_least < axes.y_most or (axes.logarithmic and min(places) <= 0):
        raise ValueError("a plot needs points, positive ones on a logarithmic axis, and limits that differ")
    ends = _scaled(axes, min(places)), _scaled(axes, max(places))
    width = (ends[1] - ends[0]) or 1.0

    def across(value: float) -> float:
        return _LEFT + (_scaled(axes, value) - ends[0]) / width * (_WIDTH - _LEFT - _RIGHT)

    def down(value: float) -> float:
        share = (min(max(value, axes.y_least), axes.y_most) - axes.y_least) / (axes.y_most - axes.y_least)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(axes.title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" fill="#222222">{escape(axes.title)}</text>',
    ]
    for step in range(6):
        value = axes.y_least + (axes.y_most - axes.y_least) * step / 5
        label, level = f"{value:.0%}" if axes.percent else f"{value:.3g}", down(value)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="#dddddd"/>'
            f'<text x="{_LEFT - 8}" y="{level + 4:.1f}" text-anchor="end" fill="#444444">{label}</text>'
        )
    parts += [
        f'<text x="{across(value):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" fill="#444444">'
        f"{value:,.0f}</text>"
        for value in _ticks(sorted(set(places)), axes)
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(axes.x_title)}</text>')
    turned = (_HEIGHT - _BOTTOM + _TOP) / 2
    parts.append(
        f'<text transform="translate(16 {turned}) rotate(-90)" text-anchor="middle">{escape(axes.y_title)}</text>'
    )
    for number, line in enumerate(lines):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)]
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
        style = f'fill="none" stroke="{colour}" stroke-width="2"' + (f' stroke-dasharray="{dash}"' if dash else "")
        parts.append(f'<polyline points="{path}" {style}/>')
        for x, low, high in zip(line.x, line.low, line.high, strict=False):
            parts.append(
                f'<line x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{down(low):.1f}" y2="{down(high):.1f}" '
                f'stroke="{colour}"/>'
            )
        if len(line.x) <= 20:
            parts += [
                f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3.5" fill="{colour}"/>'
                for x, y in zip(line.x, line.y, strict=True)
            ]
        key = _TOP + 10 + 20 * number
        left = _WIDTH - _RIGHT + 14
        parts.append(f'<line x1="{left}" x2="{left + 22}" y1="{key}" y2="{key}" {style}/>')
        parts.append(f'<text x="{left + 28}" y="{key + 4}" fill="#222222">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _scaled(axes: Axes, value: float) -> float:
    return math.log(value) if axes.logarithmic else value


def _ticks(places: list[float], axes: Axes) -> list[float]:
    """Return the places themselves if they are few and stand apart, else five even ones."""
    span = _scaled(axes, places[-1]) - _scaled(axes, places[0])
    if len(places) <= 20 and span > 0:
        kept = [places[0]]
        for value in places[1:]:
            if (_scaled(axes, value) - _scaled(axes, kept[-1])) / span >= 0.1:
                kept.append(value)
        return kept
    return [places[0] + (places[-1] - places[0]) * step / 4 for step in range(5)]
