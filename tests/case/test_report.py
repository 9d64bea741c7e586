from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest
from syrupy.assertion import SnapshotAssertion

from stillwatch.case import report
from stillwatch.case.campaign_case import Scan
from stillwatch.case.report import render_report, view_colours

VOID = {"meta", "link", "input", "br"}
# Words that judge people; the report speaks of evidence.
ACCUSING = ("guilt", "thief", "theft", "steal", "stole", "crimin", "attacker", "malicious", "culprit", "fraud", "abuse")


class Page(HTMLParser):
    """What a page says and how it is built; fails where elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.open: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.text.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def html(fictional_scan: Scan) -> str:
    return render_report(fictional_scan)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_text_reads_as_before(fictional_scan: Scan, snapshot: SnapshotAssertion) -> None:
    # Few accounts and values, so that the snapshot stays short enough to be read.
    pool, burst = fictional_scan.campaigns
    graph = dataclasses.replace(pool.graph, edges=tuple(edge for edge in pool.graph.edges if edge[0] < 6))
    pool = dataclasses.replace(pool, accounts=pool.accounts[:5], shared=pool.shared[:4], graph=graph)
    small = dataclasses.replace(fictional_scan, campaigns=(pool, burst))
    assert "\n".join(Page(render_report(small)).text) == snapshot


def test_text_of_nothing_reads_as_before(empty_scan: Scan, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(Page(render_report(empty_scan)).text) == snapshot


def test_a_scan_without_traffic_is_told(empty_scan: Scan) -> None:
    bare = dataclasses.replace(empty_scan, first_seen=None, last_seen=None, sources=(), exchanges=0, accounts=0)
    text = " ".join(Page(render_report(bare)).text)
    assert "A scan without traffic" in text
    assert "no exchanges of no accounts" in text


def test_text_from_logs_is_escaped(html: str, page: Page, hostile: tuple[str, str]) -> None:
    script, reordering = hostile
    assert "<script" not in html
    assert sum(script in text for text in page.text) >= 8
    assert reordering not in html
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_every_field_is_escaped(fictional_scan: Scan) -> None:
    evil = '"><img src=x onerror=alert(1)>'

    def poison(value: object) -> object:
        if isinstance(value, str):
            return evil
        if isinstance(value, tuple):
            return tuple(poison(item) for item in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: poison(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        return value

    poisoned = poison(fictional_scan)
    assert isinstance(poisoned, Scan)
    html = render_report(poisoned)
    assert "<img" not in html
    assert not [name for _, name, _ in Page(html).attributes if name.startswith("on")]


def test_nothing_is_loaded_and_nothing_runs(html: str, page: Page) -> None:
    assert "default-src 'none'" in html
    assert "script" not in {tag for tag, _, _ in page.attributes}
    loading = {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}
    targets = {value for _, name, value in page.attributes if name in loading}
    assert targets
    assert all(target and (target.startswith("#") or target == "data:,") for target in targets)
    assert "url(" not in html
    assert "@import" not in html


def test_every_reference_has_its_target_and_no_id_is_taken_twice(page: Page) -> None:
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = {value[1:] for _, name, value in page.attributes if name == "href" and value and value[0] == "#"}
    labels = {
        part for _, name, value in page.attributes if name == "aria-labelledby" and value for part in value.split()
    }
    assert named | labels <= set(ids)


def test_headings_are_in_order(page: Page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


def test_it_speaks_of_evidence_and_accuses_nobody(page: Page) -> None:
    text = " ".join(page.text).lower()
    assert "consistent with" in text
    assert [word for word in ACCUSING if word in text] == []


def test_the_strongest_accounts_are_named_and_the_rest_counted(fictional_scan: Scan, page: Page) -> None:
    text = "\n".join(page.text)
    assert "The 200 strongest of 1,204 accounts; the other 1,004 are in accounts.parquet" in text
    pool = fictional_scan.campaigns[0]
    assert pool.accounts[199].account_id in page.text
    assert pool.accounts[200].account_id not in page.text


def test_strongest_first_whatever_the_order(fictional_scan: Scan) -> None:
    pool = fictional_scan.campaigns[0]
    turned = dataclasses.replace(fictional_scan, campaigns=(dataclasses.replace(pool, accounts=pool.accounts[::-1]),))
    assert pool.accounts[0].account_id in Page(render_report(turned)).text


def test_the_same_scan_gives_the_same_bytes(fictional_scan: Scan, html: str) -> None:
    assert render_report(fictional_scan) == html


def test_a_view_keeps_its_colour(fictional_scan: Scan, empty_scan: Scan) -> None:
    colours = view_colours(fictional_scan)
    assert colours["payment"] == view_colours(empty_scan)["payment"] == 1
    assert set(colours.values()) <= set(range(1, report.COLOURS + 1))
    graph = dataclasses.replace(fictional_scan.campaigns[0].graph, values=tuple((f"v{n}", "x") for n in range(20)))
    strange = dataclasses.replace(
        fictional_scan, campaigns=(dataclasses.replace(fictional_scan.campaigns[0], graph=graph),)
    )
    assert set(view_colours(strange).values()) <= set(range(1, report.COLOURS + 1))


def test_every_style_of_the_palette_exists(html: str) -> None:
    for colour in range(1, report.COLOURS + 1):
        assert f".fill-{colour} " in html
        assert f".line-{colour} " in html
        assert f'id="mark-{colour}"' in html


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_meets_wcag_aa(html: str, scheme: int) -> None:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", html)
    colours = {name: (light, dark)[scheme] for name, light, dark in pairs}
    for ground in ("paper", "panel"):
        for text in ("ink", "quiet", "link", "flag"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in ("for", "against", *(f"view-{place}" for place in range(9))):
            assert _contrast(colours[mark], colours[ground]) >= 3, (mark, ground)
