"""What provenance tests found, in plain words and as JSON: what was tested, how sure it is, what it does not show."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stillwatch.provenance.origin.question import Finding
from stillwatch.provenance.tails import holm
from stillwatch.provenance.wording import chance, strength

VERSION = 1
BEYOND_CHANCE = 1e-12  # Below, a slip in an assumption is likelier than the finding by chance.
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class ProvenanceReport:
    """All findings about one suspect, with a correction over the tests that ran.

    Attributes:
        suspect: Its name.
        findings: In the order of the registry.
        adjusted: Log p-value of each finding after Holm's correction over all tests of teaching; NaN for others.
        notes: What was put in: engines, versions, how sure the functions are.
    """

    suspect: str
    findings: tuple[Finding, ...]
    adjusted: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def log_p(self) -> float:
        """The smallest corrected log p-value among tests of teaching; NaN where none ran."""
        return min((each for each in self.adjusted if not math.isnan(each)), default=float("nan"))


def reported(suspect: str, findings: Sequence[Finding], notes: Sequence[str] = ()) -> ProvenanceReport:
    """Return the report of some findings."""
    counted = [
        place
        for place, each in enumerate(findings)
        if each.card.about == "teaching" and not each.card.exploratory and each.outcome == "tested"
    ]
    adjusted = [float("nan")] * len(findings)
    for place, log_p in zip(counted, holm(np.array([findings[each].log_p for each in counted])), strict=True):
        adjusted[place] = float(log_p)
    return ProvenanceReport(suspect, tuple(findings), tuple(adjusted), tuple(notes))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _number(value) if isinstance(value, float) else value


def as_json(report: ProvenanceReport) -> dict[str, Any]:
    """Return the report for programs; absent numbers are null, chances are natural logarithms."""
    return {
        "version": VERSION,
        "suspect": report.suspect,
        "log_p": _number(report.log_p),
        "conclusion": conclusion(report),
        "notes": list(report.notes),
        "tests": [
            {
                **_plain(asdict(finding.card)),
                "outcome": finding.outcome,
                "found": finding.said,
                "log_p": _number(finding.log_p),
                "log_p_corrected_over_tests": _number(log_p),
                "lines": [_plain(asdict(line)) for line in finding.lines],
                "warnings": list(finding.warnings),
            }
            for finding, log_p in zip(report.findings, report.adjusted, strict=True)
        ],
    }


def conclusion(report: ProvenanceReport) -> str:
    """Return what may be said in a few sentences, and nothing beyond."""
    ran = sum(not math.isnan(each) for each in report.adjusted)
    if not ran:
        return (
            f"No test of teaching could run on {report.suspect}. Nothing is said for or against it: see below what is "
            "missing."
        )
    if report.log_p > math.log(0.05):
        return (
            f"No evidence that {report.suspect} learned from our answers, in {ran} tests (smallest corrected "
            f"p = {chance(report.log_p)}). This does not clear it: marks can be washed out, and these tests have "
            "little power on few or short answers."
        )
    places = {log_p: place for place, log_p in enumerate(report.adjusted) if not math.isnan(log_p)}
    said = (
        f"{strength(report.log_p).capitalize()} that {report.suspect} learned, directly or through others, from our "
        f"answers: smallest p = {chance(report.log_p)}, by {report.findings[places[report.log_p]].card.id}, corrected "
        f"over {ran} tests. If that test's null and assumptions hold, see below, chance alone would find as much at "
        "most that often."
    )
    if report.log_p < math.log(BEYOND_CHANCE):
        said += " A number so small says that it was not chance; what is left to dispute are the assumptions."
    return said


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(f"{label}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")


def as_text(report: ProvenanceReport) -> str:
    """Return the report for people."""
    lines = textwrap.wrap(conclusion(report), _WIDTH)
    for note in report.notes:
        lines += textwrap.wrap(f"Note: {note}", _WIDTH)
    for finding, log_p in zip(report.findings, report.adjusted, strict=True):
        card = finding.card
        lines += ["", f"{card.id}: {card.title}"]
        label = {"tested": "Found", "no data": "No data", "not possible": "Not run"}[finding.outcome]
        lines += _wrapped(label, finding.said)
        if finding.outcome != "tested":
            continue
        if not math.isnan(log_p):
            lines += _wrapped("Corrected over all tests of teaching", f"p = {chance(log_p)}")
        for warning in finding.warnings:
            lines += _wrapped("Beware", warning)
        lines += _wrapped("Null", card.null)
        lines += _wrapped("If true", card.assumptions)
        lines += _wrapped("How sure", card.guarantee)
        lines += _wrapped("Does not show", card.does_not_show)
        lines += _wrapped("Source", card.source)
    return "\n".join(lines) + "\n"
