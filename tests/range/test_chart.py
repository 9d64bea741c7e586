from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.range.chart import Drawing, Scale, decades


def test_words_of_outsiders_stay_words() -> None:
    drawing = Drawing(100, 50, "a < b & c", "more")
    drawing.text(1, 2, "<script>alert('x')</script>")
    drawing.dot(1, 2, "#000000", about='"<&')
    root = ET.fromstring(drawing.svg())
    assert root.tag.endswith("svg") and not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert "<script>alert('x')</script>" in [each.text for each in root.iter() if each.tag.endswith("text")]


@given(st.floats(0.001, 1e6), st.floats(1.1, 1e4), st.floats(0, 1), st.booleans())
def test_a_scale_keeps_order_and_ends(low: float, factor: float, part: float, by_ratio: bool) -> None:
    scale = Scale(low, low * factor, 10.0, 210.0, by_ratio)
    between = low + part * (low * factor - low)
    assert scale(low) == pytest.approx(10.0) and scale(low * factor) == pytest.approx(210.0)
    assert 10.0 - 1e-6 <= scale(between) <= 210.0 + 1e-6
    assert scale(low / 2) == scale(low) and scale(low * factor * 2) == pytest.approx(210.0)


def test_equal_ratios_are_equal_distances() -> None:
    scale = Scale(1.0, 1000.0, 0.0, 300.0, by_ratio=True)
    assert [scale(value) for value in scale.ticks()] == pytest.approx([0, 100, 200, 300])
    assert Scale(0.0, 1.0, 0.0, 1.0).ticks() == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_decades_hold_what_they_are_made_for() -> None:
    assert decades([0.0, 3.0, 250.0]) == (1.0, 1000.0)
    assert decades([]) == (1.0, 10.0) and decades([10.0]) == (10.0, 100.0)


@pytest.mark.parametrize(("low", "high", "by_ratio"), [(1.0, 1.0, False), (0.0, 1.0, True), (2.0, 1.0, False)])
def test_impossible_scales_are_refused(low: float, high: float, by_ratio: bool) -> None:
    with pytest.raises(ValueError, match="no scale"):
        Scale(low, high, 0.0, 1.0, by_ratio)
