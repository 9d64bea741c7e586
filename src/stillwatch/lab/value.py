"""What a campaign of so many exchanges was worth: accuracy that a student gained in the lab, with its uncertainty.

A file that the lab writes and others may quote. It speaks about the lab's tasks and models. What a campaign gained on a
provider's own models is not known from it; it says how gain grows with exchanges once a task has been harvested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from stillwatch.store.atomic import atomic_file

CAVEAT = (
    "Measured in the lab, on a small task with small models. It shows how a student's accuracy grows with the number "
    "of exchanges, not what a campaign has gained from a real model."
)


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy of students that learnt from so many exchanges, with a 95 % range; in [0, 1]."""

    exchanges: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Value:
    """Accuracy as a function of exchanges, for one task and one kind of student.

    Raises:
        ValueError: If there is no point, or the sizes don't increase.
    """

    task: str
    defence: str
    student: str
    seeds: int
    guess: float
    teacher: float
    points: tuple[Point, ...]
    caveat: str = CAVEAT

    def __post_init__(self) -> None:
        """Check the points."""
        sizes = [point.exchanges for point in self.points]
        if not sizes or sizes[0] < 1 or any(later <= earlier for earlier, later in pairwise(sizes)):
            raise ValueError("a value curve needs points at increasing, positive sizes")

    def at(self, exchanges: int) -> Point:
        """Return the accuracy to expect from so many exchanges.

        Between measured sizes, straight lines over the logarithm of the size, after making means and bounds
        non-decreasing. Below the smallest size the range reaches down to guessing; beyond the largest, nothing more is
        promised than was measured there.

        Raises:
            ValueError: If ``exchanges`` is negative.
        """
        if exchanges < 0:
            raise ValueError(f"exchanges must not be negative, not {exchanges}")
        if exchanges < self.points[0].exchanges:
            first = self.points[0]
            share = exchanges / first.exchanges
            mean = self.guess + (first.accuracy - self.guess) * share
            return Point(exchanges, mean, min(self.guess, first.low), max(first.high, self.guess))
        size = np.log([point.exchanges for point in self.points])
        where = np.log(exchanges)

        def read(values: Sequence[float]) -> float:
            return float(np.interp(where, size, np.maximum.accumulate(values)))

        return Point(
            exchanges,
            read([point.accuracy for point in self.points]),
            read([point.low for point in self.points]),
            read([point.high for point in self.points]),
        )


def write_value(path: Path, values: Sequence[Value]) -> None:
    """Write value curves as JSON, whole or not at all."""
    with atomic_file(path) as stream:
        held = {"values": [asdict(value) for value in values]}
        stream.write(orjson.dumps(held, option=orjson.OPT_INDENT_2) + b"\n")


def read_values(path: Path) -> tuple[Value, ...]:
    """Read what ``write_value`` wrote.

    Raises:
        ValueError: If the file is something else.
        OSError: If it can't be read.
    """
    try:
        held = orjson.loads(path.read_bytes())
        return tuple(_value(entry) for entry in held["values"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no value curves; `stillwatch lab curve` writes them") from error


def _value(held: dict[str, Any]) -> Value:
    return Value(**(held | {"points": tuple(Point(**point) for point in held["points"])}))
