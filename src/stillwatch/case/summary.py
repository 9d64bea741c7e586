"""The result of a scan as plain values, for JSON: what other programs read."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from stillwatch.case import calibration_sentences
from stillwatch.case.calibration import CONFIDENCE, Calibration, DetectorReliability
from stillwatch.case.campaign_case import Campaign, LookAlike, Scan, ViewEvidence
from stillwatch.case.report_value import value_summary, worth_summary
from stillwatch.case.sentences import campaign_sentences, scan_sentence, top_views
from stillwatch.case.value import Value
from stillwatch.statistics.reliability import Reliability

SCHEMA = 1  # Raised whenever a name or a meaning below changes; additions leave it as it is.


def summary(scan: Scan) -> dict[str, Any]:
    """Return the figures of ``scan`` as JSON-ready values, without the single accounts.

    Instants are ISO 8601 in UTC, evidence is in nats, shares are in [0, 1]; what is unknown or not finite is null.
    The accounts are in accounts.parquet, the drawn graphs in campaigns.parquet.
    """
    return {
        "schema": SCHEMA,
        "stillwatch_version": scan.stillwatch_version,
        "headline": scan_sentence(scan),
        "finished_at": instant(scan.finished_at),
        "seconds": number(scan.seconds),
        "sources": list(scan.sources),
        "first_seen": instant(scan.first_seen),
        "last_seen": instant(scan.last_seen),
        "exchanges": scan.exchanges,
        "accounts": scan.accounts,
        "accounts_flagged": sum(len(campaign.accounts) for campaign in scan.campaigns),
        "exchanges_flagged": sum(campaign.exchanges for campaign in scan.campaigns),
        "rejected": scan.rejected,
        "rejected_by_reason": [{"reason": reason, "rows": rows} for reason, rows in scan.rejected_by_reason],
        "absent_columns": [{"column": column, "cost": cost} for column, cost in scan.absent_columns],
        "false_discovery_level": number(scan.level),
        "groups_tested": scan.groups_tested,
        "campaigns": [_campaign(campaign, scan.value) for campaign in scan.campaigns],
        "calibration": None if scan.calibration is None else _calibration(scan.calibration),
        "look_alikes": [_look_alike(group) for group in scan.look_alikes],
    } | ({} if scan.value is None else {"value": value_summary(scan.value)})


def instant(value: dt.datetime | None) -> str | None:
    """Return ISO 8601 in UTC, ending in Z, or None."""
    if value is None:
        return None
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def number(value: float | None) -> float | None:
    """Return a number that JSON can hold: None where it is unknown or not finite."""
    return value if value is not None and math.isfinite(value) else None


def _campaign(campaign: Campaign, value: Value | None) -> dict[str, Any]:
    return {
        "campaign_id": campaign.campaign_id,
        "summary": campaign_sentences(campaign),
        "nats": number(campaign.log_e),
        "accounts": len(campaign.accounts),
        "exchanges": campaign.exchanges,
        "input_tokens": campaign.input_tokens,
        "output_tokens": campaign.output_tokens,
        "first_seen": instant(campaign.first_seen),
        "last_seen": instant(campaign.last_seen),
        "flagged_at": instant(campaign.flagged_at),
        "top_views": list(top_views(campaign)),
        "eliciting_share": number(campaign.eliciting_share),
        "exchanges_by_day": [{"day": day.isoformat(), "exchanges": n} for day, n in campaign.exchanges_by_day],
        "countries": [{"country": country, "accounts": n} for country, n in campaign.countries],
        "networks": [{"asn": asn, "accounts": n} for asn, n in campaign.networks],
        "models": [{"model": model, "exchanges": n} for model, n in campaign.models],
        "capabilities": [{"capability": name, "share": number(share)} for name, share in campaign.capabilities],
        "shared": [
            {
                "view": value.view,
                "label": value.label,
                "accounts": value.accounts,
                "accounts_elsewhere": value.accounts_elsewhere,
            }
            for value in campaign.shared
        ],
        "evidence": _evidence(campaign.evidence),
        "explanations": [
            {
                "name": explanation.name,
                "claim": explanation.claim,
                "outcome": explanation.outcome,
                "nats": number(explanation.log_e),
            }
            for explanation in campaign.explanations
        ],
    } | ({} if value is None else {"worth": worth_summary(value, campaign)})


def _calibration(held: Calibration) -> dict[str, Any]:
    return {
        "verdict": calibration_sentences.verdict(held),
        "caveat": calibration_sentences.what_it_cannot_say(),
        "accounts_left_out": held.accounts_left_out,
        "communities_left_out": held.communities_left_out,
        "baseline": held.baseline,
        "offset_nats": number(held.offset_nats),
        "confidence": CONFIDENCE,
        "detectors": [_detector(each) for each in (*held.detectors, *held.by_kind)],
        "communities": [
            {"drawn": each.drawn, "communities": each.communities, "levels": _levels(each.levels)}
            for each in held.groups
        ],
    }


def _detector(each: DetectorReliability) -> dict[str, Any]:
    return {
        "detector": each.detector,
        "plan": each.plan,
        "verification_level": each.verification_level,
        "accounts": each.accounts,
        "levels": _levels(each.levels),
    }


def _levels(levels: tuple[Reliability, ...]) -> list[dict[str, Any]]:
    return [
        {
            "level": level.level,
            "passed": level.passed,
            "share": number(level.share),
            "low": number(level.low),
            "high": number(level.high),
            "exceeds": level.exceeds,
        }
        for level in levels
    ]


def _look_alike(group: LookAlike) -> dict[str, Any]:
    return {
        "accounts": group.accounts,
        "exchanges": group.exchanges,
        "nats": number(group.log_e),
        "resembles": group.resembles,
        "explanation": group.explanation,
        "evidence": _evidence(group.evidence),
        "examples": list(group.examples),
    }


def _evidence(views: tuple[ViewEvidence, ...]) -> list[dict[str, Any]]:
    return [
        {"view": view.view, "nats": number(view.log_e), "finding": view.finding, "linked": view.linked}
        for view in views
    ]
