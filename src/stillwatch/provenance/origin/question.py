"""The nouns of provenance tests: what a test asks, what it is given, what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.schemes.scheme import Scheme
from stillwatch.provenance.suspects.model import Scorer
from stillwatch.provenance.tokens import Text

Need = Literal[
    "answers",
    "keys",
    "teacher",
    "suspect_weights",
    "served_log",
    "unmarked_texts",
    "drawn",
    "canaries",
    "controls",
    "prompts",
]
NEEDS: Mapping[Need, str] = {
    "answers": "the suspect's answers (samples)",
    "keys": "the key of the mark",
    "teacher": "our own teacher's probabilities, unmarked",
    "suspect_weights": "the suspect's probabilities (weights, or full log-probabilities)",
    "served_log": "the log of what was served under the key",
    "unmarked_texts": "texts written without the key",
    "drawn": "a served log with answers drawn at temperature 1",
    "canaries": "canaries that were served",
    "controls": "control models that our teacher did not teach",
    "prompts": "prompts",
}


@dataclass(frozen=True, slots=True)
class Card:
    """What a test asks, in words that an expert for the other side can dispute.

    Attributes:
        id: The file's name, and the name in reports and documentation.
        title: The question in one line.
        null: The claim that a small p-value speaks against.
        assumptions: What must be true for the p-value to be one.
        needs: What it must be given; several tuples are alternatives.
        guarantee: In what sense the error is bounded.
        does_not_show: What a small or a large p-value does not mean.
        source: Paper and section, or "own".
        exploratory: Whether there is no error guarantee at all.
        about: ``teaching``, ``descent`` of weights, or ``resemblance``.
    """

    id: str
    title: str
    null: str
    assumptions: str
    needs: tuple[tuple[Need, ...], ...]
    guarantee: str
    does_not_show: str
    source: str
    exploratory: bool = False
    about: Literal["teaching", "descent", "resemblance"] = "teaching"


@dataclass(frozen=True, slots=True)
class Canary:
    """One question with equally good answers, of which a key chose the one that flagged traffic was given.

    Attributes:
        cue: What to ask.
        options: At least two answers, none of which is false or worse than another.
        planted: Which one was served.
        scores: The suspect's log-probability of each option, where it can be read; else empty.
        answer: What the suspect said, where only that is known.
    """

    cue: str
    options: tuple[str, ...]
    planted: int
    scores: tuple[float, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """All that is at hand about one suspect; what is absent is empty or None.

    Attributes:
        suspect: Its name in reports.
        answers: What it said.
        prompts: What all models are asked, for lineage.
        schemes: The mark under each key, by the key's public id. All of one kind.
        teacher: Our teacher, unmarked.
        suspect_weights: The suspect, if its probabilities can be read.
        served: What was served under each key, by the key's id.
        unmarked: Texts written without any key: our teacher's unmarked answers to like prompts.
        drawn: Of what was served, by the key's id (empty: unmarked), what was drawn at temperature 1 without a cut to
            the likeliest tokens, with whole prompts.
        controls: Models that our teacher did not teach.
    """

    suspect: str
    answers: tuple[Text, ...] = ()
    prompts: tuple[Text, ...] = ()
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    teacher: Scorer | None = None
    suspect_weights: Scorer | None = None
    served: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)
    unmarked: tuple[Text, ...] = ()
    drawn: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)
    canaries: tuple[Canary, ...] = ()
    controls: tuple[Scorer, ...] = ()

    def has(self, need: Need) -> bool:
        """Tell whether something is at hand."""
        held: Mapping[Need, object] = {
            "answers": self.answers,
            "keys": self.schemes,
            "teacher": self.teacher,
            "suspect_weights": self.suspect_weights,
            "served_log": any(self.served.values()),
            "unmarked_texts": self.unmarked,
            "drawn": any(self.drawn.values()),
            "canaries": self.canaries,
            "controls": self.controls,
            "prompts": self.prompts,
        }
        return bool(held[need]) if need not in ("teacher", "suspect_weights") else held[need] is not None


@dataclass(frozen=True, slots=True)
class Line:
    """What a test found for one key, one control or one candidate.

    Attributes:
        subject: Its public id or name.
        z: Standardised total, NaN where there is none.
        log_p: Nats, before correction; NaN where the test has no p-value.
        log_p_adjusted: Nats, after correction over the lines.
        units: How many distinct pairs, canaries or prompts it rests on.
        measured: A figure that an expert would ask for, with its name.
    """

    subject: str
    z: float
    log_p: float
    log_p_adjusted: float
    units: int
    measured: Mapping[str, float] = field(default_factory=dict)


Outcome = Literal["tested", "no data", "not possible"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one test found.

    Attributes:
        outcome: ``not possible``: something it needs is absent; ``no data``: nothing could be counted. Neither says
            anything for or against the suspect.
        log_p: Nats, corrected over the test's own lines; NaN unless tested and guaranteed.
        said: One or two plain sentences.
        lines: In detail.
        warnings: What makes this finding weaker than it looks.
    """

    card: Card
    outcome: Outcome
    log_p: float
    said: str
    lines: tuple[Line, ...] = ()
    warnings: tuple[str, ...] = ()


class OriginTest(Protocol):
    """One test: a module-level object in a file of its own."""

    @property
    def card(self) -> Card:
        """What it asks."""

    def __call__(self, material: Material) -> Finding:
        """Return what it found; ``missing`` has been asked before."""


def missing(card: Card, material: Material) -> tuple[Need, ...]:
    """Return what is absent for the alternative that lacks least; empty if the test can run."""
    absent = [tuple(need for need in needs if not material.has(need)) for needs in card.needs]
    return min(absent, key=len)


def no_data(card: Card, why: str) -> Finding:
    """Return the finding of a test that could count nothing."""
    return Finding(card, "no data", float("nan"), why)


def smallest(values: NDArray[np.float64]) -> float:
    """Return the smallest log p-value, at most 0."""
    return float(min(values.min(), 0.0)) if len(values) else 0.0
