from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from stillwatch.case import sentences
from stillwatch.case.campaign_case import Scan


def test_top_views_speak_against_the_benign_and_are_the_strongest(fictional_scan: Scan) -> None:
    campaign = fictional_scan.campaigns[0]
    assert sentences.top_views(campaign) == ("payment", "network", "template")
    assert sentences.top_views(campaign, most=99) == ("payment", "network", "template", "timing", "sign-up")


def test_the_best_explanation_has_least_against_it(fictional_scan: Scan) -> None:
    campaign = fictional_scan.campaigns[0]
    best = sentences.best_explanation(campaign)
    assert best is not None
    assert best.name == "one organisation"
    assert sentences.best_explanation(dataclasses.replace(campaign, explanations=())) is None


def test_the_share_before_the_flag_counts_whole_days(fictional_scan: Scan) -> None:
    day = dt.date(2026, 3, 1)
    campaign = dataclasses.replace(
        fictional_scan.campaigns[0],
        exchanges_by_day=((day, 30), (day + dt.timedelta(days=1), 70)),
        flagged_at=dt.datetime(2026, 3, 2, 23, tzinfo=dt.UTC),
    )
    assert sentences.share_before_flag(campaign) == pytest.approx(0.3)
    assert sentences.share_before_flag(dataclasses.replace(campaign, exchanges_by_day=())) is None


def test_one_account_is_told_in_the_singular(fictional_scan: Scan) -> None:
    campaign = fictional_scan.campaigns[1]
    single = dataclasses.replace(campaign, accounts=campaign.accounts[:1], exchanges=1)
    assert sentences.campaign_sentences(single).startswith("1 account made 1 exchange between")


def test_a_scan_says_how_much_it_found(fictional_scan: Scan, empty_scan: Scan) -> None:
    assert sentences.scan_sentence(fictional_scan).startswith("2 campaigns in 2,412,903 exchanges of 52,310 accounts")
    assert sentences.scan_sentence(empty_scan).startswith("No campaign stands out")
