"""The case of one campaign and the result of a scan: what reports, consoles and exports read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from stillwatch.case.calibration import Calibration
from stillwatch.case.value import Value


@dataclass(frozen=True, slots=True)
class ViewEvidence:
    """What one view says of a campaign."""

    view: str  # payment, network, sign-up, client, template, topic, timing, …
    log_e: float  # Nats against the best benign explanation, capped; negative speaks for it.
    finding: str  # One plain sentence with the figures.
    linked: bool  # Whether the view also drew the campaign's edges.


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A value that several accounts of a campaign have in common, told by its pseudonym."""

    view: str
    label: str  # A pseudonym ("card 3f9a61c2"), or clear text where that names no person (a network, a client).
    accounts: int
    accounts_elsewhere: int  # Accounts outside the campaign that have it too.


@dataclass(frozen=True, slots=True)
class Explanation:
    """A benign explanation that was tested."""

    name: str  # "one organisation", "one place", "one application", "users of one test set", "strangers"
    claim: str
    outcome: str  # Why it fails, or why it stands.
    log_e: float  # Nats against it.


@dataclass(frozen=True, slots=True)
class Graph:
    """The accounts and what ties them, at most a few hundred nodes: larger campaigns are sampled and say so."""

    accounts: tuple[str, ...]
    values: tuple[tuple[str, str], ...]  # (view, label) of each shared value drawn as a node of its own.
    edges: tuple[tuple[int, int, float], ...]  # (index in accounts, index in values, weight in nats).
    accounts_total: int


@dataclass(frozen=True, slots=True)
class FlaggedAccount:
    """One account of a campaign and the reasons why it is in it."""

    account_id: str
    log_odds: float  # Nats for membership.
    flagged_at: dt.datetime
    exchanges: int
    reasons: tuple[tuple[str, str, float], ...]  # (view, plain words, nats), strongest first.


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts that act as one to extract the model."""

    campaign_id: str
    log_e: float  # Joint evidence against the benign explanation that fits best.
    accounts: tuple[FlaggedAccount, ...]
    exchanges: int
    input_tokens: int | None
    output_tokens: int | None
    first_seen: dt.datetime
    last_seen: dt.datetime
    flagged_at: dt.datetime
    exchanges_by_day: tuple[tuple[dt.date, int], ...]
    countries: tuple[tuple[str, int], ...]  # (ISO code, accounts)
    networks: tuple[tuple[int, int], ...]  # (autonomous system, accounts)
    models: tuple[tuple[str, int], ...]  # (model, exchanges)
    capabilities: tuple[tuple[str, float], ...]  # (what was targeted, share of prompts)
    eliciting_share: float | None
    shared: tuple[SharedValue, ...]
    evidence: tuple[ViewEvidence, ...]
    explanations: tuple[Explanation, ...]
    graph: Graph


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A group that resembles a campaign and was not flagged."""

    accounts: int
    exchanges: int
    log_e: float
    resembles: str  # What made it a candidate, in plain words.
    explanation: str  # The benign explanation that stands.
    evidence: tuple[ViewEvidence, ...]
    examples: tuple[str, ...]  # A few account ids.


@dataclass(frozen=True, slots=True)
class Scan:
    """All that one scan found."""

    stillwatch_version: str
    finished_at: dt.datetime
    sources: tuple[str, ...]
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    exchanges: int
    accounts: int
    rejected: int
    rejected_by_reason: tuple[tuple[str, int], ...]
    absent_columns: tuple[tuple[str, str], ...]  # (column, what its absence costs)
    level: float  # The false-discovery level asked for.
    groups_tested: int
    campaigns: tuple[Campaign, ...]
    look_alikes: tuple[LookAlike, ...]
    seconds: float
    calibration: Calibration | None = None  # Whether the stated error levels hold; None where nothing was tested.
    value: Value | None = None  # What exchanges are worth, as somebody measured it; None where no file was given.
