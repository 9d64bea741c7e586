"""A value file: read back as written, and refused in one line where it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.case.value import Point, Value, ValueCurve
from stillwatch.exchange.discovery import SourceError
from stillwatch.store.values import read_value, write_value

POINTS = (Point(100, 0.3, 0.2, 0.4), Point(1000, 1.0, 0.9, 1.0, 0.006))
VALUE = Value(
    "0.1.0", (("torch", "2.13.0"),), "built-in", "mine", (ValueCurve("look-up", "passive", 5, 0.2, 0.99, POINTS),)
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_value(path, VALUE)
    assert read_value(path) == VALUE
    assert [each.name for each in tmp_path.iterdir()] == ["value.json"]


def test_whole_numbers_and_absent_prices_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_value(path, VALUE)
    held = json.loads(path.read_text())
    held["curves"][0]["points"][1]["accuracy"] = 1
    del held["curves"][0]["points"][0]["usd_per_point"], held["versions"]
    path.write_text(json.dumps(held))
    read = read_value(path)
    assert read.curves == VALUE.curves and read.versions == ()


@pytest.mark.parametrize(
    ("at", "to", "said"),
    [
        (("what",), "a shopping list", "is no value file"),
        (("schema",), 2, "is of schema 2, and this version reads 1"),
        (("curves",), [], "at least one curve"),
        (("curves",), [7], r"curves\[0\]"),
        (("teacher",), "", "teacher must be text"),
        (("curves", 0, "task"), 5, r"curves\[0\]: task must be text"),
        (("curves", 0, "points"), [], r"curves\[0\]: a value curve needs points"),
        (("curves", 0, "points", 0, "exchanges"), 5000, "increasing"),
        (("curves", 0, "points", 0, "exchanges"), 99.5, "exchanges must be a whole number"),
        (("curves", 0, "points", 0, "low"), "much", "low must be a number"),
        (("curves", 0, "points", 0, "low"), 0.35, "low <= accuracy"),
        (("curves", 0, "guess"), True, "guess must be a number"),
        (("curves", 0, "seeds"), 0, "a seed or more"),
        (("versions",), [1], "value.json"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, at: tuple[str | int, ...], to: Any, said: str) -> None:
    path = tmp_path / "value.json"
    write_value(path, VALUE)
    held = json.loads(path.read_text())
    place: Any = held
    for step in at[:-1]:
        place = place[step]
    place[at[-1]] = to
    path.write_text(json.dumps(held))
    with pytest.raises(SourceError, match=said) as caught:
        read_value(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    with pytest.raises(SourceError, match=r"cannot be read.*stillwatch lab curve"):
        read_value(path)
    path.write_text("{")
    with pytest.raises(SourceError, match="is no JSON"):
        read_value(path)
    path.write_text('{"what": "stillwatch value", "schema": 1, "stillwatch_version": "0", "teacher": "a"}')
    with pytest.raises(SourceError, match="'student' is missing"):
        read_value(path)
