"""The report of a scan: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from stillwatch.case import calibration_sentences, sentences, wording
from stillwatch.case.campaign_case import Campaign, FlaggedAccount, Scan
from stillwatch.case.pictures.ties import Ties, ties
from stillwatch.case.pictures.timeline import Timeline, timeline
from stillwatch.case.pictures.waterfall import Waterfall, waterfall
from stillwatch.case.report_value import Worth, caveat, gain_words, worth_sentences, worths
from stillwatch.case.value import Value
from stillwatch.statistics.reliability import Reliability

ACCOUNTS_SHOWN = 200
SHARED_SHOWN = 20
PLACES_SHOWN = 12  # Rows of the tables of countries, networks, models and capabilities.
NAMED_BY_VALUE = 20  # Accounts named beside one shared value in the picture's table.
COLOURS = 8

# Fixed places in the palette, so that a view has one colour in every report.
_VIEWS = ("payment", "network", "client", "sign-up", "template", "topic", "timing")


@dataclass(frozen=True, slots=True)
class Section:
    """One campaign with its pictures."""

    place: int  # From 1.
    anchor: str  # Made from the campaign's place, since an id from data may hold anything.
    campaign: Campaign
    summary: str
    worths: tuple[Worth, ...]
    worth: str  # In sentences.
    timeline: Timeline | None
    waterfall: Waterfall
    ties: Ties | None
    strongest: tuple[FlaggedAccount, ...]


def render_report(scan: Scan) -> str:
    """Return the report as one self-contained HTML file.

    The file loads nothing and runs nothing, which its content security policy enforces; the choice between light and
    dark needs no script either. Text from the logs is escaped, and signs that could reorder or hide text are replaced.
    The same scan gives the same bytes on one machine.
    """
    colours = view_colours(scan)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            scan=scan,
            sections=[
                _section(place, campaign, colours, scan.value) for place, campaign in enumerate(scan.campaigns, 1)
            ],
            look_alikes=[(group, waterfall(group.evidence, group.log_e)) for group in scan.look_alikes],
            say=sentences,
            calibrated=calibration_sentences,
            **_reliabilities(scan),
            show=wording,
            accounts_shown=ACCOUNTS_SHOWN,
            shared_shown=SHARED_SHOWN,
            places_shown=PLACES_SHOWN,
            named_by_value=NAMED_BY_VALUE,
            gain_words=gain_words,
            value_caveat=caveat,
        )
    )


def _reliabilities(scan: Scan) -> dict[str, list[tuple[str, tuple[Reliability, ...]]]]:
    """Return the rows of the calibration tables: a name and its levels."""
    held = scan.calibration
    detectors = () if held is None else held.detectors
    by_kind = () if held is None else held.by_kind
    groups = () if held is None else held.groups
    named = [(f"{calibration_sentences.kind_name(each)}: {spaced(each.detector)}", each.levels) for each in by_kind]
    return {
        "detector_rows": [
            (f"{spaced(each.detector)} ({wording.count(each.accounts)})", each.levels) for each in detectors
        ],
        "kind_rows": named,
        "group_rows": [(calibration_sentences.drawn_name(each), each.levels) for each in groups],
    }


def spaced(name: str) -> str:
    """Write a detector's name as words."""
    return name.replace("_", " ")


def view_colours(scan: Scan) -> dict[str, int]:
    """Give every view that ``scan`` draws a colour from 1 to COLOURS: known views their own, others what is left."""
    drawn = {view for campaign in scan.campaigns for view, _ in campaign.graph.values}
    colours = {view: place for place, view in enumerate(_VIEWS, 1)}
    left = COLOURS - len(_VIEWS)
    for place, view in enumerate(sorted(drawn - set(_VIEWS))):
        colours[view] = len(_VIEWS) + 1 + place % left
    return colours


def _section(place: int, campaign: Campaign, colours: dict[str, int], value: Value | None) -> Section:
    return Section(
        place=place,
        anchor=f"campaign-{place}",
        campaign=campaign,
        summary=sentences.campaign_sentences(campaign),
        worths=worths(value, campaign),
        worth=worth_sentences(value, campaign) if value else "",
        timeline=timeline(campaign),
        waterfall=waterfall(campaign.evidence, campaign.log_e),
        ties=ties(campaign.graph, colours),
        strongest=tuple(heapq.nlargest(ACCOUNTS_SHOWN, campaign.accounts, key=lambda account: account.log_odds)),
    )


def _finalize(value: Any) -> Any:
    # Plain strings only: markup that a template has made keeps its line breaks.
    return wording.printable(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("stillwatch.case", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
