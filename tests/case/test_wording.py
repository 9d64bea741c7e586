from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.case import wording


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.0004, "under 0.1%"),
        (0.001, "0.1%"),
        (0.01, "1%"),
        (0.051, "5.1%"),
        (0.0999, "10.0%"),
        (0.634, "63%"),
        (0.999, "over 99%"),
        (1.0, "100%"),
        (math.nan, "unknown"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert wording.percent(share) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_percent_never_rounds_to_none_or_all(share: float) -> None:
    assert wording.percent(share) not in ("0%", "0.0%", "100%")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.04, "0.0"),
        (-12.64, "−12.6"),
        (1204.4, "1,204.4"),
        (math.nan, "no data"),
        (math.inf, "unbounded"),
        (-math.inf, "−unbounded"),
    ],
)
def test_nats(value: float, text: str) -> None:
    assert wording.nats(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (41.4, "41 s"),
        (60, "1 min"),
        (131, "2 min 11 s"),
        (3_599, "59 min 59 s"),
        (7_260, "2 h 1 min"),
        (86_400, "1 day"),
        (547_920, "6 days 8 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (950, "950"), (1_200, "1.2k"), (35_000, "35k"), (2e6, "2M")])
def test_compact(number: float, text: str) -> None:
    assert wording.compact(number) == text


def test_plural() -> None:
    assert [wording.plural(n, "group was", "groups were") for n in (0, 1, 2_000)] == [
        "no groups were",
        "1 group was",
        "2,000 groups were",
    ]


def test_instants_are_told_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=8))
    instant = dt.datetime(2026, 3, 4, 2, 5, tzinfo=east)
    assert wording.moment(instant) == "3 Mar 2026, 18:05 UTC"
    assert wording.span(instant, instant) == "on 3 Mar 2026"
    assert wording.span(instant, instant + dt.timedelta(days=2)) == "between 3 Mar 2026 and 5 Mar 2026"


@given(st.text(st.characters(codec=None), max_size=30))
def test_printable_text_is_one_line_without_control(text: str) -> None:
    made = wording.printable(text)
    assert made.isprintable()
    assert len(made) == len(text)
    assert all(a == b for a, b in zip(text, made, strict=True) if a.isprintable())
    made.encode()  # Lone surrogates would raise.


def test_what_steers_a_reader_is_replaced() -> None:
    assert wording.printable("a\u202eb\x1b[31m\nc\ud800é漢") == "a\ufffdb\ufffd[31m c\ufffdé漢"
