"""Which files a scan reads: paths, folders and patterns become a sorted list of files, or one clear error."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKINGS = (".gz", ".zst")
TABLES = (".parquet",)
LINES = (".jsonl", ".ndjson", ".json")
SHEETS = (".csv",)
_READABLE = (
    "Parquet (.parquet), JSON (.jsonl, .ndjson, .json) and CSV (.csv) can be read, the last two also as .gz or .zst"
)


class SourceError(Exception):
    """A source that cannot be read at all, told in one line with a hint; the command line ends with code 2.

    Args:
        message: What is wrong, beginning with the path.
        hint: What would help.
    """

    def __init__(self, message: str, hint: str) -> None:
        """Keep both parts, and show them as one line."""
        super().__init__(f"{message} ({hint})")
        self.message = message
        self.hint = hint


def unpacked_suffix(path: Path) -> str:
    """Return the lower-case ending of ``path`` without its packing: ``.jsonl`` for ``a.jsonl.gz``."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKINGS else suffix


def packing(path: Path) -> str:
    """Return ``.gz``, ``.zst`` or an empty string for an unpacked file."""
    suffix = path.suffix.lower()
    return suffix if suffix in PACKINGS else ""


def is_readable_kind(path: Path) -> bool:
    """Tell by its ending whether a reader may exist for ``path``."""
    suffix = unpacked_suffix(path)
    return suffix in LINES + SHEETS or (suffix in TABLES and not packing(path))


def discover(paths: Sequence[Path | str]) -> list[Path]:
    """Return the files that ``paths`` name, sorted, none twice.

    A folder stands for every readable file below it, whatever else lies there; hidden files and folders, and those
    whose names begin with an underscore (as engines name their own marks), are passed over. A pattern (``*``, ``?``,
    ``[``) stands for what it matches, ``**`` for any number of folders.

    Raises:
        SourceError: If a path is missing, cannot be opened, ends in a way that no reader knows, or holds no file to
            read; or if ``paths`` is empty.
    """
    if not paths:
        raise SourceError("no source was named", "name a file, a folder or a pattern")
    found: dict[Path, Path] = {}
    for named in paths:
        for path in _files(str(named)):
            found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _files(named: str) -> Iterator[Path]:
    path = Path(named)
    if not _exists(path) and glob.has_magic(named):
        matches = [Path(match) for match in sorted(glob.glob(named, recursive=True))]  # noqa: PTH207 (absolute patterns too)
        matches = [match for match in matches if match.is_dir() or is_readable_kind(match)]
        if not matches:
            raise SourceError(f"{named}: no file matches this pattern", _READABLE)
        for match in matches:
            yield from _files(str(match))
    elif not _exists(path):
        raise SourceError(f"{named}: no such file or folder", "check the path")
    elif path.is_dir():
        yield from _below(path)
    elif not is_readable_kind(path):
        raise SourceError(f"{named}: unknown ending {path.suffix!r}", _READABLE)
    elif not os.access(path, os.R_OK):
        raise SourceError(f"{named}: may not be read", "grant this user read access")
    else:
        yield path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # A name that is too long, or a folder on the way that may not be entered.
        return False


def _below(folder: Path) -> Iterator[Path]:
    any_file = False

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename or folder}: may not be read", "grant this user read access")

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in sorted(names):
            path = Path(parent) / name
            if name.startswith((".", "_")) or not is_readable_kind(path):
                continue
            any_file = True
            yield from _files(str(path))
    if not any_file:
        raise SourceError(f"{folder}: holds no file to read", _READABLE)
