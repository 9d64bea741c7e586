"""Exchanges that a plug-in has seen, as JSON lines in the scan's own columns: nothing but the standard library."""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

_IDS_HELD = 200_000
TEXT_COLUMNS = ("system_instructions", "prompt")


class ExchangeLines:
    """Appends rows to a hidden file, which is renamed to ``exchanges-….jsonl`` when it is full or old.

    A scan or a watch of the folder thus never sees a file that still grows. Rows of an id that came before are
    dropped, within the last ``_IDS_HELD``: LiteLLM reports some exchanges twice. A row is written in one call, so that
    a crash leaves whole rows; ``recover`` renames what a crashed process left behind.

    Args:
        folder: Made if it does not exist.
        clock_s: Seconds since 1970.
        rows_most: After so many rows a file is closed.
        age_s_most: After so many seconds too, at the next row or ``roll``.
        texts: Keep system instructions and prompts. Without them the scan cannot see templates, topics and elicitation.

    Raises:
        OSError: If the folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: Path,
        clock_s: Callable[[], float],
        rows_most: int = 50_000,
        age_s_most: float = 60.0,
        *,
        texts: bool = False,
    ) -> None:
        """Make the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock_s = clock_s
        self._rows_most, self._age_s_most = rows_most, age_s_most
        self._texts = texts
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._file: FileIO | None = None
        self._path = folder
        self._rows = 0
        self._begun_s = 0.0
        self._files = 0
        self._lock = threading.Lock()

    def add(self, row: Mapping[str, Any]) -> bool:
        """Append a row; return whether it was new.

        Args:
            row: By column; ``exchange_id``, ``timestamp`` in seconds since 1970 and ``account_id`` at least.

        Raises:
            OSError: If it cannot be written.
        """
        with self._lock:
            name = str(row["exchange_id"])
            if name in self._seen:
                return False
            self._seen[name] = None
            if len(self._seen) > _IDS_HELD:
                self._seen.popitem(last=False)
            kept = {
                column: value
                for column, value in row.items()
                if value is not None and (self._texts or column not in TEXT_COLUMNS)
            }
            kept["timestamp"] = datetime.fromtimestamp(float(row["timestamp"]), UTC).isoformat(timespec="microseconds")
            now_s = self._clock_s()
            if self._file is not None and now_s - self._begun_s > self._age_s_most:
                self._close()
            if self._file is None:
                self._open(now_s)
            assert self._file is not None
            # Escaped to ASCII, so that lone surrogates in a prompt cannot stop the log.
            self._file.write(json.dumps(kept, separators=(",", ":")).encode() + b"\n")
            self._rows += 1
            if self._rows >= self._rows_most:
                self._close()
            return True

    def roll(self) -> bool:
        """Close and show the present file if it is old, and tell whether one still grows; no row may come for long."""
        with self._lock:
            if self._file is not None and self._clock_s() - self._begun_s > self._age_s_most:
                self._close()
            return self._file is not None

    def close(self) -> None:
        """Close and show the present file."""
        with self._lock:
            if self._file is not None:
                self._close()

    def recover(self) -> int:
        """Show files that processes left behind which are no more; return how many."""
        found = 0
        for path in self._folder.glob(".exchanges-*.jsonl"):
            process = int(path.stem.rsplit("-", 2)[1])
            if not Path(f"/proc/{process}").exists():
                path.rename(path.with_name(path.name[1:]))
                found += 1
        return found

    def _open(self, now_s: float) -> None:
        self._files += 1
        stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%S")
        self._path = self._folder / f".exchanges-{stamp}-{os.getpid()}-{self._files}.jsonl"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = FileIO(handle, "ab")
        self._rows, self._begun_s = 0, now_s

    def _close(self) -> None:
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        self._path.rename(self._path.with_name(self._path.name[1:]))
