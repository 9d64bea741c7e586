from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.lab.cost import Prices, cost
from stillwatch.lab.figure import Axes, Series, drawn
from stillwatch.lab.forecast import Curve, fit, forecast
from stillwatch.lab.harvest import Tokens
from stillwatch.lab.interval import interval
from stillwatch.lab.value import Point, Value, read_values, write_value

SIZES = [125, 250, 500, 1000, 4000]


@pytest.mark.parametrize(("scale", "steepness"), [(150, 1.0), (300, 1.5), (600, 2.5)])
def test_a_curve_of_the_models_form_is_found_again(scale: float, steepness: float) -> None:
    truth = Curve(0.18, 0.99, scale, steepness)
    found = fit(SIZES, truth.at(SIZES).tolist(), 0.18)
    assert np.abs(found.at([350, 2000]) - truth.at([350, 2000])).max() < 0.03


def test_a_forecasts_range_holds_its_mean_and_narrows_with_problems() -> None:
    truth = Curve(0.18, 0.99, 300, 1.5)
    accuracies = truth.at(SIZES).tolist()
    widths = []
    for problems in (50, 5000):
        entry = forecast(SIZES, accuracies, problems, 0.18, [350], np.random.default_rng(1))[0]
        assert entry.low <= entry.mean <= entry.high
        widths.append(entry.high - entry.low)
    assert widths[1] < widths[0]


def test_a_curve_needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        fit([100, 100], [0.1, 0.2], 0.0)


def test_intervals_against_the_exact_ones() -> None:
    one = interval([0.5], 100)
    assert one.mean == 0.5 and abs(one.low - 0.3983) < 1e-3 and abs(one.high - 0.6017) < 1e-3
    several = interval([0.4, 0.5, 0.6], 100)  # Student's t: 4.303 * 0.1 / sqrt(3) either side.
    assert abs(several.high - (0.5 + 4.3027 * 0.1 / 3**0.5)) < 1e-3
    sure = interval([1.0, 1.0, 1.0], 100)
    assert sure.high == 1.0 and 0.98 < sure.low < 1.0
    with pytest.raises(ValueError, match="at least one"):
        interval([], 10)


def value(*points: Point) -> Value:
    return Value("arithmetic", "none", "passive", 5, 0.18, 0.996, points)


POINTS = (Point(100, 0.3, 0.2, 0.4), Point(1000, 0.7, 0.6, 0.8), Point(10_000, 0.68, 0.6, 0.75))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_value_grows_with_exchanges_and_lies_in_its_range(one: int, other: int) -> None:
    held = value(*POINTS)
    less, more = held.at(min(one, other)), held.at(max(one, other))
    assert less.accuracy <= more.accuracy + 1e-12
    for point in (less, more):
        assert 0 <= point.low <= point.accuracy <= point.high <= 1


def test_value_at_measured_sizes_between_and_beyond() -> None:
    held = value(*POINTS)
    assert held.at(0).accuracy == held.guess
    assert held.at(100).accuracy == pytest.approx(0.3)
    assert held.at(316).accuracy == pytest.approx(0.5, abs=1e-3)  # Half-way on the logarithm.
    assert held.at(10**7).accuracy == held.at(1000).accuracy == pytest.approx(0.7)
    with pytest.raises(ValueError, match="negative"):
        held.at(-1)
    with pytest.raises(ValueError, match="increasing"):
        value(POINTS[1], POINTS[0])


def test_value_files_are_read_back_and_others_refused(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_value(path, [value(*POINTS)])
    assert read_values(path) == (value(*POINTS),)
    path.write_text("[1]", "utf-8")
    with pytest.raises(ValueError, match=r"value\.json: no value curves"):
        read_values(path)


def test_costs_by_hand() -> None:
    spent = cost(Prices(2.0, 10.0, 0.36), Tokens(1_000_000, 500_000), 100.0)
    assert spent.answers_usd == pytest.approx(7.0) and spent.compute_usd == pytest.approx(0.01)
    assert spent.usd_per_point(0.6, 0.1) == pytest.approx(7.01 / 50)
    assert spent.usd_per_point(0.1, 0.1) is None
    with pytest.raises(ValueError, match="negative"):
        Prices(-1.0)


def test_a_plot_is_an_image_that_loads_nothing() -> None:
    axes = Axes("a < b", "exchanges", "accuracy", 0, 1, logarithmic=True, percent=True)
    told = drawn(axes, [Series("one & two", (100.0, 1000.0), (0.2, 0.9), (0.1, 0.8), (0.3, 1.0))])
    root = ElementTree.fromstring(told)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg"
    points = root.find(space + "polyline").get("points").split()  # type: ignore[union-attr]
    first, last = (tuple(map(float, point.split(","))) for point in points)
    assert first[0] < last[0] and first[1] > last[1]  # Rightwards is more, and up is more.
    assert "href" not in told and "one &amp; two" in told
    with pytest.raises(ValueError, match="positive"):
        drawn(axes, [Series("zero", (0.0,), (0.0,))])
