from __future__ import annotations

import json

import orjson
import pytest
from syrupy.assertion import SnapshotAssertion

from stillwatch.case.campaign_case import Scan
from stillwatch.case.summary import number, summary


def test_summary_reads_as_before(fictional_scan: Scan, snapshot: SnapshotAssertion) -> None:
    assert json.dumps(summary(fictional_scan), indent=1, ensure_ascii=False) == snapshot


def test_summary_of_nothing_reads_as_before(empty_scan: Scan, snapshot: SnapshotAssertion) -> None:
    assert json.dumps(summary(empty_scan), indent=1) == snapshot


def test_summary_survives_json(fictional_scan: Scan) -> None:
    plain = summary(fictional_scan)
    assert orjson.loads(orjson.dumps(plain)) == plain
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_what_json_cannot_hold_is_null(value: float | None) -> None:
    assert number(value) is None
