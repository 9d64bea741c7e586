"""The log: every exchange in the scan's own columns, in Parquet files that appear whole, with its footprints beside it.

Rows wait in memory until there are enough, or the oldest is old enough, and are written by another process. A process
that is killed loses what waited: at most ``rows_most`` rows or ``age_s`` seconds, and a batch that was being written.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from stillwatch.gateway.exchange_log_rows import PROMPT, TEXTS, Row
from stillwatch.gateway.exchange_log_writer import BatchError, BatchWriter, Writing

logger = logging.getLogger("stillwatch.gateway")

_RETRY_S = 2.0
_FREED_AT_ONCE = 64  # Rows. To free 20,000 in one go holds requests up by six milliseconds.
_LAST_TRIES = 3  # After a stop was asked for; a full disk must not hold a shutdown up for ever.


@dataclass(frozen=True, slots=True)
class Rotation:
    """When rows become a file.

    Attributes:
        rows_most: At this many rows.
        age_s: When the oldest row is this old.
        text_bytes_most: When the texts that wait take this many bytes.
        backlog_rows_most: Rows that may wait for a disk that does not take them; further ones are lost and counted.
    """

    rows_most: int = 20_000
    age_s: float = 30.0
    text_bytes_most: int = 32 << 20
    backlog_rows_most: int = 500_000


_ROTATION = Rotation()


class ExchangeLog:
    """Takes rows from one event loop; a thread of its own hands them to the process that writes.

    Args:
        folder: Made if it does not exist.
        key: Of the pseudonyms, for the footprints; the same as the scan's, or they cannot be merged.
        keep_text: Write prompts and system instructions too.
        footprints: Write the footprints that the texts leave, beside each file.
        rotation: When rows become a file.
        written: Is told how many rows were written, or were lost.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        *,
        keep_text: bool = False,
        footprints: bool = True,
        rotation: Rotation = _ROTATION,
        written: Callable[[int, int], None] = lambda _written, _lost: None,
    ) -> None:
        """Make the folder, and start process and thread."""
        folder.mkdir(parents=True, exist_ok=True)
        self._batches = BatchWriter(Writing(folder, key, keep_text, footprints))
        self._texts = keep_text or footprints
        self._rotation = rotation
        self._written = written
        self._rows: list[Row] = []
        self._oldest_us = 0
        self._text_bytes = 0
        self._waiting = 0  # Rows handed to the thread and not yet written.
        self._guard = threading.Lock()
        self._writer = secrets.token_hex(4)  # Tells the files of several processes in one folder apart.
        self._number = 0
        self._queue: SimpleQueue[list[Row] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="exchange-log", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Rows that are not on the disk yet."""
        return len(self._rows) + self._waiting

    def append(self, row: Row, now_us: int) -> None:
        """Take one exchange, in the order of ``EXCHANGE_COLUMNS``."""
        if self._waiting > self._rotation.backlog_rows_most:
            self._written(0, 1)
            return
        if not self._rows:
            self._oldest_us = now_us
        if not self._texts:
            row = tuple(None if k in TEXTS else value for k, value in enumerate(row))
        elif row[PROMPT]:
            self._text_bytes += len(row[PROMPT])
        self._rows.append(row)
        if len(self._rows) >= self._rotation.rows_most or self._text_bytes >= self._rotation.text_bytes_most:
            self.flush()

    def tick(self, now_us: int) -> None:
        """Hand old rows on; to be called every second or so."""
        if self._rows and now_us - self._oldest_us >= self._rotation.age_s * 1e6:
            self.flush()

    def flush(self) -> None:
        """Hand all rows to the thread that writes; returns at once."""
        if not self._rows:
            return
        rows, self._rows, self._text_bytes = self._rows, [], 0
        with self._guard:
            self._waiting += len(rows)
        self._queue.put(rows)

    def close(self) -> None:
        """Write what is left and end; blocks until it is on the disk, or cannot be put there."""
        self.flush()
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (rows := self._queue.get()) is not None:
            self._write(rows)
            with self._guard:
                self._waiting -= len(rows)
            while rows:  # Requests get their turn between two slices.
                del rows[-_FREED_AT_ONCE:]
        self._batches.close()

    def _write(self, rows: list[Row]) -> None:
        """Write a batch; try again for as long as the disk refuses it."""
        self._number += 1
        now = dt.datetime.now(dt.UTC)
        stem = f"{now:%Y%m%dT%H%M%S}-{self._writer}-{self._number:06d}"
        tries = 0
        while True:
            try:
                self._batches.write(stem, rows)
            except OSError as error:
                tries += 1
                logger.error("exchange log cannot be written", extra={"reason": error.strerror, "rows": len(rows)})
                if self._stopping.wait(_RETRY_S) and tries >= _LAST_TRIES:
                    self._written(0, len(rows))
                    return
            except BatchError as error:
                logger.error("exchange log lost a batch", extra={"reason": str(error), "rows": len(rows)})
                self._written(0, len(rows))
                return
            else:
                self._written(len(rows), 0)
                return
