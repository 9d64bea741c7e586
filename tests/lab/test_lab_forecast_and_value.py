from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from stillwatch.lab.configuration import Distillation
from stillwatch.lab.cost import Prices, cost
from stillwatch.lab.curve import Cell
from stillwatch.lab.figure import Axes, Series, drawn
from stillwatch.lab.findings import value, value_plot
from stillwatch.lab.forecast import Curve, fit, forecast
from stillwatch.lab.harvest import Tokens
from stillwatch.lab.interval import interval

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
        entry = forecast(SIZES, accuracies, problems, 0.18, [350])[0]
        assert entry.low <= entry.mean <= entry.high
        widths.append(entry.high - entry.low)
    assert widths[1] < widths[0]


@pytest.mark.parametrize("gompertz", [False, True])
def test_a_range_holds_other_laws_and_is_wide_where_a_jump_is_not_measured(gompertz: bool) -> None:
    sizes, jump = np.array([125, 250, 350, 500, 1000, 4000, 400]), [0, 4, 5]
    falling = np.exp(-4.0 * np.log(sizes / 350))
    *seen, truth = (0.18 + 0.8 * (np.exp(-falling) if gompertz else 1 / (1 + falling))).tolist()
    known = forecast(sizes[:-1].tolist(), seen, 1000, 0.18, [400])[0]
    jumped = forecast(sizes[jump].tolist(), [seen[at] for at in jump], 1000, 0.18, [400])[0]
    assert known.low <= truth <= known.high and jumped.low <= truth <= jumped.high
    assert jumped.high - jumped.low > max(0.5, 1.25 * (known.high - known.low))


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


def cell(student: str, exchanges: int, seed: int, accuracy: float, defence: str = "none") -> Cell:
    usd = exchanges / 1000
    return Cell("arithmetic", exchanges, seed, "sampled answers", defence, student, accuracy, 0.98, 0.18, 100,
                exchanges, 20.0, usd, None)  # fmt: skip


def test_value_holds_students_without_a_defence_by_kind_and_size() -> None:
    cells = [cell("passive", size, seed, 0.3 + size / 2000 + seed / 100) for size in (400, 1000) for seed in (1, 2)]
    cells += [cell("adaptive", 1000, 1, 0.9), cell("passive", 1000, 1, 0.2, "answer only")]
    told = value(cells, Distillation(), {"torch": "2"})
    assert told is not None and (told.versions, told.toy) == ((("torch", "2"),), True)
    passive, adaptive = told.curves
    assert (passive.student, passive.seeds, passive.guess, passive.teacher_accuracy) == ("passive", 2, 0.18, 0.98)
    assert [point.exchanges for point in passive.points] == [400, 1000]
    assert passive.points[1].accuracy == pytest.approx(0.815)
    assert passive.points[1].usd_per_point == pytest.approx(1.0 / 63.5)
    assert (adaptive.student, adaptive.seeds, len(adaptive.points)) == ("adaptive", 1, 1)
    assert value_plot(told).count("<polyline") == 1
    assert value(cells[-1:], Distillation(), {}) is None


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
