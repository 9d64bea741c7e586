"""A baseline's file: read back as written, readable, and refused in one line where it is none."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.campaign.baseline import Baseline, CommunityTail
from stillwatch.evidence.baseline import Habits, with_limits
from stillwatch.evidence.benign import BENIGN
from stillwatch.exchange.discovery import SourceError
from stillwatch.store.baselines import SCHEMA, read_baseline, write_baseline

WHEN = dt.datetime(2026, 11, 2, 3, 4, 5, tzinfo=dt.UTC)
BASELINE = Baseline(
    stillwatch_version="0.1.0",
    learnt_at=WHEN,
    first_seen=WHEN - dt.timedelta(days=30),
    last_seen=WHEN - dt.timedelta(days=1),
    exchanges=123_456,
    accounts=7_890,
    habits=(
        Habits(None, 7_890, with_limits(BENIGN, {"coercion_share": 0.0012}), (("coercion_share", 7_000),)),
        Habits(("pro", "phone"), 900, with_limits(BENIGN, {"night_share": 0.07, "night_h": 5}), ()),
    ),
    communities=CommunityTail(210, ((0.5, -3.0), (0.1, 2.9)), 0.6, 0.0),
)


@pytest.fixture
def held(tmp_path: Path) -> dict[str, Any]:
    write_baseline(tmp_path / "baseline.json", BASELINE)
    found: dict[str, Any] = json.loads((tmp_path / "baseline.json").read_text())
    return found


def mended(tmp_path: Path, held: dict[str, Any]) -> Baseline:
    path = tmp_path / "mended.json"
    path.write_text(json.dumps(held))
    return read_baseline(path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, BASELINE)
    assert read_baseline(path) == BASELINE
    assert path.read_text().count("\n") > 40  # One value a line, for people.
    assert [each.name for each in tmp_path.iterdir()] == ["baseline.json"]


def test_a_person_may_edit_a_limit_and_leave_others_out(tmp_path: Path, held: dict[str, Any]) -> None:
    held["kinds"][0]["limits"] = {"night_share": 0.1}
    assert mended(tmp_path, held).habits[0].benign == with_limits(BENIGN, {"night_share": 0.1})


def change(held: dict[str, Any], *path: str | int, to: Any) -> None:
    at: Any = held
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("schema",), SCHEMA + 1, "schema"),
        (("what",), "a shopping list", "no baseline"),
        (("kinds",), [], "everyone"),
        (("kinds", 0, "plan"), "pro", "everyone"),
        (("kinds", 0, "limits", "night_share"), 1.5, "night_share must be below 1"),
        (("kinds", 0, "limits", "night_share"), "often", "night_share must be a positive number"),
        (("kinds", 0, "limits", "night_share"), True, "night_share must be a positive number"),
        (("kinds", 0, "limits", "coercion_concentration"), 0, "coercion_concentration must be a positive"),
        (("kinds", 0, "limits", "night_h"), 5.5, "night_h must be a whole number"),
        (("kinds", 0, "limits", "charm"), 0.5, "no limit 'charm'"),
        (("communities", "offset_nats"), -1.0, "offset_nats must be at least 0"),
        (("history",), {}, "'first_seen' is missing"),
        (("learnt_at",), "yesterday", "yesterday"),
        (("kinds",), 3, "kinds|iterable"),
    ],
)
def test_a_wrong_value_is_named(
    tmp_path: Path, held: dict[str, Any], path: tuple[str | int, ...], to: Any, said: str
) -> None:
    change(held, *path, to=to)
    with pytest.raises(SourceError, match=said):
        mended(tmp_path, held)


def test_what_is_no_baseline_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_baseline(tmp_path / "nowhere.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SourceError, match="no JSON"):
        read_baseline(tmp_path / "broken.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(SourceError, match="no baseline"):
        read_baseline(tmp_path / "list.json")
