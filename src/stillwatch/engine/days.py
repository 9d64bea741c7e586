"""Logs become days: each day's exchanges are folded into footprints of that day, whatever order the files are in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.exchange.batch import Batch, Part, Rejected
from stillwatch.exchange.duplicates import Duplicates
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import DAY_US, HOURS, Footprints
from stillwatch.footprint.merge import Gathered

THREADS = 2
_LOOKAHEAD = THREADS + 1  # Parts in memory as text at once.
_MODELS_MOST = 10_000
_DAY_HOURS = DAY_US // 3_600_000_000


@dataclass(frozen=True, slots=True)
class Day:
    """One day's footprints.

    Attributes:
        day: Days since 1970, in UTC.
        footprints: Whose window of hours begins with the day.
    """

    day: int
    footprints: Footprints


def folding(pseudonyms: Pseudonyms, origin_us: int) -> Folding:
    """Return what ``fold`` needs, from the operator's key."""
    return Folding(lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, origin_us)


class Days:
    """Reads parts side by side and yields the days in their order, each as soon as it is whole.

    A day is whole when no part that is still to be read can hold any of it; where parts do not say when they begin,
    that is at the end. What waits is held as footprints, never as text. ``exchanges`` counts the good rows so far,
    and ``models`` has the clear names of the hashes of request models, which name no person.

    Args:
        parts: In any order; read in this one.
        pseudonyms: The operator's key.
        reject: Takes the bad rows of each part, in the order of the parts.
        progress: Is told the rows of each part that is done.
        duplicates: Knows the exchanges of other sources of the same scan, which are not to be counted twice.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        pseudonyms: Pseudonyms,
        reject: Callable[[tuple[Rejected, ...]], None],
        progress: Callable[[int], None],
        duplicates: Duplicates | None = None,
    ) -> None:
        """Keep the parts; reading begins with the iteration."""
        self._parts = parts
        self._pseudonyms = pseudonyms
        self._reject = reject
        self._progress = progress
        self._duplicates = Duplicates() if duplicates is None else duplicates
        self._waiting: dict[int, Gathered] = {}
        self.exchanges = 0
        self.models: dict[int, str] = {}

    def __iter__(self) -> Iterator[Day]:
        """Yield each day that has exchanges."""
        for done, folded in enumerate(self._folded()):
            for day in folded:
                self._gather(day)
            later = [part.earliest_us for part in self._parts[done + 1 :]]
            if all(earliest is not None for earliest in later):
                bound = min((earliest // DAY_US for earliest in later if earliest is not None), default=None)
                yield from self._take(bound)

    def _take(self, before: int | None) -> Iterator[Day]:
        for day in sorted(self._waiting):
            if before is None or day < before:
                yield Day(day, self._waiting.pop(day).footprints())

    def _gather(self, day: Day) -> None:
        if day.day not in self._waiting:
            self._waiting[day.day] = Gathered(day.footprints.origin_us, _DAY_HOURS)
        self._waiting[day.day].add(day.footprints)

    def _folded(self) -> Iterator[list[Day]]:
        """Yield each part's days, in the order of the parts; reading and folding run ahead in threads."""
        with ThreadPoolExecutor(THREADS) as pool:
            reading: deque[Future[Batch]] = deque()
            working: deque[Future[list[Day]]] = deque()
            parts = iter(self._parts)
            try:
                while True:
                    while len(reading) + len(working) < _LOOKAHEAD and (part := next(parts, None)) is not None:
                        reading.append(pool.submit(part.read))
                    if reading and len(working) < THREADS:
                        batch = self._duplicates.without_repeats(reading.popleft().result())
                        self._reject(batch.rejected)
                        self.exchanges += batch.exchanges.num_rows
                        self._progress(batch.exchanges.num_rows)
                        working.append(pool.submit(self._fold, batch.exchanges))
                    elif working:
                        yield working.popleft().result()
                    else:
                        return
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _fold(self, exchanges: pa.Table) -> list[Day]:
        if "request_model" in exchanges.column_names and len(self.models) < _MODELS_MOST:
            names = pc.unique(exchanges["request_model"]).cast(pa.string()).drop_null()
            hashes = self._pseudonyms.hashes("request_model", names)[0].tolist()
            self.models.update(zip(hashes, names.to_pylist(), strict=True))
        return [
            Day(day, narrowed(fold_footprints(rows, folding(self._pseudonyms, day * DAY_US)), _DAY_HOURS))
            for day, rows in by_day(exchanges)
        ]


def by_day(exchanges: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yield each day of a table with its rows; without copying where the rows are in order of time."""
    days = exchanges["timestamp"].cast(pa.int64()).to_numpy() // DAY_US
    if len(days) == 0:
        return
    if np.any(days[1:] < days[:-1]):
        order = np.argsort(days, kind="stable")
        exchanges, days = exchanges.take(pa.array(order)), days[order]
    begins = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    for begin, end in zip(begins, np.append(begins[1:], len(days)), strict=True):
        yield int(days[begin]), exchanges.slice(int(begin), int(end - begin))


def narrowed(footprints: Footprints, hours: int) -> Footprints:
    """Return the footprints with the first ``hours`` of their window only, as what is held for a single day."""
    arrays = {**footprints.arrays, "hours": np.ascontiguousarray(footprints.hours[:, :hours])}
    return Footprints(arrays, footprints.account_id, footprints.origin_us, footprints.profile)


class Running:
    """All that was seen so far, grown day by day, with a window of hours that follows the days."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._gathered: Gathered | None = None

    def add(self, day: Day) -> NDArray[np.int64]:
        """Merge a day in, no earlier than the days before it, and return the row of each of its accounts."""
        begin_us = day.footprints.origin_us
        if self._gathered is None:
            # By name, so that nothing later depends on the order in which the exchanges of a day were read.
            self._gathered = Gathered(begin_us, by_name=True)
        past = (begin_us - self._gathered.origin_us) // 3_600_000_000 + _DAY_HOURS - HOURS
        if past > 0:
            self._gathered.advance(past)
        return self._gathered.add(day.footprints)

    def footprints(self) -> Footprints:
        """Return a view of all that was added; adding more changes it.

        Raises:
            ValueError: If nothing was added.
        """
        if self._gathered is None:
            raise ValueError("no exchange was seen yet")
        return self._gathered.footprints()
