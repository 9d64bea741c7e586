"""What was done to single accounts by hand or by a verification: a small file beside a snapshot, newer than it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stillwatch.response.ladder import WORDS, Rung

FileMark = tuple[int, int, int] | None


class SnapshotError(Exception):
    """A snapshot or overlay that cannot be used; the message begins with its path and ends with what would help."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done to one account.

    Attributes:
        restored: What stands against the account is taken back: no rung, no actor but itself.
        rung: Put there by hand, whatever the snapshot says; None leaves it.
        verification: The level that the holder has proven ("id", "oidc", …); empty for nothing new.
        reason: For the record; never shown to the client.
        by: Who did it.
        at_us: When, in microseconds since 1970.
        until_us: The entry lapses then; 0 for never.
    """

    restored: bool = False
    rung: Rung | None = None
    verification: str = ""
    reason: str = ""
    by: str = ""
    at_us: int = 0
    until_us: int = 0


@dataclass(frozen=True, slots=True)
class Overlay:
    """The entries of accounts, by pseudonym; it outlives the snapshots beneath it."""

    entries: Mapping[int, Entry]

    def to_bytes(self) -> bytes:
        """Return the overlay as its file holds it: JSON, one account a line, to be read by people too."""
        lines = [
            json.dumps(
                {
                    "account": str(account),  # As text, since 64 bits do not fit a number of JSON.
                    "restored": entry.restored,
                    "rung": None if entry.rung is None else entry.rung.word,
                    "verification": entry.verification,
                    "reason": entry.reason,
                    "by": entry.by,
                    "at_us": entry.at_us,
                    "until_us": entry.until_us,
                },
                ensure_ascii=False,
            )
            for account, entry in sorted(self.entries.items())
        ]
        return "".join(line + "\n" for line in lines).encode()


def overlay_path(snapshot: Path) -> Path:
    """Return where the overlay of ``snapshot`` lies."""
    return snapshot.with_name(snapshot.name + ".overlay")


def overlay_of_bytes(raw: bytes, source: str) -> Overlay:
    """Return the overlay that ``Overlay.to_bytes`` wrote.

    Raises:
        SnapshotError: If a line is no entry; it names the line.
    """
    entries = {}
    for row, line in enumerate(raw.splitlines(), 1):
        try:
            held = json.loads(line)
            entries[int(held["account"])] = Entry(
                restored=bool(held.get("restored", False)),
                rung=None if held.get("rung") is None else WORDS[held["rung"]],
                verification=str(held.get("verification", "")),
                reason=str(held.get("reason", "")),
                by=str(held.get("by", "")),
                at_us=int(held.get("at_us", 0)),
                until_us=int(held.get("until_us", 0)),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotError(f"{source}, line {row}: no entry of an overlay ({error}); mend or remove it") from error
    return Overlay(entries)


def read_overlay(path: Path) -> Overlay:
    """Return the overlay in ``path``; an empty one if there is no such file.

    Raises:
        SnapshotError: If it cannot be read.
    """
    try:
        return overlay_of_bytes(path.read_bytes(), str(path))
    except FileNotFoundError:
        return Overlay({})
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}") from error


def edit_overlay(path: Path, edit: Callable[[dict[int, Entry]], None]) -> Overlay:
    """Change the overlay in ``path`` and return it; edits of several programs come one after the other.

    Args:
        path: In a folder that exists.
        edit: Changes the entries in place.

    Raises:
        SnapshotError: If the overlay that is there cannot be read.
        OSError: If it cannot be written.
    """
    with path.with_name(path.name + ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Let go when the file is closed, or its program dies.
        entries = dict(read_overlay(path).entries)
        edit(entries)
        overlay = Overlay(entries)
        replace_file(path, overlay.to_bytes())
    return overlay


def file_mark(path: Path) -> FileMark:
    """Return what changes whenever a file is put in place of another or written to; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put ``content`` in place of ``path`` in one step, flushed to the disk.

    A new file gets ``mode``, by default for its owner only; one that replaces another keeps that one's permissions, so
    that a gateway that was let in stays in.

    Raises:
        OSError: If that fails; ``path`` is then as before.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
