"""How figures, instants and foreign text are written for people: the same in report, terminal and summary."""

from __future__ import annotations

import datetime as dt
import math

_MINUS = "\u2212"


def count(number: int) -> str:
    """Write a whole number with thousands apart: 1,234,567."""
    return f"{number:,}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Write a number with its noun: "1 account", "2 accounts", "no accounts"."""
    if number == 1:
        return f"1 {noun}"
    many = nouns or f"{noun}s"
    return f"no {many}" if number == 0 else f"{count(number)} {many}"


def compact(number: float) -> str:
    """Write a number in four or five signs, for axes: 950, 1.2k, 35k, 1.5M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def nats(value: float) -> str:
    """Write evidence with one decimal and a true minus sign; "no data" for NaN."""
    if math.isnan(value):
        return "no data"
    if math.isinf(value):
        return "unbounded" if value > 0 else f"{_MINUS}unbounded"
    text = f"{abs(value):,.1f}"
    return f"{_MINUS}{text}" if value < 0 and text != "0.0" else text


def percent(share: float) -> str:
    """Write a share in [0, 1] as a percentage: one decimal below 10%, none above, never a false 0 or 100."""
    if math.isnan(share):
        return "unknown"
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.99 < share < 1:
        return "over 99%"
    value = 100 * share
    return f"{value:.0f}%" if value >= 10 or value == round(value) else f"{value:.1f}%"


def day(date: dt.date) -> str:
    """Write a date as 3 Mar 2026."""
    return f"{date.day} {date:%b %Y}"


def moment(instant: dt.datetime) -> str:
    """Write an instant to the minute in UTC: 3 Mar 2026, 14:05 UTC."""
    utc = instant.astimezone(dt.UTC)
    return f"{day(utc.date())}, {utc:%H:%M} UTC"


def span(first: dt.datetime, last: dt.datetime) -> str:
    """Write the days from ``first`` to ``last`` in UTC, naming one day once."""
    begin, end = first.astimezone(dt.UTC).date(), last.astimezone(dt.UTC).date()
    return f"on {day(begin)}" if begin == end else f"between {day(begin)} and {day(end)}"


def duration(seconds: float) -> str:
    """Write a length of time in its two leading units: 41 s, 2 min 10 s, 3 days 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", "s")
    if whole < 86_400:
        return _two(whole // 60, 60, "h", "min")
    return _two(whole // 3600, 24, "day" if whole < 172_800 else "days", "h")


def _two(amount: int, size: int, large: str, small: str) -> str:
    head, tail = divmod(amount, size)
    return f"{head} {large} {tail} {small}" if tail else f"{head} {large}"


def printable(text: str) -> str:
    """Return ``text`` on one line, with every sign that could steer a terminal or turn the reading order replaced.

    Labels come from logs that an adversary writes into: escape sequences, line breaks, bidirectional overrides and
    lone surrogates must not reach a reader.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else "\ufffd" for sign in text)
