"""What exchanges are worth: never beyond what was measured, never less for more."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from stillwatch.case.campaign_case import Campaign, Scan
from stillwatch.case.report import render_report
from stillwatch.case.report_value import exchanges_before_flag, worth_lines, worth_sentences, worths
from stillwatch.case.summary import summary
from stillwatch.case.value import ABOUT, AT_LEAST, NOT_MEASURED, Point, Value, ValueCurve

POINTS = (Point(100, 0.3, 0.2, 0.4), Point(1000, 0.7, 0.6, 0.8, 0.006), Point(10_000, 0.68, 0.6, 0.75))
CURVE = ValueCurve("arithmetic", "passive", 5, 0.18, 0.996, POINTS)


def value(*curves: ValueCurve, teacher: str = "built-in", student: str = "built-in") -> Value:
    return Value("0.1.0", (("torch", "2.13.0"),), teacher, student, curves or (CURVE,))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_gain_grows_with_exchanges_and_lies_in_its_range(one: int, other: int) -> None:
    less, more = CURVE.gain(min(one, other)), CURVE.gain(max(one, other))
    assert less.points <= more.points + 1e-9
    for gain in (less, more):
        assert 0 <= gain.low <= gain.points <= gain.high <= 82


def test_gain_at_measured_sizes_between_and_outside() -> None:
    at = CURVE.gain(100)
    assert (at.bound, at.points, at.low, at.high) == (ABOUT, *(pytest.approx(each) for each in (12, 2, 22)))
    assert CURVE.gain(316).points == pytest.approx(32, abs=0.1)  # Half-way on the logarithm.
    assert CURVE.gain(10_000).bound == ABOUT
    beyond = CURVE.gain(10**7)
    assert beyond.bound == AT_LEAST and beyond.points == CURVE.gain(1000).points  # The dip at 10,000 is smoothed out.
    below = CURVE.gain(99)
    assert below.bound == NOT_MEASURED and (below.points, below.high) == (0, 0)
    assert CURVE.gain(0).bound == ABOUT and CURVE.gain(0).high == 0
    with pytest.raises(ValueError, match="negative"):
        CURVE.gain(-1)


def test_a_student_below_guessing_gained_nothing() -> None:
    poor = dataclasses.replace(CURVE, points=(Point(100, 0.16, 0.1, 0.2),))
    gain = poor.gain(100)
    assert (gain.points, gain.low) == (0, 0) and gain.high == pytest.approx(2)


@pytest.mark.parametrize("points", [(), (POINTS[1], POINTS[0]), (POINTS[0], POINTS[0])])
def test_a_curve_needs_increasing_sizes(points: tuple[Point, ...]) -> None:
    with pytest.raises(ValueError, match="increasing"):
        dataclasses.replace(CURVE, points=points)


@pytest.mark.parametrize("figures", [(0, 0.5, 0.4, 0.6), (10, 0.5, 0.6, 0.7), (10, 0.5, 0.4, 1.1), (10, 0.5, -0.1, 1)])
def test_a_point_out_of_range_is_refused(figures: tuple[int, float, float, float]) -> None:
    with pytest.raises(ValueError, match="low <= accuracy"):
        Point(*figures)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one curve"):
        Value("0.1.0", (), "a", "b", ())
    for wrong in ({"seeds": 0}, {"guess": 1.2}, {"teacher_accuracy": -0.1}):
        with pytest.raises(ValueError, match="a seed or more"):
            dataclasses.replace(CURVE, **wrong)


def days(campaign: Campaign, *counts: int, first: int, exchanges: int | None = None) -> Campaign:
    """The campaign with so many exchanges on days from ``first`` on, counted from the day of its flag."""
    flagged = campaign.flagged_at.astimezone(dt.UTC).date()
    held = tuple((flagged + dt.timedelta(days=first + place), n) for place, n in enumerate(counts))
    return dataclasses.replace(campaign, exchanges_by_day=held, exchanges=exchanges or sum(counts))


def test_exchanges_before_the_flag(fictional_scan: Scan) -> None:
    campaign = fictional_scan.campaigns[0]
    assert exchanges_before_flag(days(campaign, 100, 50, 30, 20, first=-2)) == 150
    assert exchanges_before_flag(days(campaign, 100, 20, first=0)) == 0
    # Days that are no longer held are older than those that are.
    assert exchanges_before_flag(days(campaign, 100, 50, 30, first=-2, exchanges=1180)) == 1150
    assert exchanges_before_flag(days(campaign, 100, first=1, exchanges=1180)) is None
    assert exchanges_before_flag(dataclasses.replace(campaign, exchanges_by_day=())) is None


def sizes(campaign: Campaign) -> dict[str, Campaign]:
    """Campaigns of every case that the sentences tell apart."""
    return {
        "within, most before": days(campaign, 900, 50, 50, first=-1),
        "within, little before": days(campaign, 110, 4000, 4890, first=-1),
        "within, too few before to tell": days(campaign, 10, 490, first=-1),
        "within, none before": days(campaign, 500, 500, first=0),
        "beyond, beyond before": days(campaign, 50_000, 4000, first=-1),
        "beyond, most before": days(campaign, 900, 50_000, first=-1),
        "too few in all": days(campaign, 10, 20, first=-1),
        "days not known": dataclasses.replace(campaign, exchanges_by_day=(), exchanges=5000),
    }


def test_sentences_read_as_before(fictional_scan: Scan, snapshot: SnapshotAssertion) -> None:
    said = {name: worth_sentences(value(), each) for name, each in sizes(fictional_scan.campaigns[0]).items()}
    assert said == snapshot


def test_the_student_that_learns_most_is_told_of_each_task(fictional_scan: Scan) -> None:
    clever = dataclasses.replace(CURVE, student="adaptive", points=(Point(1000, 0.9, 0.8, 1.0),))
    other = dataclasses.replace(CURVE, task="look-up")
    campaign = days(fictional_scan.campaigns[0], 900, 200, first=-1)
    said = worth_sentences(value(CURVE, clever, other), campaign)
    assert said.count("On arithmetic") == said.count("On look-up") == 1
    assert "at least 72.0 (62.0 to 82.0)" in said
    assert [each.curve for each in worths(value(CURVE, clever, other), campaign)] == [CURVE, clever, other]
    assert worths(None, campaign) == ()


def test_report_terminal_and_summary_tell_it(fictional_scan: Scan, empty_scan: Scan, hostile: tuple[str, str]) -> None:
    script, reordering = hostile
    own = value(dataclasses.replace(CURVE, task=script), teacher=script, student=reordering)
    scan = dataclasses.replace(fictional_scan, value=own)
    html = render_report(scan)
    assert html.count("What its exchanges would teach</h3>") == len(scan.campaigns)
    assert "<script" not in html and "\u202e" not in html
    assert "at least 52.0 (42.0 to 62.0)" in html and "toy" not in html
    lines = worth_lines(scan)
    assert len(lines) == len(scan.campaigns) + 1 and all(line.isprintable() for line in lines)
    plain = summary(scan)
    json.dumps(plain, allow_nan=False)
    worth = plain["campaigns"][0]["worth"]["curves"][0]
    assert worth["in_all"] == {
        "exchanges": scan.campaigns[0].exchanges,
        "bound": AT_LEAST,
        **{name: pytest.approx(each) for name, each in (("points", 52), ("low", 42), ("high", 62))},
    }
    assert plain["value"]["toy"] is False
    assert worth_lines(dataclasses.replace(empty_scan, value=own)) == []


def test_a_toy_is_called_one_and_nothing_measured_is_null(fictional_scan: Scan) -> None:
    campaign = days(fictional_scan.campaigns[0], 10, 20, first=-1)
    scan = dataclasses.replace(fictional_scan, campaigns=(campaign,), value=value())
    assert "toy" in worth_lines(scan)[-1] and "toy" in render_report(scan)
    plain = summary(scan)
    assert plain["value"]["toy"] is True
    assert plain["campaigns"][0]["worth"]["curves"][0]["in_all"]["points"] is None


def test_without_a_value_file_nothing_is_said(fictional_scan: Scan) -> None:
    plain = summary(fictional_scan)
    assert "value" not in plain and "worth" not in plain["campaigns"][0]
    assert "would teach" not in render_report(fictional_scan) and worth_lines(fictional_scan) == []
