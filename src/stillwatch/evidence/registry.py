"""The detectors that a scan runs, registered once."""

from __future__ import annotations

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
