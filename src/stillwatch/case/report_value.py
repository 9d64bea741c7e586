"""What a value file says of each campaign: what its exchanges would teach, in all and before its flag."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from stillwatch.case.campaign_case import Campaign, Scan
from stillwatch.case.value import ABOUT, AT_LEAST, NOT_MEASURED, Gain, Value, ValueCurve
from stillwatch.case.wording import count, plural, printable


@dataclass(frozen=True, slots=True)
class Worth:
    """What a campaign's exchanges would teach on one curve; ``before_flag`` is None where the days are not known."""

    curve: ValueCurve
    in_all: Gain
    before_flag: Gain | None


def exchanges_before_flag(campaign: Campaign) -> int | None:
    """Return how many exchanges came on days before that of the flag, in UTC.

    Exchanges of a day that is no longer held are older than all days that are. None where no day is held, or all that
    are lie after the flag.
    """
    flagged = campaign.flagged_at.astimezone(dt.UTC).date()
    if not campaign.exchanges_by_day or campaign.exchanges_by_day[0][0] > flagged:
        return None
    return campaign.exchanges - sum(exchanges for day, exchanges in campaign.exchanges_by_day if day >= flagged)


def worths(value: Value | None, campaign: Campaign) -> tuple[Worth, ...]:
    """Return what a campaign's exchanges would teach, one entry a curve; none without a value file."""
    if value is None:
        return ()
    before = exchanges_before_flag(campaign)
    return tuple(
        Worth(curve, curve.gain(campaign.exchanges), None if before is None else curve.gain(before))
        for curve in value.curves
    )


def worth_sentences(value: Value, campaign: Campaign) -> str:
    """Tell what a campaign was worth: for each task, by the student that learnt most from so many exchanges."""
    best: dict[str, Worth] = {}
    for worth in worths(value, campaign):
        held = best.setdefault(worth.curve.task, worth)
        if worth.in_all.points > held.in_all.points:
            best[worth.curve.task] = worth
    return " ".join(f"{_taught(worth, value)} {_before(worth)}".rstrip() for worth in best.values())


def caveat(value: Value) -> str:
    """Say what the points are, and what they were measured on."""
    points = "A point is one more right answer in a hundred than the best constant guess gives, with its 95% range."
    if value.toy:
        return (
            f"{points} This is a toy's figure: the lab's small models, on the lab's small tasks. It shows how gain "
            "grows with exchanges, not what was gained from your model, unless you measure your own."
        )
    return (
        f"{points} Measured on {printable(value.student)}, taught by {printable(value.teacher)}. What was asked of "
        "your model may teach more or less than these tasks."
    )


def gain_words(gain: Gain | None) -> str:
    """Write a gain for a table: "about 52.1 (44.0 to 60.2)"."""
    if gain is None:
        return "not known"
    if gain.bound == NOT_MEASURED:
        return NOT_MEASURED
    return f"{gain.bound} {gain.points:.1f} ({gain.low:.1f} to {gain.high:.1f})" if gain.exchanges else "0"


def worth_lines(scan: Scan) -> list[str]:
    """Return plain lines for a terminal: one a campaign, and the caveat; none without a value file."""
    if scan.value is None or not scan.campaigns:
        return []
    lines = [f"{campaign.campaign_id}: {worth_sentences(scan.value, campaign)}" for campaign in scan.campaigns]
    return [printable(line) for line in (*lines, caveat(scan.value))]


def worth_summary(value: Value, campaign: Campaign) -> dict[str, Any]:
    """Return what a campaign was worth as JSON-ready values; points are null where nothing was measured."""
    return {
        "said": worth_sentences(value, campaign),
        "curves": [
            {
                "task": worth.curve.task,
                "student": worth.curve.student,
                "in_all": _plain(worth.in_all),
                "before_flag": None if worth.before_flag is None else _plain(worth.before_flag),
            }
            for worth in worths(value, campaign)
        ],
    }


def value_summary(value: Value) -> dict[str, Any]:
    """Return what a value file was measured on, as JSON-ready values."""
    return {
        "stillwatch_version": value.stillwatch_version,
        "teacher": value.teacher,
        "student": value.student,
        "toy": value.toy,
        "caveat": caveat(value),
    }


def _plain(gain: Gain) -> dict[str, Any]:
    nothing = {"points": None, "low": None, "high": None}
    return asdict(gain) | (nothing if gain.bound == NOT_MEASURED else {})


def _taught(worth: Worth, value: Value) -> str:
    gain, sizes = worth.in_all, worth.curve.points
    asked, task = plural(gain.exchanges, "exchange"), f"On {printable(worth.curve.task)}"
    if gain.bound == NOT_MEASURED:
        return f"{task}, what its {asked} would teach was not measured: the least was {count(sizes[0].exchanges)}."
    students = "the lab's students" if value.toy else "students"
    said = f"{task}, its {asked} would teach {students} {gain_words(gain)} points above guessing"
    beyond = f"; more than {count(sizes[-1].exchanges)} were not measured" if gain.bound == AT_LEAST else ""
    return f"{said}{beyond}."


def _before(worth: Worth) -> str:
    before, in_all = worth.before_flag, worth.in_all
    if before is None:
        return "How many of them came before its flag is not known."
    if not before.exchanges:
        return "None of them came on days before that of its flag."
    said = f"{count(before.exchanges)} on days before that of its flag would teach"
    if before.bound == NOT_MEASURED:
        return "" if in_all.bound == NOT_MEASURED else f"What the {said} was not measured."
    said = f"The {said}"
    if before.bound == AT_LEAST:
        return f"{said} {gain_words(before)}: all of it, as far as was measured."
    share = before.points / in_all.points if in_all.points else 0.0
    part = "most" if share > 0.5 else "at most half"
    measured = "" if in_all.bound == ABOUT else ", as far as was measured"
    return f"{said} {gain_words(before)}" + (f": {part} of it{measured}." if in_all.points else ".")
