"""What so many exchanges are worth: how much better a student answers that has learnt from them, as measured.

The nouns of a value file. The lab writes one, an operator may measure own models, a scan reads it. It speaks about the
task and the models that it was measured on; what a campaign took from other models is not known from it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BUILT_IN = "built-in"  # The lab's own tiny models, in place of a model's name.
ABOUT, AT_LEAST, NOT_MEASURED = "about", "at least", "not measured"


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy of students that learnt from so many exchanges.

    Attributes:
        exchanges: From 1.
        accuracy: Mean, in [0, 1], within the 95 % range from ``low`` to ``high``.
        usd_per_point: Cost of a percentage point above guessing; None where none was gained or no price is known.

    Raises:
        ValueError: If a figure is out of range.
    """

    exchanges: int
    accuracy: float
    low: float
    high: float
    usd_per_point: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.exchanges < 1 or not 0 <= self.low <= self.accuracy <= self.high <= 1:
            raise ValueError(f"a point needs exchanges and 0 <= low <= accuracy <= high <= 1, not {self}")


@dataclass(frozen=True, slots=True)
class Gain:
    """What exchanges teach, in percentage points above guessing, with a 95 % range; at least 0.

    Attributes:
        exchanges: How many.
        bound: ABOUT within the measured sizes, AT_LEAST beyond the largest, NOT_MEASURED below the smallest, where
            ``points`` and its range are nothing but 0.
    """

    exchanges: int
    bound: str
    points: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class ValueCurve:
    """Accuracy as a function of exchanges, for one task and one kind of student, without a defence.

    Attributes:
        task: Its name.
        student: What the student does before it learns, such as "passive".
        seeds: Students behind each point, at least 1; with 1 the ranges are about test problems alone.
        guess: Accuracy of the best constant answer, in [0, 1].
        teacher_accuracy: Share of right answers among those that were learnt from, in [0, 1].
        points: At increasing numbers of exchanges.

    Raises:
        ValueError: If there is no point, the sizes don't increase, or a figure is out of range.
    """

    task: str
    student: str
    seeds: int
    guess: float
    teacher_accuracy: float
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        """Check the points."""
        sizes = [point.exchanges for point in self.points]
        if not sizes or any(later <= earlier for earlier, later in pairwise(sizes)):
            raise ValueError("a value curve needs points at increasing numbers of exchanges")
        if self.seeds < 1 or not 0 <= self.guess <= 1 or not 0 <= self.teacher_accuracy <= 1:
            raise ValueError("a value curve needs a seed or more, guess and teacher_accuracy in [0, 1]")

    def gain(self, exchanges: int) -> Gain:
        """Return what so many exchanges teach, without going beyond what was measured.

        Between measured sizes, straight lines over the logarithm of the size, after making mean and bounds
        non-decreasing. Beyond the largest size, what was measured there; below the smallest, nothing is claimed. No
        exchange teaches nothing.

        Raises:
            ValueError: If ``exchanges`` is negative.
        """
        if exchanges < 0:
            raise ValueError(f"exchanges must not be negative, not {exchanges}")
        sizes = [point.exchanges for point in self.points]
        if exchanges == 0:
            return Gain(0, ABOUT)
        if exchanges < sizes[0]:
            return Gain(exchanges, NOT_MEASURED)

        def read(accuracies: Sequence[float]) -> float:
            held = np.interp(np.log(exchanges), np.log(sizes), np.maximum.accumulate(accuracies))
            return max(0.0, 100 * (float(held) - self.guess))

        return Gain(
            exchanges,
            AT_LEAST if bisect_left(sizes, exchanges) == len(sizes) else ABOUT,
            read([point.accuracy for point in self.points]),
            read([point.low for point in self.points]),
            read([point.high for point in self.points]),
        )


@dataclass(frozen=True, slots=True)
class Value:
    """All curves of one measurement, and what they were measured on.

    Attributes:
        stillwatch_version: Of the program that wrote it.
        versions: (what, version) of other software that a figure may depend on.
        teacher, student: Names of the models; BUILT_IN for the lab's own.
        curves: One or more.

    Raises:
        ValueError: If there is no curve.
    """

    stillwatch_version: str
    versions: tuple[tuple[str, str], ...]
    teacher: str
    student: str
    curves: tuple[ValueCurve, ...]

    def __post_init__(self) -> None:
        """Check that there is something to read."""
        if not self.curves:
            raise ValueError("a value file needs at least one curve")

    @property
    def toy(self) -> bool:
        """Whether one of the models is the lab's own: then the figures say nothing about a provider's model."""
        return BUILT_IN in (self.teacher, self.student)
