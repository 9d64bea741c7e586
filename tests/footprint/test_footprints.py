"""The noun itself: what a field may be, and that Arrow and numpy hold the same."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.footprint.fold import fold, fold_footprints
from stillwatch.footprint.footprints import (
    EMPTY,
    FIELD,
    FIELDS,
    FOOTPRINT_SCHEMA,
    HOUR_US,
    HOURS,
    PROFILE,
    Footprints,
    arrow_type,
    blank,
)

TABLES: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("exchange_tables.py"))))
FOLDING = TABLES.folding_with(b"a key for the tests only")


def same(left: Footprints, right: Footprints) -> bool:
    return left.origin_us == right.origin_us and all(
        left.arrays[field.name].dtype == right.arrays[field.name].dtype
        and np.array_equal(left.arrays[field.name], right.arrays[field.name])
        for field in FIELDS
    )


def test_fields_have_distinct_names_and_what_stands_beside_a_sample_is_as_wide() -> None:
    assert len(FIELD) == len(FIELDS) and "account_id" not in FIELD
    for field in FIELDS:
        assert field.meaning and (field.rule == "beside") == bool(field.sample)
        if field.sample:
            assert FIELD[field.sample].rule == "sample" and FIELD[field.sample].width == field.width
        if field.rule == "distinct":
            assert field.dtype == np.uint64 and f"{field.name}_exchanges" not in FIELD
        if field.rule == "sample":
            assert field.dtype == np.uint64 and FIELD[f"{field.name}_exchanges"].sample == field.name
    assert FOOTPRINT_SCHEMA.names == ["account_id", *FIELD]
    assert not {name for name, _, _ in PROFILE} & set(FIELD)


def test_the_window_is_whole_days() -> None:
    assert HOURS % 24 == 0 and FOOTPRINT_SCHEMA.field("hours").type == pa.list_(pa.uint16(), HOURS)
    assert arrow_type(FIELD["exchanges"]) == pa.int64()


@settings(max_examples=40)
@given(TABLES.contents())
def test_arrow_and_back_is_the_same(content: dict[str, list[Any]]) -> None:
    footprints = fold_footprints(TABLES.plain(content), FOLDING)
    table = footprints.to_arrow()
    assert table.schema.remove_metadata().equals(FOOTPRINT_SCHEMA)
    assert table.schema.metadata == {b"origin_us": str(TABLES.ORIGIN_US).encode()}
    back = Footprints.from_arrow(table)
    assert same(footprints, back) and back.account_id.to_pylist() == footprints.account_id.to_pylist()
    assert back.to_arrow().equals(table, check_metadata=True)


@settings(max_examples=40)
@given(TABLES.contents(), st.data())
def test_slices_and_chunks_are_viewed_as_they_stand(content: dict[str, list[Any]], data: st.DataObject) -> None:
    footprints = fold_footprints(TABLES.plain(content), FOLDING)
    table = footprints.to_arrow()
    begin = data.draw(st.integers(0, len(footprints)))
    view = Footprints.from_arrow(table.slice(begin))
    rows = np.arange(begin, len(footprints))
    assert same(view, footprints.take(rows))
    assert view.account_id.to_pylist() == footprints.take(rows).account_id.to_pylist()
    chunked = pa.concat_tables([table.slice(begin), table.slice(0, begin)])
    assert same(Footprints.from_arrow(chunked), footprints.take(np.append(rows, np.arange(begin))))


def test_a_footprint_takes_the_same_bytes_whatever_the_account_did() -> None:
    def size(rows: int) -> int:
        generator = np.random.default_rng(rows)
        content: dict[str, list[Any]] = {
            "timestamp": (TABLES.ORIGIN_US + generator.integers(0, 40 * 24 * HOUR_US, rows)).tolist(),
            "account_id": ["a"] * rows,
            "prompt": [TABLES.random_prompt(generator) for _ in range(rows)],
            "client_address": [f"2001:db8::{k:x}" for k in range(rows)],
        }
        return int(fold(TABLES.plain(content), FOLDING).nbytes)

    assert size(1) == size(700)


def test_blank_footprints_hold_nothing() -> None:
    footprints = blank(pa.array(["a", "b"]), 0)
    assert len(footprints) == 2 and footprints.hours.sum() == 0
    for field in FIELDS:
        array = footprints.arrays[field.name]
        if field.rule in ("distinct", "sample"):
            assert (array == EMPTY).all()
        elif field.rule == "least":
            assert (array == np.iinfo(np.int64).max).all()
        elif field.rule == "greatest" or (field.rule == "beside" and not field.adds):
            assert (array == np.iinfo(np.int64).min).all()
        else:
            assert not array.any()


def test_views_by_name() -> None:
    footprints = blank(pa.array(["a"]), 0)
    assert footprints.integers("hours").dtype == np.int64 and footprints.integers("exchanges").shape == (1,)
    assert footprints.hashes("models").shape == (1, FIELD["models"].width)
    with pytest.raises(ValueError, match="no hashes"):
        footprints.hashes("exchanges")


def test_taking_rows_takes_the_profile_along() -> None:
    footprints = blank(pa.array(["a", "b", "c"]), 0)
    footprints.arrays["exchanges"][:] = [1, 2, 3]
    with_profile = Footprints(footprints.arrays, footprints.account_id, 0, pa.table({"plan": ["free", None, "pro"]}))
    taken = with_profile.take(np.array([2, 0]))
    assert taken.account_id.to_pylist() == ["c", "a"] and taken.integers("exchanges").tolist() == [3, 1]
    assert taken.profile is not None and taken.profile["plan"].to_pylist() == ["pro", "free"]


def test_a_missing_field_a_wrong_shape_and_a_lost_origin_are_refused() -> None:
    good = blank(pa.array(["a"]), 0)
    with pytest.raises(ValueError, match=r"'topic'.*nothing"):
        Footprints({name: array for name, array in good.arrays.items() if name != "topic"}, good.account_id, 0)
    with pytest.raises(ValueError, match="'shingles'"):
        Footprints({**good.arrays, "shingles": np.zeros((1, 3), np.uint64)}, good.account_id, 0)
    with pytest.raises(ValueError, match="origin_us"):
        Footprints.from_arrow(good.to_arrow().replace_schema_metadata(None))
