"""What became of the requests: counted apart for campaigns and for everybody else, before and after the standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stillwatch.range.drive.client import LOST
from stillwatch.range.drive.traffic import Traffic

UNSENT = -1


@dataclass(frozen=True, slots=True)
class Count:
    """What became of some requests.

    Attributes:
        sent: Requests.
        through: Answered whole with 200.
        reasoned: Of these, with reasoning.
        barred: Refused with 403: by standing.
        limited: Refused with 429: by a limit.
        failed: Anything else: what the simulation's model server refused, and answers that did not come whole.
    """

    sent: int
    through: int
    reasoned: int
    barred: int
    limited: int
    failed: int

    @property
    def refused(self) -> int:
        """By the wall."""
        return self.barred + self.limited


class Tally:
    """Keeps what became of each request of some traffic.

    Args:
        traffic: With its truth, which only counting knows.
    """

    def __init__(self, traffic: Traffic) -> None:
        """Begin with nothing sent."""
        self.traffic = traffic
        self.status = np.full(len(traffic), UNSENT, np.int16)
        self.reasoned = np.zeros(len(traffic), np.bool_)
        scripted = traffic.exchanges["status"].fill_null(200).to_numpy()
        self._granted = scripted == 200

    def told(self, row: int, status: int, reasoned: bool) -> None:
        """Take note of one answer."""
        self.status[row] = status
        self.reasoned[row] = reasoned

    def count(self, chosen: NDArray[np.bool_]) -> Count:
        """Return what became of the chosen requests that were sent and that the model server would have answered."""
        status = self.status[chosen & (self.status != UNSENT) & self._granted]
        reasoned = int((self.reasoned & chosen & (self.status == 200)).sum())
        through, barred, limited = (int((status == code).sum()) for code in (200, 403, 429))
        return Count(len(status), through, reasoned, barred, limited, len(status) - through - barred - limited)

    def steps(self, begins_us: Sequence[int]) -> list[tuple[Count, Count]]:
        """Return for each stretch of time the counts of extraction and of honest requests."""
        edges = np.searchsorted(self.traffic.time_us, begins_us)
        found = []
        for low, high in pairwise(edges.tolist()):
            inside = np.zeros(len(self.traffic), np.bool_)
            inside[low:high] = True
            found.append((self.count(inside & self.traffic.extraction), self.count(inside & ~self.traffic.hostile)))
        return found

    @property
    def lost(self) -> int:
        """Requests without a whole answer."""
        return int((self.status == LOST).sum())
