"""The detectors that a scan runs, registered once."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import cast

from stillwatch.evidence import (
    breadth,
    elicitation,
    full_throttle,
    many_answers,
    monoculture,
    probing,
    sleepless,
    steady_load,
    volume,
)
from stillwatch.evidence.benign import Benign
from stillwatch.evidence.evidence import Detector

DETECTORS: tuple[Detector, ...] = (
    sleepless.detector,
    steady_load.detector,
    full_throttle.detector,
    monoculture.detector,
    elicitation.detector,
    breadth.detector,
    volume.detector,
    many_answers.detector,
    probing.detector,
)


def detectors_with(benign: Benign) -> tuple[Detector, ...]:
    """Return the detectors of ``DETECTORS``, in their order, with other limits than the shipped ones."""
    return tuple(_with(detector, benign) for detector in DETECTORS)


def _with(detector: Detector, benign: Benign) -> Detector:
    if is_dataclass(detector) and not isinstance(detector, type) and "benign" in {f.name for f in fields(detector)}:
        return cast(Detector, replace(detector, benign=benign))
    return detector
