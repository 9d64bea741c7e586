"""The timeline of a campaign: exchanges a day, and where the flag fell."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from stillwatch.case.campaign_case import Campaign
from stillwatch.case.wording import compact, day

LEFT = 7.5  # Percent of the width kept for the labels of the vertical axis.
TOP = 16.0  # Percent of the height kept for the flag's label.
BOTTOM = 88.0
TICKS = 5  # As many dates as fit side by side on a telephone.


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    x: float
    y: float
    width: float
    height: float
    after_flag: bool
    label: str
    day: str
    exchanges: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a place of an axis."""

    at: float
    label: str
    anchor: str  # start, middle, end


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that is to be drawn."""

    bars: tuple[Bar, ...]
    days: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    flag: Tick


def timeline(campaign: Campaign) -> Timeline | None:
    """Return the timeline, with days of no exchanges filled in; None where no day is known."""
    if not campaign.exchanges_by_day:
        return None
    by_day = dict(campaign.exchanges_by_day)
    first, last = min(by_day), max(by_day)
    flagged = campaign.flagged_at.astimezone(dt.UTC)
    first, last = min(first, flagged.date()), max(last, flagged.date())
    days = [first + dt.timedelta(days=offset) for offset in range((last - first).days + 1)]
    step = (100 - LEFT) / len(days)
    top = _round_up(max(1, *by_day.values()))
    scale = (BOTTOM - TOP) / top
    bars = tuple(
        Bar(
            x=LEFT + index * step + 0.12 * step,
            y=BOTTOM - by_day.get(date, 0) * scale,
            width=0.76 * step,
            height=by_day.get(date, 0) * scale,
            after_flag=date > flagged.date(),
            label=f"{day(date)}: {by_day.get(date, 0):,} exchanges",
            day=day(date),
            exchanges=by_day.get(date, 0),
        )
        for index, date in enumerate(days)
    )
    midnight = dt.datetime.combine(first, dt.time(), dt.UTC)
    at = LEFT + (flagged - midnight).total_seconds() / 86_400 * step
    flag = Tick(at, f"flagged {flagged.day} {flagged:%b, %H:%M}", "start" if at < 60 else "end")
    levels = tuple(Tick(BOTTOM - value * scale, compact(value), "start") for value in (top / 2, top))
    return Timeline(bars, _dates(days, step), levels, flag)


def _dates(days: list[dt.date], step: float) -> tuple[Tick, ...]:
    shown = min(TICKS, len(days))
    places = sorted({round(index * (len(days) - 1) / max(1, shown - 1)) for index in range(shown)})
    last = len(days) - 1
    ticks = []
    for place in places:
        anchor = "middle"
        if last and place in (0, last):
            anchor = "start" if place == 0 else "end"
        at = LEFT + step * {"start": place, "middle": place + 0.5, "end": place + 1}[anchor]
        ticks.append(Tick(at, f"{days[place].day} {days[place]:%b}", anchor))
    return tuple(ticks)


def _round_up(value: float) -> float:
    """Return the least of 1, 2, 4, 5, 6, 8 or 10 times a power of ten that is at least ``value``."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 5, 6, 8, 10) if factor * power >= value)
