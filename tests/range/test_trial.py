from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.case.campaign_case import Scan
from stillwatch.engine.scan import Outcome
from stillwatch.range.campaign import Campaign
from stillwatch.range.simulation import CampaignTraffic
from stillwatch.range.trial import Crowd, crowd, judged, recall_at, tried

SEED = 5
HABITS = Campaign("trial", "a test", "", "", accounts=12, exchanges=600, days=4, starts_day=1.0, cover_share=0.5)


@pytest.fixture(scope="module")
def among(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    print(f"seed {SEED}")  # noqa: T201
    return crowd(tmp_path_factory.mktemp("trial") / "crowd", 60, 5, SEED)


def test_a_trial_counts_what_the_campaign_sent(among: Crowd, tmp_path: Path) -> None:
    trial, traffic = tried(among, HABITS, tmp_path)
    assert trial.accounts == 12 and 500 < trial.extracted < 700
    assert trial.sent == len(traffic.account) > trial.extracted
    assert trial.extracted == int(traffic.extraction.sum())
    assert 50 <= trial.benign <= 60
    assert 0 <= trial.leaked <= trial.extracted and trial.leaked <= trial.sent_before <= trial.sent
    assert tried(among, HABITS, tmp_path)[0] == trial


def test_the_scan_is_given_no_truth(among: Crowd, tmp_path: Path) -> None:
    tried(among, HABITS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"accounts.parquet", "campaign.parquet"}


def day(number: float) -> int:
    return int(number * 8.64e10)


def found(flags: dict[str, float]) -> Scan:
    """A scan that flagged accounts on these days, all in one campaign."""

    class Account:
        def __init__(self, name: str, when: float) -> None:
            self.account_id = name
            self.flagged_at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=when)

    class View:
        view, log_e = "payment", 4.0

    class Case:
        accounts = tuple(Account(name, when) for name, when in flags.items())
        evidence = (View(),)

    class Result:
        campaigns = (Case(),) if flags else ()

    return Result()  # type: ignore[return-value]


def test_what_came_no_later_than_the_flag_has_leaked() -> None:
    exchanges = pa.table({"exchange_id": ["a"] * 5})
    traffic = CampaignTraffic(
        accounts=pa.table({"account_id": ["x", "y", "idle"]}),
        exchanges=exchanges,
        account=np.array([0, 0, 1, 1, 1]),
        time_us=np.array([day(2), day(3), day(1), day(2), day(5)]),
        extraction=np.array([True, True, True, False, True]),
        elicitation=np.full(5, -1),
    )
    score = np.array([9.0, 1.0, -5.0, 0.0])
    ids = pa.array(["x", "y", "honest", "other"])
    trial = judged(Outcome(found({"x": 2.0, "honest": 2.0}), ids, score), traffic)
    assert (trial.accounts, trial.flagged, trial.benign, trial.benign_flagged) == (2, 1, 2, 1)
    assert (trial.extracted, trial.leaked, trial.sent, trial.sent_before) == (4, 3, 5, 4)
    assert trial.first_flag_day == 1.0
    assert trial.recall_at_rate == 1.0
    assert trial.views == ()  # Half of the found campaign is honest: it is not the operator's.
    nothing = judged(Outcome(found({}), ids, score), traffic)
    assert (nothing.flagged, nothing.leaked, nothing.first_flag_day) == (0, 4, None)
    named = judged(Outcome(found({"x": 2.0, "y": 4.0}), ids, score), traffic)
    assert named.views == (("payment", 4.0),)


def test_recall_counts_who_stands_above_all_but_the_rate() -> None:
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 4.5, 2.5])
    hostile = np.array([False] * 5 + [True] * 2)
    assert recall_at(score, hostile, 0.0) == 0.0  # Nobody is above the best honest account.
    assert recall_at(score, hostile, 0.2) == 0.5  # One honest account may be.
    assert recall_at(score, hostile, 0.6) == 1.0
    assert recall_at(np.zeros(7), hostile, 0.2) == 0.0  # As high is not above.
    with pytest.raises(ValueError, match="honest"):
        recall_at(score, np.ones(7, bool), 0.1)
