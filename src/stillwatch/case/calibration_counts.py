"""How often what was not flagged passed the stated error levels: the counts of the calibration report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.detection import Detection
from stillwatch.case.calibration import CONFIDENCE, LEVELS, Calibration, DetectorReliability, GroupReliability
from stillwatch.case.drawn import DRAWN
from stillwatch.evidence.baseline import Habits, rows_by_kind, weigh
from stillwatch.statistics.reliability import reliability

KINDS_MOST = 12  # Kinds of account told one by one; the others are told together.


def calibration(
    detection: Detection, flagged: NDArray[np.bool_], habits: tuple[Habits, ...] = (), offset_nats: float = 0.0
) -> Calibration:
    """Return how often e-values passed 1 / level among what was not flagged.

    Args:
        detection: The last look.
        flagged: Shape (accounts,). Accounts of campaigns, which are left out: a level speaks of honest ones.
        habits: What the accounts' limits were learnt to be; the shipped ones where empty.
        offset_nats: Taken off the communities' evidence.
    """
    footprints = detection.population.footprints
    evidence = weigh(footprints, habits)
    kept = ~flagged
    by_kind = []
    ordered = list(rows_by_kind(footprints).items())
    told = [(kind, rows[kept[rows]]) for kind, rows in ordered[:KINDS_MOST]]
    rest = [rows[kept[rows]] for _, rows in ordered[KINDS_MOST:]]
    if rest:
        told.append((("other", "other"), np.concatenate(rest)))
    for each in evidence:
        by_kind += [_detector(each.claim.detector, kind, each.log_e[rows]) for kind, rows in told if len(rows)]
    cores = [core for core in detection.cores if not flagged[core.accounts].mean() > 0.5]
    nats = np.array([core.log_e for core in cores]) - offset_nats
    drawn = np.array([core.graph for core in cores])
    groups = [_group("all", nats)]
    groups += [_group(name, nats[drawn == name]) for name in DRAWN if (drawn == name).any()]
    return Calibration(
        accounts_left_out=int(flagged.sum()),
        communities_left_out=len(detection.cores) - len(cores),
        detectors=tuple(_detector(each.claim.detector, None, each.log_e[kept]) for each in evidence),
        by_kind=tuple(by_kind),
        groups=tuple(groups),
        baseline=bool(habits),
        offset_nats=offset_nats,
    )


def _detector(name: str, kind: tuple[str, str] | None, log_e: NDArray[np.float64]) -> DetectorReliability:
    plan, verification = kind or (None, None)
    levels = reliability(log_e, LEVELS, CONFIDENCE)
    return DetectorReliability(name, plan, verification, levels[0].trials, levels)


def _group(drawn: str, log_e: NDArray[np.float64]) -> GroupReliability:
    return GroupReliability(drawn, len(log_e), reliability(log_e, LEVELS, CONFIDENCE))
