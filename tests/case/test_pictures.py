from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.case.campaign_case import Graph, Scan, ViewEvidence
from stillwatch.case.pictures import ties as picture
from stillwatch.case.pictures.ties import Ties, layout, ties
from stillwatch.case.pictures.timeline import BOTTOM, LEFT, TOP, timeline
from stillwatch.case.pictures.waterfall import TOLERANCE, waterfall


def views(*log_e: float) -> list[ViewEvidence]:
    return [ViewEvidence(f"view {place}", value, "", False) for place, value in enumerate(log_e)]


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=9), st.floats(-1e4, 1e4))
def test_each_bar_of_a_waterfall_starts_where_the_last_ended(log_e: list[float], total: float) -> None:
    drawn = waterfall(views(*log_e), total)
    bars = [step for step in drawn.steps if step.kind != "total"]
    assert bars[0].start == pytest.approx(drawn.zero)
    for before, after in itertools.pairwise(bars):
        assert before.end == after.start
    whole = drawn.steps[-1]
    spread = max(abs(value) for value in (*log_e, total))
    if spread > 1:  # Below that, the tolerance for the unshown rest is a visible part of the width.
        assert bars[-1].end == pytest.approx(whole.end, abs=100 * TOLERANCE / spread + 1e-6)
    for step in drawn.steps:
        assert -1e-6 <= step.left <= step.left + step.width <= 100 + 1e-6


def test_a_waterfall_goes_from_strongest_to_weakest_and_shows_the_rest() -> None:
    drawn = waterfall(views(3.0, -2.0, math.nan, 5.0), 4.0)
    assert [step.log_e for step in drawn.steps if step.known] == [5.0, 3.0, -2.0, -2.0, 4.0]
    assert [step.kind for step in drawn.steps] == ["view", "view", "view", "view", "combining", "total"]
    assert [step.known for step in drawn.steps] == [True, True, True, False, True, True]


def test_a_waterfall_that_adds_up_has_no_rest() -> None:
    assert [step.kind for step in waterfall(views(1.0, 2.0), 3.0).steps] == ["view", "view", "total"]


@pytest.mark.parametrize("total", [0.0, 1e-310, math.nan, math.inf])
def test_a_waterfall_of_nothing_is_flat(total: float) -> None:
    drawn = waterfall([], total)
    assert [(step.kind, step.start, step.width) for step in drawn.steps] == [("total", 0.0, 0.0)]


def test_a_timeline_fills_days_without_exchanges(fictional_scan: Scan) -> None:
    day = dt.date(2026, 3, 1)
    campaign = dataclasses.replace(
        fictional_scan.campaigns[0],
        exchanges_by_day=((day, 40), (day + dt.timedelta(days=9), 10)),
        flagged_at=dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC),
    )
    drawn = timeline(campaign)
    assert drawn is not None
    assert [bar.exchanges for bar in drawn.bars] == [40, *[0] * 8, 10]
    assert [bar.after_flag for bar in drawn.bars] == [False] * 3 + [True] * 7
    assert drawn.bars[0].height == pytest.approx(4 * drawn.bars[-1].height)
    assert drawn.flag.at == pytest.approx(LEFT + (100 - LEFT) * 2.5 / 10)
    assert [tick.label for tick in drawn.days] == ["1 Mar", "3 Mar", "5 Mar", "8 Mar", "10 Mar"]


def test_a_timeline_reaches_to_the_flag(fictional_scan: Scan) -> None:
    campaign = dataclasses.replace(
        fictional_scan.campaigns[0],
        exchanges_by_day=((dt.date(2026, 3, 1), 1),),
        flagged_at=dt.datetime(2026, 3, 4, 23, 59, tzinfo=dt.UTC),
    )
    drawn = timeline(campaign)
    assert drawn is not None
    assert len(drawn.bars) == 4
    assert drawn.flag.at <= 100


@given(st.integers(0, 10**9))
def test_bars_stay_between_axis_and_top(fictional_scan: Scan, exchanges: int) -> None:
    campaign = dataclasses.replace(
        fictional_scan.campaigns[0], exchanges_by_day=((dt.date(2026, 3, 7), exchanges), (dt.date(2026, 3, 8), 0))
    )
    drawn = timeline(campaign)
    assert drawn is not None
    assert TOP - 1e-6 <= drawn.bars[0].y <= BOTTOM


def test_no_days_no_timeline(fictional_scan: Scan) -> None:
    assert timeline(dataclasses.replace(fictional_scan.campaigns[0], exchanges_by_day=())) is None


def star(accounts: int) -> Graph:
    names = tuple(f"a{place}" for place in range(accounts))
    return Graph(names, (("payment", "card"),), tuple((place, 0, 1.0) for place in range(accounts)), accounts)


def test_the_layout_is_the_same_every_time_and_on_the_page() -> None:
    source, target = np.arange(1, 60), np.arange(1, 60) // 3
    first = layout(60, source, target, np.ones(59))
    assert np.array_equal(first, layout(60, source, target, np.ones(59)))
    assert np.all((first >= 0) & (first <= 1))
    assert np.allclose(np.ptp(first, axis=0), 1)


def test_the_layout_keeps_ties_short_and_nodes_apart() -> None:
    # Two cliques of one value each: members must lie nearer to their own value than to the other's.
    source = np.arange(2, 42)
    target = (source % 2).astype(np.int64)
    place = layout(42, source, target, np.ones(40))
    own = np.linalg.norm(place[source] - place[target], axis=1)
    other = np.linalg.norm(place[source] - place[1 - target], axis=1)
    assert np.mean(own < other) > 0.9
    apart = np.linalg.norm(place[:, None] - place[None, :], axis=2)[np.triu_indices(42, 1)]
    assert apart.min() > 0.005


def test_the_layout_of_one_node_is_the_middle() -> None:
    empty = np.array([], np.int64)
    assert layout(1, empty, empty, np.array([])).tolist() == [[0.5, 0.5]]


def test_the_picture_holds_the_graph(fictional_scan: Scan) -> None:
    graph = fictional_scan.campaigns[0].graph
    drawn = ties(graph, {"payment": 1, "network": 2, "template": 5})
    assert isinstance(drawn, Ties)
    assert len(drawn.accounts) == len(graph.accounts)
    assert [(node.view, node.label) for node in drawn.values] == list(graph.values)
    assert sum(len(node.accounts) for node in drawn.values) == len({(a, v) for a, v, _ in graph.edges})
    assert sum(path.count("M") for _, path in drawn.lines) == len(graph.edges)
    assert drawn.legend == ((1, "payment", 24), (2, "network", 40), (5, "template", 1))
    assert len(drawn.captions) <= picture.LABELS_MAX


def test_a_large_graph_is_cut_to_what_most_accounts_share() -> None:
    accounts = tuple(f"a{place}" for place in range(500))
    values = tuple(("network", f"n{place}") for place in range(400))
    pairs = {(place % 500, (place * 61 + place // 500) % 400) for place in range(3000)}
    pairs |= {(account, 0) for account in range(500)}
    drawn = ties(Graph(accounts, values, tuple((a, v, 1.0) for a, v in sorted(pairs)), 5000), {"network": 2})
    assert drawn is not None
    assert len(drawn.accounts) + len(drawn.values) <= picture.NODES_MAX
    assert len(drawn.accounts) >= picture.NODES_MAX // 2
    assert "n0" in {node.label for node in drawn.values}
    assert drawn.accounts_total == 5000


def test_a_star_has_its_value_in_the_middle() -> None:
    drawn = ties(star(40), {"payment": 1})
    assert drawn is not None
    assert drawn.values[0].x == pytest.approx(50, abs=12)
    assert drawn.values[0].y == pytest.approx(50, abs=12)


def test_no_ties_no_picture() -> None:
    assert ties(Graph(("a", "b"), (), (), 2), {}) is None
