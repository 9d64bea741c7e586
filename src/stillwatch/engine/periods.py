"""Logs become periods of some hours, each folded into footprints of its own, whatever order the files are in."""

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
from stillwatch.footprint.footprints import DAY_US, HOUR_US, HOURS, Footprints
from stillwatch.footprint.merge import Gathered

THREADS = 2
_LOOKAHEAD = THREADS + 1  # Parts in memory as text at once.
_MODELS_MOST = 10_000
_DAY_HOURS = DAY_US // HOUR_US


@dataclass(frozen=True, slots=True)
class Period:
    """What happened in some hours.

    Attributes:
        begin_us: Microseconds since 1970, in UTC.
        footprints: Whose window of hours begins with the period and is as long.
    """

    begin_us: int
    footprints: Footprints

    @property
    def end_us(self) -> int:
        """The instant after the period."""
        return self.begin_us + int(self.footprints.hours.shape[1]) * HOUR_US


def folding(pseudonyms: Pseudonyms, origin_us: int) -> Folding:
    """Return what ``fold`` needs, from the operator's key."""
    return Folding(lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, origin_us)


class Periods:
    """Reads parts side by side and yields the periods in their order, each as soon as it is whole.

    A period is whole when no part that is still to be read can hold any of it; where parts do not say when they begin,
    that is at the end. What waits is held as footprints, never as text. ``exchanges`` counts the good rows so far,
    and ``models`` has the clear names of the hashes of request models, which name no person.

    Args:
        parts: In any order; read in this one.
        pseudonyms: The operator's key.
        reject: Takes the bad rows of each part, in the order of the parts.
        progress: Is told the rows of each part that is done.
        duplicates: Knows the exchanges of other sources of the same scan, which are not to be counted twice.
        hours: The length of a period: a divisor of 24, so that each day ends with one.

    Raises:
        ValueError: If the length does not divide the day.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        pseudonyms: Pseudonyms,
        reject: Callable[[tuple[Rejected, ...]], None],
        progress: Callable[[int], None],
        duplicates: Duplicates | None = None,
        hours: int = _DAY_HOURS,
    ) -> None:
        """Keep the parts; reading begins with the iteration."""
        if hours < 1 or _DAY_HOURS % hours:
            raise ValueError(f"a period must divide the day evenly, and {hours} hours do not")
        self._hours = hours
        self._length_us = hours * HOUR_US
        self._parts = parts
        self._pseudonyms = pseudonyms
        self._reject = reject
        self._progress = progress
        self._duplicates = Duplicates() if duplicates is None else duplicates
        self._waiting: dict[int, Gathered] = {}
        self.exchanges = 0
        self.models: dict[int, str] = {}

    def __iter__(self) -> Iterator[Period]:
        """Yield each period that has exchanges."""
        for done, folded in enumerate(self._folded()):
            for period in folded:
                self._gather(period)
            later = [part.earliest_us for part in self._parts[done + 1 :]]
            if all(earliest is not None for earliest in later):
                bound = min((earliest for earliest in later if earliest is not None), default=None)
                yield from self._take(bound)

    def _take(self, until_us: int | None) -> Iterator[Period]:
        for begin_us in sorted(self._waiting):
            if until_us is None or begin_us + self._length_us <= until_us:
                yield Period(begin_us, self._waiting.pop(begin_us).footprints())

    def _gather(self, period: Period) -> None:
        if period.begin_us not in self._waiting:
            self._waiting[period.begin_us] = Gathered(period.begin_us, self._hours)
        self._waiting[period.begin_us].add(period.footprints)

    def _folded(self) -> Iterator[list[Period]]:
        """Yield each part's periods, in the order of the parts; reading and folding run ahead in threads."""
        with ThreadPoolExecutor(THREADS) as pool:
            reading: deque[Future[Batch]] = deque()
            working: deque[Future[list[Period]]] = deque()
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

    def _fold(self, exchanges: pa.Table) -> list[Period]:
        if "request_model" in exchanges.column_names and len(self.models) < _MODELS_MOST:
            names = pc.unique(exchanges["request_model"]).cast(pa.string()).drop_null()
            hashes = self._pseudonyms.hashes("request_model", names)[0].tolist()
            self.models.update(zip(hashes, names.to_pylist(), strict=True))
        return [
            Period(begin_us, narrowed(fold_footprints(rows, folding(self._pseudonyms, begin_us)), self._hours))
            for begin_us, rows in by_period(exchanges, self._length_us)
        ]


def by_period(exchanges: pa.Table, length_us: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield the begin of each period with its rows of a table; without copying where the rows are in order of time."""
    number = exchanges["timestamp"].cast(pa.int64()).to_numpy() // length_us
    if len(number) == 0:
        return
    if np.any(number[1:] < number[:-1]):
        order = np.argsort(number, kind="stable")
        exchanges, number = exchanges.take(pa.array(order)), number[order]
    begins = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    for begin, end in zip(begins, np.append(begins[1:], len(number)), strict=True):
        yield int(number[begin]) * length_us, exchanges.slice(int(begin), int(end - begin))


def narrowed(footprints: Footprints, hours: int) -> Footprints:
    """Return the footprints with the first ``hours`` of their window only, as what is held for a single period."""
    arrays = {**footprints.arrays, "hours": np.ascontiguousarray(footprints.hours[:, :hours])}
    return Footprints(arrays, footprints.account_id, footprints.origin_us, footprints.profile)


class Running:
    """All that was seen so far, grown period by period, with a window of whole days that follows them.

    Args:
        before: What an earlier run had seen, from its ``footprints``; accounts keep their rows.
    """

    def __init__(self, before: Footprints | None = None) -> None:
        """Begin with nothing, or go on."""
        self._gathered: Gathered | None = None if before is None else Gathered.of(before, by_name=True)

    def add(self, period: Period) -> NDArray[np.int64]:
        """Merge a period in, no earlier than those before it, and return the row of each of its accounts."""
        day_us = period.begin_us // DAY_US * DAY_US
        if self._gathered is None:
            # By name, so that nothing later depends on the order in which the exchanges of a period were read.
            self._gathered = Gathered(day_us, by_name=True)
        past = (day_us - self._gathered.origin_us) // HOUR_US + _DAY_HOURS - HOURS
        if past > 0:
            self._gathered.advance(past)
        return self._gathered.add(period.footprints)

    def footprints(self) -> Footprints:
        """Return a view of all that was added; adding more changes it.

        Raises:
            ValueError: If nothing was added.
        """
        if self._gathered is None:
            raise ValueError("no exchange was seen yet")
        return self._gathered.footprints()
