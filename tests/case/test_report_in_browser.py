from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stillwatch.case.campaign_case import Scan
from stillwatch.case.report import render_report
from stillwatch.case.wording import printable

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


class Visit:
    """A page opened from disk, and all that it asked for or complained of."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        self.path = path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, fictional_scan: Scan) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(fictional_scan), encoding="utf-8")
    return path


@pytest.fixture(params=[("light", 1200), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def visit(browser: Any, path: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    scheme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True, java_script_enabled=True
    )
    yield Visit(context.new_page(), path)
    context.close()


def test_it_opens_without_complaint_and_asks_for_nothing(visit: Visit) -> None:
    assert visit.complaints == []
    assert [url for url in visit.requests if url != visit.path.as_uri() and not url.startswith("data:")] == []


def test_headings_and_pictures_of_every_campaign_are_visible(visit: Visit, fictional_scan: Scan) -> None:
    for place, campaign in enumerate(fictional_scan.campaigns, 1):
        section = visit.page.locator(f"#campaign-{place}")
        assert section.locator("h2").inner_text() == printable(campaign.campaign_id)
        for heading in section.locator("h3").all():
            assert heading.is_visible()
        for drawn in section.locator("svg[role=img]").all():
            box = drawn.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 150


def test_nothing_overflows_sideways(visit: Visit) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    wide = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]


def test_the_system_scheme_is_followed_and_can_be_overruled(browser: Any, path: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, java_script_enabled=False, offline=True)
        page = context.new_page()
        page.goto(path.as_uri())

        # Scripts are off: colours are read from the picture of the page's corner.
        def corner(page: Any = page) -> bytes:
            return bytes(page.screenshot(clip={"x": 0, "y": 0, "width": 4, "height": 4}))

        seen[scheme, "system"] = corner()
        for choice in ("light", "dark"):
            page.check(f"#theme-{choice}")
            seen[scheme, choice] = corner()
        context.close()
    light, dark = seen["light", "system"], seen["dark", "system"]
    assert light != dark
    assert [seen["light", "dark"], seen["dark", "dark"]] == [dark, dark]
    assert [seen["light", "light"], seen["dark", "light"]] == [light, light]


def test_everything_is_reached_by_keyboard(visit: Visit) -> None:
    want = visit.page.evaluate(
        """[...document.querySelectorAll('a[href], summary, [tabindex="0"], input:checked')]
           .filter(e => e.checkVisibility()).length"""
    )
    seen = set()
    for _ in range(want + 5):
        visit.page.keyboard.press("Tab")
        mark = visit.page.evaluate(
            """(() => { const e = document.activeElement; if (e === document.body) return null;
               return [...document.querySelectorAll('*')].indexOf(e); })()"""
        )
        if mark is None:
            break
        seen.add(mark)
    assert len(seen) == want
    assert want > 20


def test_the_skip_link_leads_to_the_report(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "report"


def test_details_are_open_and_colours_light_in_print(browser: Any, path: Path) -> None:
    context = browser.new_context(color_scheme="dark", offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    closed = page.evaluate(
        """[...document.querySelectorAll('details')]
           .filter(e => e.lastElementChild.getBoundingClientRect().height < 5).length"""
    )
    assert page.locator("details").count() > 3
    assert closed == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
