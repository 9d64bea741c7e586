"""A fictional scan, fixed to the last digit: two campaigns, two look-alikes, and labels that try to break out."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from stillwatch.case.calibration import LEVELS, Calibration, DetectorReliability, GroupReliability
from stillwatch.case.campaign_case import (
    Campaign,
    Explanation,
    FlaggedAccount,
    Graph,
    LookAlike,
    Scan,
    SharedValue,
    ViewEvidence,
)
from stillwatch.statistics.reliability import reliability

HOSTILE = "<script>alert('x')</script>"
REORDERING = "gpj.\u202eexe\x1b[31m"
START = dt.datetime(2026, 3, 1, 6, 30, tzinfo=dt.UTC)


def _graph(accounts: int, cards: int, prefixes: int) -> Graph:
    values = [("payment", f"card {c:08x}") for c in range(0x3F9A61C2, 0x3F9A61C2 + cards)]
    values += [("network", f"network {p:08x}") for p in range(0x77120B, 0x77120B + prefixes)]
    values += [("template", "prompts that begin alike 5d2c")]
    edges = []
    for account in range(accounts):
        edges.append((account, account % cards, 6.5))
        edges.append((account, cards + (account * 7 + account // 5) % prefixes, 3.25))
        if account % 9 == 0:
            edges.append((account, (account * 3 + 1) % cards, 6.5))
        if account % 4 == 0:
            edges.append((account, cards + prefixes, 1.5))
    return Graph(
        accounts=tuple(f"acct-{account:05d}" for account in range(accounts)),
        values=tuple(values),
        edges=tuple(edges),
        accounts_total=1204,
    )


def _accounts(number: int, flagged: dt.datetime) -> tuple[FlaggedAccount, ...]:
    return tuple(
        FlaggedAccount(
            account_id=f"acct-{place:05d}",
            log_odds=24.0 - 0.015 * place,
            flagged_at=flagged + dt.timedelta(minutes=7 * place),
            exchanges=40 + place % 173,
            reasons=(
                ("payment", f"its card pays for {12 + place % 9} accounts of the group", 6.5),
                ("network", "its addresses are also those of 5 accounts of the group", 3.25),
            ),
        )
        for place in range(number)
    )


def _pool() -> Campaign:
    flagged = START + dt.timedelta(days=6, hours=8, minutes=12)
    by_day = [
        (START.date() + dt.timedelta(days=day), round(5200 + 900 * math.sin(day) + (2600 if day > 14 else 0)))
        for day in range(24)
    ]
    return Campaign(
        campaign_id="C-01",
        log_e=361.2,
        accounts=_accounts(1204, flagged),
        exchanges=sum(exchanges for _, exchanges in by_day),
        input_tokens=61_204_118,
        output_tokens=118_442_090,
        first_seen=START,
        last_seen=START + dt.timedelta(days=23, hours=11),
        flagged_at=flagged,
        exchanges_by_day=tuple(by_day),
        countries=(("DE", 402), ("BR", 311), ("US", 288), ("VN", 203)),
        networks=((64500, 611), (64501, 402), (64502, 191)),
        models=(("apex-5", 98_114), ("apex-4", 38_000)),
        capabilities=(("mathematical reasoning", 0.61), ("code", 0.224), ("grading", 0.051)),
        eliciting_share=0.634,
        shared=(
            SharedValue("client", HOSTILE, 902, 14),
            *(SharedValue("payment", f"card {0x3F9A61C2 + card:08x}", 21 - card % 4, card % 2) for card in range(43)),
            SharedValue("network", "AS64500 Example Hosting", 611, 2140),
        ),
        evidence=(
            ViewEvidence("payment", 148.3, "1,204 accounts pay with 61 cards; chance would have 1,199.", True),
            ViewEvidence("network", 96.1, "Addresses interleave over cards: 214 prefixes serve 1,180 accounts.", True),
            ViewEvidence("template", 81.7, "Four prompt frames cover 71% of prompts and no account elsewhere.", False),
            ViewEvidence("timing", 52.4, "The pool's hourly volume is 6 times steadier than its parts allow.", False),
            ViewEvidence("sign-up", 7.7, "884 accounts were opened within 9 days.", False),
            ViewEvidence("topic", -12.6, "Topics are as broad as among unrelated users of the same plan.", False),
            ViewEvidence("client", math.nan, "The logs hold no client fingerprint.", False),
        ),
        explanations=(
            Explanation(
                "one organisation",
                "All accounts belong to one firm or school.",
                "It would explain shared cards, but firms keep to few networks; here each card meets 40 of them.",
                361.2,
            ),
            Explanation(
                "one application",
                "All accounts use one product built on the model.",
                "It would explain shared frames, but not shared cards.",
                498.0,
            ),
            Explanation(
                "strangers", "The accounts have nothing to do with each other.", "Every view contradicts it.", 1204.4
            ),
        ),
        graph=_graph(190, 24, 40),
    )


def _burst() -> Campaign:
    first = START + dt.timedelta(days=9)
    flagged = first + dt.timedelta(hours=5, minutes=40)
    return Campaign(
        campaign_id=f"C-02 {HOSTILE}",
        log_e=41.9,
        accounts=(
            *_accounts(8, flagged)[:7],
            FlaggedAccount(f"acct-{REORDERING}", 3.1, flagged, 12_000, (("topic", f"asks {HOSTILE}", 3.1),)),
        ),
        exchanges=98_400,
        input_tokens=None,
        output_tokens=None,
        first_seen=first,
        last_seen=first + dt.timedelta(days=3),
        flagged_at=flagged,
        exchanges_by_day=tuple((first.date() + dt.timedelta(days=day), 24_600) for day in range(4)),
        countries=(),
        networks=((64510, 8),),
        models=((HOSTILE, 98_400),),
        capabilities=(),
        eliciting_share=None,
        shared=(),
        evidence=(
            ViewEvidence("template", 30.2, f"Two frames, one of them {HOSTILE}.", True),
            ViewEvidence("timing", 11.7, "Full rate from the first hour, day and night.", False),
        ),
        explanations=(
            Explanation("one place", "All accounts sit behind one address.", "They share no address.", 41.9),
        ),
        graph=Graph(accounts=("acct-00000",), values=(), edges=(), accounts_total=8),
    )


def _calibration() -> Calibration:
    kept, broken = np.full(4_000, -1.0), np.full(4_000, -1.0)
    kept[:31], broken[:700] = 3.5, 7.5
    few = kept[3_900:]
    return Calibration(
        accounts_left_out=1_212,
        communities_left_out=9,
        detectors=(
            DetectorReliability("sleepless", None, None, 4_000, reliability(broken, LEVELS)),
            DetectorReliability("steady_load", None, None, 4_000, reliability(kept, LEVELS)),
            DetectorReliability("many_answers", None, None, 0, reliability([], LEVELS)),
        ),
        by_kind=(
            DetectorReliability("sleepless", "api", "phone", 3_900, reliability(broken[:3_900], LEVELS)),
            DetectorReliability("sleepless", HOSTILE, "unknown", 100, reliability(few, LEVELS)),
        ),
        groups=(
            GroupReliability("all", 4_000, reliability(kept, LEVELS)),
            GroupReliability("both", 100, reliability(few, LEVELS)),
        ),
        baseline=True,
        offset_nats=0.25,
    )


def fictional_scan() -> Scan:
    """Return a scan with two campaigns and two look-alikes."""
    return Scan(
        stillwatch_version="0.1.0",
        finished_at=dt.datetime(2026, 4, 2, 9, 15, 30, tzinfo=dt.UTC),
        sources=("logs/march/part-*.parquet", "accounts.parquet"),
        first_seen=START,
        last_seen=START + dt.timedelta(days=27),
        exchanges=2_412_903,
        accounts=52_310,
        rejected=1_204,
        rejected_by_reason=(("timestamp is not a date", 1_200), ("account_id is empty", 4)),
        absent_columns=(
            ("tls_ja4", "a client that lies about its name is believed"),
            ("choice_count", "sampling many answers a prompt goes unseen"),
        ),
        level=0.01,
        groups_tested=1_873,
        campaigns=(_pool(), _burst()),
        look_alikes=(
            LookAlike(
                accounts=212,
                exchanges=18_020,
                log_e=-31.5,
                resembles="212 accounts behind one address send the same exercises within the same hour.",
                explanation="One place: a course. Each account has its own card, history and rhythm of a person.",
                evidence=(
                    ViewEvidence("network", 14.2, "All 212 accounts share one prefix.", True),
                    ViewEvidence("timing", -45.7, "Nights and week-ends are silent.", False),
                ),
                examples=("acct-40001", "acct-40002", f"acct-{HOSTILE}"),
            ),
            LookAlike(
                accounts=80,
                exchanges=91_400,
                log_e=-4.0,
                resembles="80 accounts are paid with one card.",
                explanation="One organisation: an agency with eighty projects on file.",
                evidence=(),
                examples=(),
            ),
        ),
        seconds=131.4,
        calibration=_calibration(),
    )


def empty_scan() -> Scan:
    """Return a scan that read some traffic and found nothing."""
    return Scan(
        stillwatch_version="0.1.0",
        finished_at=dt.datetime(2026, 4, 2, 9, 15, 30, tzinfo=dt.UTC),
        sources=("logs/march.jsonl",),
        first_seen=START,
        last_seen=START + dt.timedelta(days=2),
        exchanges=1_204,
        accounts=310,
        rejected=0,
        rejected_by_reason=(),
        absent_columns=(),
        level=0.01,
        groups_tested=0,
        campaigns=(),
        look_alikes=(),
        seconds=1.2,
    )
