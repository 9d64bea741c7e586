from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from stillwatch.range.cells import Cells
from stillwatch.range.limits import grid as module
from stillwatch.range.limits.curves import curves
from stillwatch.range.limits.grid import DROPS, Grid, Limits, campaign_of, marks, measure, mixed_marks
from stillwatch.range.limits.picture import picture
from stillwatch.range.limits.table import limits_page, limits_table, number
from stillwatch.range.texts.elicitation import ELICITATION

SMALL = Grid(
    sizes=(4, 8),
    rates=(10.0,),
    covers=(0.0, 1.0),
    drops=("nothing", "identity", "template, identity, pace, asks"),
    benign=60,
    days=4,
    seeds=(6,),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Limits, Path]:
    print(f"seeds {SMALL.seeds}")  # noqa: T201
    kept = tmp_path_factory.mktemp("limits") / "kept"
    return measure(SMALL, Cells(kept), lambda *_: None), kept


def test_every_cell_is_scanned_once(measured: tuple[Limits, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    limits, kept = measured
    assert len(limits.cells) == len(SMALL) == 12 == len(list(kept.iterdir()))

    def forbidden(*_: object) -> None:
        raise AssertionError("this was scanned already")

    monkeypatch.setattr(module, "tried", forbidden)
    assert measure(SMALL, Cells(kept), lambda *_: None) == limits
    with pytest.raises(AssertionError, match="already"):
        measure(replace(SMALL, level=0.01), Cells(kept), lambda *_: None)


def test_cells_say_what_theory_needs(measured: tuple[Limits, Path]) -> None:
    cells = {(cell.drop, cell.cover, cell.size): cell for cell in measured[0].cells}
    careless, careful = cells["nothing", 0.0, 8], cells["identity", 0.0, 8]
    assert careless.inside > 5 * careful.inside  # Cards and exits in common, and none.
    assert careless.outside == careful.outside < 0.1
    assert 0.3 < careless.marked < 0.7 and careless.honest_marked < 0.1
    assert cells["template, identity, pace, asks", 0.0, 8].marked == 0.0
    # Cover doubles what is sent and costs more than twice the exchanges.
    covered = cells["nothing", 1.0, 8]
    assert covered.sent > 1.3 * careless.sent
    assert covered.wald > 2 * careless.wald
    assert careless.wald_nearest > careless.wald


def test_habits_of_a_cell_are_those_that_are_named() -> None:
    assert campaign_of(SMALL, "nothing", 0.0, 10.0, 4).instruction_share == 0.9
    everything = campaign_of(SMALL, DROPS[-1][0], 4.0, 10.0, 4)
    assert everything.dispatch == "own hours" and everything.replay and everything.own_exit_share == 1.0
    assert everything.cover_share == 4.0  # The grid's own axis, which replay does not take away.
    assert everything.exchanges == 4 * 10 * 2


def test_marks_leave_out_what_pupils_ask_for() -> None:
    kinds = np.array([-1, ELICITATION["worked reasoning"], ELICITATION["rubric grading"]])
    assert marks(kinds).tolist() == [False, False, True]
    assert mixed_marks(0.5, 0.1, 3.0) == pytest.approx(0.2)


def test_curves_average_over_seeds(measured: tuple[Limits, Path]) -> None:
    limits = measured[0]
    twice = replace(limits, cells=(*limits.cells, *(replace(cell, seed=7, recall=1.0) for cell in limits.cells)))
    for before, after in zip(curves(limits), curves(twice), strict=True):
        assert after.recall == tuple((1.0 + recall) / 2 for recall in before.recall)
        assert after.sizes == (4, 8) and after.sent == pytest.approx(before.sent)


def test_page_table_picture_and_json_hold_every_curve(measured: tuple[Limits, Path]) -> None:
    limits = measured[0]
    lines = limits_page(limits).splitlines()
    assert len(lines) == 2 + len(curves(limits)) == 2 + limits_table(limits).row_count
    assert len({line.count("|") for line in lines}) == 1
    drawn = picture(limits)
    words = [each.text for each in ET.fromstring(drawn).iter() if each.tag.endswith("text")]
    assert set(words) >= set(SMALL.drops) | {"0%", "50%"}
    said = orjson.loads(orjson.dumps(limits.as_json()))
    assert said["cells"][0]["theory"]["wald_exchanges"] > 0
    assert [number(value) for value in (0.3, 12.2, float("inf"))] == ["< 1", "13", "never"]


@pytest.mark.parametrize(
    ("given", "word"),
    [({"sizes": ()}, "axis"), ({"days": 2}, "days"), ({"sizes": (60,)}, "benign"), ({"drops": ("hope",)}, "hope")],
)
def test_impossible_grids_are_refused(given: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(SMALL, **given)  # type: ignore[arg-type]
