"""Where accounts stand: an immutable table of millions, kept in a file, swapped whole while requests are decided."""

from __future__ import annotations

import json
import threading
import zlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Overlay, SnapshotError, file_mark, overlay_path, read_overlay, replace_file

MAGIC = b"stillwatch standings 1\n"
_WORD_BYTES = 8  # After the magic: the sum of all that follows it, and the length of the header.
_ALIGN = 64  # Columns begin at a cache line.
_STRETCHES = 1 << 14
_SHIFT = 50
_RUNGS = tuple(Rung)
# Column, type as stored, and what stands for "unknown"; 62 bytes an account in all.
COLUMNS: tuple[tuple[str, str, int], ...] = (
    ("account", "<u8", 0),
    ("actor", "<u8", 0),
    ("rung", "<u1", 0),
    ("evidence_nats", "<f4", 0),
    ("membership_nats", "<f4", 0),
    ("campaign", "<u4", 0),
    ("verified", "<u1", 0),
    ("plan", "<u2", 0),
    ("verification", "<u2", 0),
    ("billing_country", "<u2", 0),
    ("owner_country", "<u2", 0),
    ("created_us", "<i8", -1),
    ("since_us", "<i8", 0),
    ("until_us", "<i8", 0),
)
NAMED = ("campaign", "plan", "verification", "billing_country", "owner_country")  # Places in a list of names.


class Standing(NamedTuple):  # Made at every request: a tuple takes a quarter of a frozen dataclass's time.
    """Where one account stands.

    Attributes:
        rung: What a scan or an analyst asks for; the policy decides what comes of it.
        actor: Whoever runs the account; equal for all accounts of one campaign, the account itself where nobody else
            is known to share it.
        evidence_nats: Of the campaign, against the best honest explanation; 0 for no campaign.
        campaign_id: Empty for none.
        verified: The holder has proven who they are.
        membership_nats: For the account's being part of the campaign.
        actor_accounts: Accounts of the actor in the same table, at least 1.
        since_us: From when on; 0 for always.
        until_us: The standing lapses then; 0 for never.
        plan: Likewise from the accounts file as the following; empty for unknown.
        created_us: -1 for unknown.
        restored: Somebody took back what stood against the account.
    """

    rung: Rung
    actor: int
    evidence_nats: float = 0.0
    campaign_id: str = ""
    verified: bool = False
    membership_nats: float = 0.0
    actor_accounts: int = 1
    since_us: int = 0
    until_us: int = 0
    plan: str = ""
    verification: str = ""
    billing_country: str = ""
    owner_country: str = ""
    created_us: int = -1
    restored: bool = False


class StandingSource(Protocol):
    """Says where accounts stand: a table, a file that is watched, or a shared store."""

    def of(self, account: int) -> Standing | None:
        """Return where the account stands, or None for one of which nothing is known."""

    def poll(self, now_us: int) -> None:
        """Take notice of news if it is time to look; cheap otherwise. Never raises, never waits for a load."""


class Standings:
    """An immutable table of standings, sorted by account; columns as in ``COLUMNS``, 62 bytes an account.

    Args:
        columns: One array a column, all of one length, ``account`` rising strictly; absent ones are unknown.
        names: For each of ``NAMED`` the names that the column's numbers point into; the first is empty.
        made_us: When the table was made, in microseconds since 1970.

    Raises:
        ValueError: If lengths differ, accounts do not rise, or a number points past its names.
    """

    def __init__(
        self, columns: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]], made_us: int = 0
    ) -> None:
        """Check the columns and keep them, read-only."""
        account = np.ascontiguousarray(columns["account"], np.uint64)
        if np.any(account[1:] <= account[:-1]):
            raise ValueError("accounts must rise strictly")
        self.columns: dict[str, NDArray[Any]] = {}
        for name, kind, unknown in COLUMNS:
            given = columns.get(name)
            if given is not None and given.dtype.kind in "iu" and len(given):
                bounds = np.iinfo(kind) if np.dtype(kind).kind in "iu" else None
                if bounds is not None and not bounds.min <= int(given.min()) <= int(given.max()) <= bounds.max:
                    raise ValueError(f"{name} holds a number that {kind} cannot")
            held = np.full(len(account), unknown, kind) if given is None else np.ascontiguousarray(given, kind)
            if len(held) != len(account):
                raise ValueError(f"{name} has {len(held)} rows, but there are {len(account)} accounts")
            if held is given and held.flags.writeable:
                held = held.copy()
            held.flags.writeable = False
            self.columns[name] = held
        self.names = {name: tuple(names.get(name) or ("",)) for name in NAMED}
        for name, words in self.names.items():
            if words[0] or (len(account) and int(self.columns[name].max()) >= len(words)):
                raise ValueError(f"{name} needs an empty name first, and one for every number")
        if np.any(self.columns["rung"] > max(Rung)):
            raise ValueError("a rung is higher than the ladder")
        self.made_us = made_us
        # Memory views give plain Python numbers at a fraction of what indexing an array costs.
        self._views = {name: self.columns[name].data for name, _, _ in COLUMNS}
        self._accounts = self._views["account"]
        # Pseudonyms are spread evenly, so that their first bits lead to a stretch of a few rows.
        edges = np.arange(_STRETCHES, dtype=np.uint64) << np.uint64(_SHIFT)
        self._starts = [*np.searchsorted(account, edges).tolist(), len(account)]
        campaigns = self.columns["campaign"]
        self._members = np.bincount(campaigns, minlength=len(self.names["campaign"])).tolist()

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._accounts)

    @property
    def bytes_held(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.columns.values())

    def of(self, account: int) -> Standing | None:
        """Return where the account stands, or None for one that is not in the table."""
        stretch = account >> _SHIFT
        end = self._starts[stretch + 1]
        row = bisect_left(self._accounts, account, self._starts[stretch], end)
        if row == end or self._accounts[row] != account:
            return None
        view, names = self._views, self.names
        campaign = view["campaign"][row]
        return Standing(
            _RUNGS[view["rung"][row]],
            view["actor"][row] or account,
            view["evidence_nats"][row],
            names["campaign"][campaign],
            view["verified"][row] != 0,
            view["membership_nats"][row],
            self._members[campaign] if campaign else 1,
            view["since_us"][row],
            view["until_us"][row],
            names["plan"][view["plan"][row]],
            names["verification"][view["verification"][row]],
            names["billing_country"][view["billing_country"][row]],
            names["owner_country"][view["owner_country"][row]],
            view["created_us"][row],
        )

    def poll(self, now_us: int) -> None:
        """Do nothing: a table never changes."""

    def to_bytes(self) -> bytes:
        """Return the table as a snapshot holds it."""
        count, place = len(self), 0
        places: list[dict[str, Any]] = []
        for name, kind, _ in COLUMNS:
            places.append({"name": name, "type": kind, "at": place})
            place += -(-count * np.dtype(kind).itemsize // _ALIGN) * _ALIGN
        data = bytearray(place)
        for column in places:
            raw = self.columns[column["name"]].tobytes()
            data[column["at"] : column["at"] + len(raw)] = raw
        header = json.dumps(
            {
                "made_us": self.made_us,
                "accounts": count,
                "names": self.names,
                "columns": places,
            }
        ).encode()
        header += b" " * (-(len(MAGIC) + 2 * _WORD_BYTES + len(header)) % _ALIGN)
        rest = len(header).to_bytes(_WORD_BYTES, "little") + header + data
        return MAGIC + zlib.crc32(rest).to_bytes(_WORD_BYTES, "little") + rest


def standings_of_bytes(raw: bytes, source: str) -> Standings:
    """Return the table that ``Standings.to_bytes`` wrote, without copying its columns.

    Args:
        raw: The whole snapshot, kept alive by the table.
        source: Where it comes from, for errors.

    Raises:
        SnapshotError: If it is not a snapshot of this version, or damaged.
    """
    if raw[: len(MAGIC)] != MAGIC:
        raise SnapshotError(f"{source}: not a snapshot of standings of this version; make it again")
    summed = len(MAGIC) + _WORD_BYTES
    begin = summed + _WORD_BYTES
    try:
        if zlib.crc32(memoryview(raw)[summed:]) != int.from_bytes(raw[len(MAGIC) : summed], "little"):
            raise ValueError("cut off or changed")
        header_bytes = int.from_bytes(raw[summed:begin], "little")
        header = json.loads(raw[begin : begin + header_bytes])
        data = memoryview(raw)[begin + header_bytes :]
        columns = {
            each["name"]: np.frombuffer(data, each["type"], header["accounts"], each["at"])
            for each in header["columns"]
        }
        return Standings(columns, header["names"], header["made_us"])
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{source}: the snapshot is damaged ({error}); make it again") from error


def write_snapshot(path: Path, standings: Standings) -> None:
    """Write the table to ``path``, in place of what is there, in one step: a reader sees the old or the new one.

    Raises:
        OSError: If the folder is absent or cannot be written.
    """
    replace_file(path, standings.to_bytes())


def read_snapshot(path: Path) -> Standings:
    """Return the table in ``path``, held in memory.

    It is not mapped, although several processes would then share it: whoever copies over a mapped file, instead of
    renaming, changes the table in use or ends its readers.

    Raises:
        SnapshotError: If the file is absent, unreadable, no snapshot or damaged.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SnapshotError(
            f"{path}: no snapshot can be read: {error.strerror}; make one with `standings make`"
        ) from error
    return standings_of_bytes(raw, str(path))


class Renewed(ABC):
    """Standings and overlay as last loaded, and when to look for newer ones; where they lie is the subclasses' matter.

    Loading happens in a thread of its own, so that requests are never kept waiting.

    Args:
        poll_s: How often to look, in seconds.
        in_background: Load in a thread; else in ``poll``, for tests and commands.

    Attributes:
        error: Why the last loading failed; empty if it did not.
    """

    def __init__(self, poll_s: float, in_background: bool) -> None:
        """Begin with nothing loaded."""
        self.error = ""
        self.standings = Standings({"account": np.zeros(0, np.uint64)}, {})
        self.overlay = Overlay({})
        self._poll_us = int(poll_s * 1e6)
        self._background = in_background
        self._next_us = self._now_us = 0
        self._lock = threading.Lock()

    def of(self, account: int) -> Standing | None:
        """Return where the account stands, what was done by hand included."""
        found = self.standings.of(account)
        overlay = self.overlay
        return apply_overlay(overlay, account, found, self._now_us) if overlay.entries else found

    def poll(self, now_us: int) -> None:
        """Look for news if it is time, and load what changed."""
        self._now_us = now_us
        if now_us < self._next_us:
            return
        self._next_us = now_us + self._poll_us
        if not self._may_have_news() or not self._lock.acquire(blocking=False):
            return
        try:
            if self._background:
                threading.Thread(target=self._reload, name="standings", daemon=True).start()
                return  # The thread gives the lock back.
        except RuntimeError:  # No more threads: load here rather than never.
            pass
        self._reload()

    def _may_have_news(self) -> bool:
        """Say, at the cost of a look at most, whether loading is worth while."""
        return True

    @abstractmethod
    def _reload(self) -> None:
        """Load what changed, tell of failure in ``error``, and give the lock back."""


class Reloading(Renewed):
    """Watches a snapshot and the overlay beside it, and swaps each whole when its file changed.

    A table that cannot be read leaves the one before in force, and ``error`` says why. Loading happens in a thread of
    its own, so that requests are never kept waiting; an account restored by hand is restored after at most
    ``poll_s`` and the loading of the small overlay.

    Args:
        path: The snapshot; may come to exist later, until when no account has a standing but by the overlay.
        poll_s: How often to look, in seconds.
        in_background: Load in a thread; else in ``poll``, for tests and commands.

    Raises:
        SnapshotError: If the snapshot or the overlay exists and cannot be read.
    """

    def __init__(self, path: Path, poll_s: float = 1.0, *, in_background: bool = True) -> None:
        """Load what is there."""
        super().__init__(poll_s, in_background)
        self.path = path
        self._overlay_path = overlay_path(path)
        self._marks: tuple[Any, Any] = (None, None)
        self._load()

    def _may_have_news(self) -> bool:
        return self._seen() != self._marks

    def _reload(self) -> None:
        try:
            self._load()
            self.error = ""
        except SnapshotError as error:
            self.error = str(error)
        finally:
            self._lock.release()

    def _load(self) -> None:
        snapshot, overlay = self._seen()
        failed: SnapshotError | None = None
        # The overlay first: a restored account must not wait for a snapshot.
        if overlay != self._marks[1]:
            try:
                self.overlay = read_overlay(self._overlay_path)
            except SnapshotError as error:
                failed = error
        if snapshot != self._marks[0] and snapshot is not None:
            try:
                self.standings = read_snapshot(self.path)
            except SnapshotError as error:
                failed = error
        self._marks = (snapshot, overlay)  # Also after a failure, since the same bytes would fail again.
        if failed is not None:
            raise failed

    def _seen(self) -> tuple[Any, Any]:
        return file_mark(self.path), file_mark(self._overlay_path)


def apply_overlay(overlay: Overlay, account: int, found: Standing | None, now_us: int) -> Standing | None:
    """Return ``found`` as changed by what was done by hand to the account, unless that has lapsed."""
    entry = overlay.entries.get(account)
    if entry is None or (entry.until_us and entry.until_us <= now_us):
        return found
    held = found or Standing(Rung.NONE, account)
    if entry.restored:
        held = held._replace(
            rung=Rung.NONE,
            actor=account,
            evidence_nats=0.0,
            campaign_id="",
            membership_nats=0.0,
            actor_accounts=1,
            restored=True,
        )
    if entry.rung is not None:
        held = held._replace(rung=entry.rung)
    if entry.verification:
        held = held._replace(verified=True, verification=entry.verification)
    return held
