"""Where bad rows go: one JSON object a row, and counts by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import orjson

from stillwatch.exchange.batch import Rejected

REASONS_MAX = 1_000  # Reasons counted apart, so that memory stays bounded whatever a reader says.
_OTHER = "another reason"


class StrictError(Exception):
    """The first bad row of a strict scan.

    Args:
        rejected: The row, its reason and its hint.
    """

    def __init__(self, rejected: Rejected) -> None:
        """Say file, row, reason and hint in one line."""
        super().__init__(f"{rejected.file}, row {rejected.row}: {rejected.reason} ({rejected.hint})")
        self.rejected = rejected


class Quarantine:
    """Takes rejected rows, writes them to a file and counts them.

    The file has one JSON object a line with ``file``, ``row``, ``reason`` and ``hint``. It is written under a
    temporary name and takes its own name when closed, so that a scan that dies leaves no half file.

    Args:
        path: The file to write, or None to count only.
        strict: Raise at the first rejected row.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path | None, *, strict: bool = False) -> None:
        """Open the temporary file, where a path is given."""
        self.path = path
        self.strict = strict
        self.count = 0
        self._by_reason: Counter[str] = Counter()
        self._part = None if path is None else path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file = None if self._part is None else self._part.open("wb")

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Write and count ``rejected``, in order.

        Raises:
            StrictError: If the quarantine is strict, at the first row.
        """
        for row in rejected:
            if self.strict:
                raise StrictError(row)
            self.count += 1
            known = row.reason in self._by_reason or len(self._by_reason) < REASONS_MAX
            self._by_reason[row.reason if known else _OTHER] += 1
            if self._file is not None:
                line = {"file": row.file, "row": row.row, "reason": row.reason, "hint": row.hint}
                self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    @property
    def by_reason(self) -> tuple[tuple[str, int], ...]:
        """Rejected rows by reason, the commonest first; at most ``REASONS_MAX`` + 1 reasons."""
        return tuple(sorted(self._by_reason.items(), key=lambda item: (-item[1], item[0])))

    def close(self) -> None:
        """Give the file its own name. Closing twice does nothing."""
        if self._file is None or self._part is None or self.path is None:
            return
        self._file.close()
        self._part.replace(self.path)
        self._file = None

    def discard(self) -> None:
        """Remove what was written, as after a failed scan."""
        if self._file is None or self._part is None:
            return
        self._file.close()
        self._part.unlink(missing_ok=True)
        self._file = None

    def __enter__(self) -> Quarantine:
        """Return the quarantine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, or discard it after an error."""
        if kind is None:
            self.close()
        else:
            self.discard()
