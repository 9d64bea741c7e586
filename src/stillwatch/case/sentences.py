"""What a scan says in whole sentences. They speak of evidence and of what it fits, never of guilt."""

from __future__ import annotations

import datetime as dt
import math

from stillwatch.case.campaign_case import Campaign, Explanation, Scan
from stillwatch.case.wording import count, duration, moment, nats, percent, plural, span


def level_sentence(level: float) -> str:
    """Say what a false-discovery level promises.

    Args:
        level: In (0, 1]: the greatest expected share of listed campaigns for which a benign explanation holds.
    """
    return (
        f"The list was drawn up at a false-discovery level of {percent(level)}: on average over scans, at most "
        f"{percent(level)} of the campaigns listed are groups that a tested benign explanation truly "
        "accounts for, as far as the assumptions of those tests hold."
    )


def top_views(campaign: Campaign, most: int = 3) -> tuple[str, ...]:
    """Name the views that speak most strongly against a benign explanation, strongest first."""
    speaking = [view for view in campaign.evidence if view.log_e > 0]
    return tuple(view.view for view in sorted(speaking, key=lambda view: -view.log_e)[:most])


def best_explanation(campaign: Campaign) -> Explanation | None:
    """Return the benign explanation with the least evidence against it, or None where none was tested."""
    known = [explanation for explanation in campaign.explanations if not math.isnan(explanation.log_e)]
    return min(known, key=lambda explanation: explanation.log_e, default=None)


def share_before_flag(campaign: Campaign) -> float | None:
    """Return the share of exchanges on days before the day of the flag, in UTC; None where no day is known."""
    flagged = campaign.flagged_at.astimezone(dt.UTC).date()
    total = sum(exchanges for _, exchanges in campaign.exchanges_by_day)
    if not total:
        return None
    return sum(exchanges for day, exchanges in campaign.exchanges_by_day if day < flagged) / total


def campaign_sentences(campaign: Campaign) -> str:
    """Tell one campaign in a few sentences: who, how much, when, how strong, and against what."""
    said = [
        f"{plural(len(campaign.accounts), 'account').capitalize()} made {plural(campaign.exchanges, 'exchange')} "
        f"{span(campaign.first_seen, campaign.last_seen)}."
    ]
    best = best_explanation(campaign)
    against = f", which is “{best.name}”" if best else ""
    said.append(
        f"The records carry {nats(campaign.log_e)} nats of evidence against the benign explanation that fits them "
        f"best{against}; they are consistent with one operator who draws on the model through many accounts."
    )
    after = (campaign.flagged_at - campaign.first_seen).total_seconds()
    said.append(f"The group was flagged on {moment(campaign.flagged_at)}, {duration(after)} after its first exchange.")
    if campaign.eliciting_share is not None:
        said.append(
            f"{percent(campaign.eliciting_share)} of its prompts ask for reasoning, grading or training-style answers."
        )
    return " ".join(said)


def scan_sentence(scan: Scan) -> str:
    """Tell the whole result in one sentence."""
    members = sum(len(campaign.accounts) for campaign in scan.campaigns)
    taken = sum(campaign.exchanges for campaign in scan.campaigns)
    searched = f"{plural(scan.exchanges, 'exchange')} of {plural(scan.accounts, 'account')}"
    if not scan.campaigns:
        return f"No campaign stands out from {searched} at a false-discovery level of {percent(scan.level)}."
    part = f" ({percent(taken / scan.exchanges)})" if scan.exchanges else ""
    return (
        f"{plural(len(scan.campaigns), 'campaign')} in {searched}: {plural(members, 'account')} with "
        f"{plural(taken, 'exchange')}{part}, at a false-discovery level of {percent(scan.level)}."
    )


def tokens(number: int | None) -> str:
    """Write a count of tokens, or that the logs do not tell it."""
    return "not in the logs" if number is None else count(number)
