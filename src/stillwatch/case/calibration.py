"""The calibration report: does what was seen keep the error levels that the scan states?"""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.statistics.reliability import Reliability

LEVELS = (0.1, 0.05, 0.01, 0.001)
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class DetectorReliability:
    """How often one detector passes its levels on accounts of one kind."""

    detector: str
    plan: str | None  # None: every plan.
    verification_level: str | None
    accounts: int  # With data; flagged ones are left out.
    levels: tuple[Reliability, ...]


@dataclass(frozen=True, slots=True)
class GroupReliability:
    """How often the evidence of communities drawn one way passes the levels."""

    drawn: str  # A name of ``case.drawn.DRAWN``, or "all".
    communities: int
    levels: tuple[Reliability, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reliability of the stated error levels on what was not flagged.

    Attributes:
        accounts_left_out: Flagged accounts, which are not counted.
        communities_left_out: Communities of which most accounts were flagged.
        detectors: Every detector over all kinds of account.
        by_kind: Every detector for each kind of account.
        groups: All communities first, then by what drew them.
        baseline: Whether limits were learnt from the provider's own history.
        offset_nats: What the baseline takes off each community's evidence.
    """

    accounts_left_out: int
    communities_left_out: int
    detectors: tuple[DetectorReliability, ...]
    by_kind: tuple[DetectorReliability, ...]
    groups: tuple[GroupReliability, ...]
    baseline: bool = False
    offset_nats: float = 0.0
