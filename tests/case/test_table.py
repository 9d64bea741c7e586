from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from stillwatch.case.campaign_case import Scan
from stillwatch.case.table import campaign_table, headline


def shown(scan: Scan, width: int) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(campaign_table(scan))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_table_reads_as_before(fictional_scan: Scan, width: int, snapshot: SnapshotAssertion) -> None:
    text = shown(fictional_scan, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert text == snapshot


def test_markup_in_an_id_stays_text(fictional_scan: Scan) -> None:
    assert "[red]" in shown(_renamed(fictional_scan, "[red]x\x1b[2J"), 140)
    assert "\x1b" not in shown(_renamed(fictional_scan, "[red]x\x1b[2J"), 140)


def _renamed(scan: Scan, name: str) -> Scan:
    return dataclasses.replace(scan, campaigns=(dataclasses.replace(scan.campaigns[0], campaign_id=name),))


def test_headline_reads_as_before(fictional_scan: Scan, empty_scan: Scan, snapshot: SnapshotAssertion) -> None:
    assert headline(fictional_scan) == snapshot
    assert (
        headline(empty_scan)
        == "No campaign stands out from 1,204 exchanges of 310 accounts at a false-discovery level of 1%."
    )
