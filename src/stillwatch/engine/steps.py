"""Steps of a scan as time goes by: what each look found, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stillwatch.engine.replay import NEVER, Looks
from stillwatch.footprint.footprints import Footprints


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what had been seen by its end, and what the look at it took.

    Attributes:
        at_us: The instant of the look, microseconds since 1970, in UTC.
        exchanges: That came in this step; only these are folded and merged.
        accounts_active: Accounts that were active in this step.
        accounts_seen: Accounts seen so far, all of which the look goes over.
        groups_tested: By this look.
        campaigns: Flagged so far.
        accounts_flagged: Flagged so far.
        newly_flagged: Accounts that this look flagged first.
        merge_s: Seconds spent on merging the step into what was known.
        look_s: Seconds spent on the look.
        look_cpu_s: Of these the processor's on this thread, which a busy machine does not stretch.
        seconds: Since the step before ended, waiting for files included.
    """

    at_us: int
    exchanges: int
    accounts_active: int
    accounts_seen: int
    groups_tested: int
    campaigns: int
    accounts_flagged: int
    newly_flagged: tuple[str, ...]
    merge_s: float
    look_s: float
    look_cpu_s: float
    seconds: float


Watch = Callable[[Step], None]
"""Is told each step as soon as its look is done."""


class StepClock:
    """Takes the time of steps and notes what each one adds.

    Args:
        looks: What the looks have flagged, before each ``looked`` the latest.
        now_s: A clock that never goes back, in seconds.
    """

    def __init__(self, looks: Looks, now_s: Callable[[], float] = time.monotonic) -> None:
        """Begin the first step."""
        self._looks, self._now_s = looks, now_s
        self._ended_s = self._begun_s = now_s()
        self._cpu_s = time.thread_time()
        self._merge_s = 0.0
        self._exchanges = self._active = 0

    def begin(self) -> None:
        """Note that a merge begins."""
        self._begun_s = self._now_s()

    def merged(self, footprints: Footprints) -> None:
        """Note that the merge of ``footprints`` ended."""
        self._merge_s += self._now_s() - self._begun_s
        self._exchanges += int(footprints.integers("exchanges").sum())
        self._active += len(footprints)
        self._begun_s, self._cpu_s = self._now_s(), time.thread_time()

    def skip(self) -> None:
        """Forget what was merged since the last look, as history is that nobody looks at."""
        self._ended_s, self._merge_s = self._now_s(), 0.0
        self._exchanges = self._active = 0

    def looked(self, at_us: int) -> Step:
        """Return the step whose look has just ended, and begin the next one.

        Raises:
            ValueError: If nothing was looked at yet.
        """
        looks, now_s = self._looks, self._now_s()
        if looks.last is None:
            raise ValueError("there was no look yet")
        fresh = np.flatnonzero(looks.flagged_at_us == at_us)
        step = Step(
            at_us=at_us,
            exchanges=self._exchanges,
            accounts_active=self._active,
            accounts_seen=len(looks.last.population),
            groups_tested=looks.last.tested,
            campaigns=len(np.unique(looks.campaign[looks.campaign >= 0])),
            accounts_flagged=int((looks.flagged_at_us != NEVER).sum()),
            newly_flagged=tuple(looks.last.population.footprints.account_id.take(fresh).to_pylist()),
            merge_s=self._merge_s,
            look_s=now_s - self._begun_s,
            look_cpu_s=time.thread_time() - self._cpu_s,
            seconds=now_s - self._ended_s,
        )
        self.skip()
        return step
