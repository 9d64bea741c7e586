"""The loop's first half: new files of a folder become footprints, looks at them, and a table of standings."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.case.assembly import instant
from stillwatch.engine.periods import Period, Periods, Running
from stillwatch.engine.profiles import profiles
from stillwatch.engine.replay import NEVER, Found, Looks, with_profile
from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.discovery import SourceError, discover
from stillwatch.exchange.duplicates import Duplicates
from stillwatch.exchange.mapping import ColumnMap
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.reading import parts
from stillwatch.footprint.footprints import Footprints
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import SnapshotError
from stillwatch.response.profiles import read_profiles
from stillwatch.response.replay import Flag, Profile
from stillwatch.response.result_standings import standings_of
from stillwatch.response.standing import Standings, read_snapshot, write_snapshot

Tell = Callable[[str, Mapping[str, Any]], None]
"""Is told what happened: one word, and plain values beside it. No text of a prompt and no secret is among them."""

Mark = tuple[int, int]  # Bytes, and the time of the last change in nanoseconds.
SETTLED_S = 5.0  # Lines that did not grow for so long are taken for whole.
LOGGED, FOLDED = "exchanges-", "_footprints-"  # How a gateway names a file, and the footprints that lie beside it.


@dataclass(frozen=True, slots=True)
class Watching:
    """What to watch, and what to make of it.

    Attributes:
        folder: Where files of exchanges appear; each is read once, when it is whole.
        standings: The snapshot that gateways read.
        accounts: The accounts file, or None; read anew when it changes.
        rungs: (nats, rung) pairs: a campaign's accounts are put on the rung of the last pair whose nats its evidence
            reaches, and on ``observe`` where it reaches none. A policy decides what comes of it.
        level: The false-discovery level of a month of looks.
        mapping: The provider's own column names.
        assume_utc: Take times without a zone as UTC.
        settled_s: A file of lines that has not changed for so long is whole.
        every_s: Seconds between two turns; so many looks share the level.
    """

    folder: Path
    standings: Path
    accounts: Path | None = None
    rungs: tuple[tuple[float, Rung], ...] = ((0.0, Rung.CAP),)
    level: float = 0.05
    mapping: ColumnMap | None = None
    assume_utc: bool = False
    settled_s: float = SETTLED_S
    every_s: float = 300.0


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """A campaign as standings name it.

    Attributes:
        name: Given by the look that flagged it first, and kept.
        first_flagged_us: That look.
        nats: The most evidence that a look had for it: what was once found is taken back by people, not by silence.
    """

    name: str
    first_flagged_us: int
    nats: float


@dataclass(frozen=True, eq=False)
class Remembered:
    """All that a watch needs to go on after a restart.

    Attributes:
        done: Files that were read, by their path within the folder, with their size.
        footprints: Of all that was read; None before the first exchange.
        campaigns: Flagged so far.
        campaign: Shape (accounts,), in the order of ``footprints``. Places in ``campaigns``, -1 for none.
        flagged_at_us: Shape (accounts,). NEVER for none.
        membership_nats: Shape (accounts,).
    """

    done: Mapping[str, int] = field(default_factory=dict)
    footprints: Footprints | None = None
    campaigns: tuple[KnownCampaign, ...] = ()
    campaign: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    flagged_at_us: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    membership_nats: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


class FolderWatch:
    """Folds what appears in a folder, looks, and keeps a table of standings up to date.

    An account that was flagged once stays so. Each file counts once, and within one life of the watch each exchange id
    of files that are read row by row; files of a gateway repeat none. Memory grows with accounts, never with text.

    Args:
        watching: What to watch.
        pseudonyms: The operator's key: the gateway's, where its footprints are merged.
        tell: Is told what happened.
        remembered: What an earlier life of the watch left.

    Raises:
        SourceError: If the accounts file cannot be read.
        SnapshotError: If the table of standings holds campaigns that this watch knows nothing of: they would be
            forgotten.
    """

    def __init__(
        self, watching: Watching, pseudonyms: Pseudonyms, tell: Tell, remembered: Remembered | None = None
    ) -> None:
        """Take up what is remembered; nothing is read yet but the accounts."""
        self._watching = watching
        self._pseudonyms = pseudonyms
        self._tell = tell
        self._duplicates = Duplicates()
        self._aside: dict[str, Mark] = {}  # Files that cannot be used as they are, and are not looked at again so.
        self._accounts_mark: Mark | None = None
        self._profile: pa.Table | None = None
        self._profiles: dict[str, Profile] = {}
        self._running, self._looks = Running(), Looks(watching.level, watching.every_s / 3600)
        self._campaigns: list[KnownCampaign] = []
        self._membership = np.zeros(0)
        self._read_accounts()
        held = remembered or Remembered()
        self._done = dict(held.done)
        if held.footprints is not None and len(held.footprints):
            self._take_up(held, held.footprints)
        elif remembered is None:
            self._refuse_to_forget()
        self.made = 0  # Tables of standings that were written so far.
        self._due, self._unsaved = True, False

    def turn(self, now: dt.datetime, save: Callable[[Remembered], None] | None = None) -> bool:
        """Fold what is new, look if anything is, and renew the standings; tell whether anything was new.

        Args:
            now: The present, with a zone.
            save: Keeps what is remembered; called before the standings are renewed, so that no account is put on the
                ladder that a restart would not know of.

        Raises:
            OSError: If the standings cannot be written.
            SourceError: If the folder or the accounts file cannot be read.
        """
        self._due |= self._read_accounts() or not self._watching.standings.exists()
        folded = self._fold(now)
        if folded:
            self._unsaved = True
            self._due |= self._look() > 0
        # Both are tried again at the next turn if they fail now.
        if self._unsaved and save is not None:
            save(self.remembered())
            self._unsaved = False
        if self._due:
            self._renew(now)
            self._due = False
        return folded > 0

    def remembered(self) -> Remembered:
        """Return what a later life of the watch needs; a view, to be written before the next turn."""
        looks = self._looks
        footprints = None if looks.last is None else self._running.footprints()
        return Remembered(
            done=dict(self._done),
            footprints=footprints,
            campaigns=tuple(self._campaigns),
            campaign=looks.campaign,
            flagged_at_us=looks.flagged_at_us,
            membership_nats=self._membership,
        )

    def flags(self) -> dict[str, Flag]:
        """Return the flagged accounts by account id."""
        looks = self._looks
        rows = np.flatnonzero(looks.campaign >= 0)
        if not len(rows):
            return {}
        names = self._running.footprints().account_id.take(pa.array(rows)).to_pylist()
        found = {}
        for name, row in zip(names, rows.tolist(), strict=True):
            campaign = self._campaigns[int(looks.campaign[row])]
            at_us, membership = int(looks.flagged_at_us[row]), float(self._membership[row])
            found[name] = Flag(campaign.name, at_us, campaign.nats, membership)
        return found

    def _take_up(self, held: Remembered, footprints: Footprints) -> None:
        """Restore footprints and flags, and look once: what was found needs a look that it can point to."""
        self._running = Running(footprints)
        running = with_profile(self._running.footprints(), self._profile)
        detection = self._looks.look(running, int(running.integers("last_us").max()) + 1)
        self._campaigns = list(held.campaigns)
        self._looks.found = [Found(each.first_flagged_us, (detection, -1)) for each in held.campaigns]
        self._looks.campaign = held.campaign.copy()
        self._looks.flagged_at_us = held.flagged_at_us.copy()
        self._membership = held.membership_nats.copy()
        self._tell("resumed", {"files": len(self._done), "accounts": len(running), "flagged": len(self.flags())})

    def _refuse_to_forget(self) -> None:
        path = self._watching.standings
        if not path.exists():
            return
        flagged = int((read_snapshot(path).columns["campaign"] > 0).sum())
        if flagged:
            raise SnapshotError(
                f"{path}: holds {flagged} flagged accounts that this watch knows nothing of, and would forget; "
                "give --state the file that knows them, or --standings another file"
            )

    def _read_accounts(self) -> bool:
        """Read the accounts file if it changed, and tell whether it did."""
        path = self._watching.accounts
        if path is None:
            return False
        try:
            mark = _mark(path)
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
        if mark == self._accounts_mark:
            return False
        table = read_accounts(path, assume_utc=self._watching.assume_utc)
        self._profile = profiles(table, self._pseudonyms)
        self._profiles = read_profiles(path, assume_utc=self._watching.assume_utc)
        self._accounts_mark = mark
        self._tell("accounts", {"file": str(path), "accounts": table.num_rows})
        return True

    def _fold(self, now: dt.datetime) -> int:
        """Fold all files that are new and whole, and return how many exchanges they had."""
        begun, files, total, waiting = time.monotonic(), 0, 0, 0
        for path in self._found():
            name = path.relative_to(self._watching.folder).as_posix()
            try:
                mark = _mark(path)
            except OSError:  # Gone since the folder was listed.
                continue
            if not self._is_new(name, mark):
                continue
            if not _whole(path, mark, now.timestamp(), self._watching.settled_s):
                waiting += 1
                continue
            try:
                exchanges = self._fold_file(path, now)
            except (SourceError, OSError, pa.ArrowException, ValueError, KeyError) as error:
                self._aside[name] = mark
                self._tell("refused", {"file": name, "reason": str(error)})
                continue
            self._done[name] = mark[0]
            files, total = files + 1, total + exchanges
        if files or waiting:
            seconds = round(time.monotonic() - begun, 3)
            self._tell("folded", {"files": files, "exchanges": total, "unfinished": waiting, "seconds": seconds})
        return total

    def _found(self) -> Iterable[Path]:
        folder = self._watching.folder
        try:
            return discover([folder])
        except SourceError:
            if folder.is_dir() or not folder.exists():
                return []  # Nothing there yet.
            raise

    def _is_new(self, name: str, mark: Mark) -> bool:
        if name in self._done:
            if self._done[name] != mark[0] and self._aside.get(name) != mark:
                self._aside[name] = mark
                hint = "what was added is not read; close a file before it gets the name that is watched"
                self._tell("changed", {"file": name, "hint": hint})
            return False
        return self._aside.get(name) != mark

    def _fold_file(self, path: Path, now: dt.datetime) -> int:
        """Fold one file, all of it or, after an exception, nothing."""
        beside = _beside(path)
        quarantine = Quarantine(None)
        if beside:
            # The whole fold of the file, texts included: read in its place.
            folded = [Footprints.from_arrow(pq.read_table(each)) for each in beside]
            together = [Period(each.origin_us, each) for each in folded]
            exchanges = sum(int(each.integers("exchanges").sum()) for each in folded)
        else:
            found = parts([path], now=now, mapping=self._watching.mapping, assume_utc=self._watching.assume_utc)
            reading = Periods(found, self._pseudonyms, quarantine.add, lambda _: None, self._duplicates)
            together = list(reading)
            exchanges = reading.exchanges
        for period in sorted(together, key=lambda each: each.begin_us):
            self._running.add(period)
        if quarantine.count:
            reasons = dict(quarantine.by_reason)
            self._tell("rejected", {"file": path.name, "rows": quarantine.count, "reasons": reasons})
        return exchanges

    def _look(self) -> int:
        """Look at all that was seen; return how many accounts were flagged first."""
        begun = time.monotonic()
        footprints = with_profile(self._running.footprints(), self._profile)
        looks, at_us = self._looks, int(footprints.integers("last_us").max()) + 1
        before = int((looks.campaign >= 0).sum())
        detection = looks.look(footprints, at_us)
        self._membership = np.append(self._membership, np.zeros(len(footprints) - len(self._membership)))
        rose = False
        for number, found in enumerate(looks.found):
            if found.evidence[0] is not detection:
                continue
            group = found.evidence[1]
            nats = float(detection.evidence.log_e[group])
            if number == len(self._campaigns):
                name = f"{instant(found.first_flagged_us):%Y%m%d}-{number + 1:02d}"
                self._campaigns.append(KnownCampaign(name, found.first_flagged_us, nats))
            known = self._campaigns[number]
            if nats > known.nats:
                rose = True
                self._campaigns[number] = KnownCampaign(known.name, known.first_flagged_us, nats)
            member = detection.partition == group
            odds = detection.candidates[group].membership.log_odds[member]
            rose |= bool((odds > self._membership[member]).any())
            self._membership[member] = np.maximum(self._membership[member], odds)
        flagged = int((looks.flagged_at_us != NEVER).sum())
        self._tell(
            "looked",
            {
                "exchanges": int(footprints.integers("exchanges").sum()),
                "seen_until": f"{instant(at_us):%Y-%m-%dT%H:%M:%SZ}",
                "accounts": len(footprints),
                "groups_tested": detection.tested,
                "campaigns": len(self._campaigns),
                "flagged": flagged,
                "newly_flagged": flagged - before,
                "seconds": round(time.monotonic() - begun, 3),
            },
        )
        return max(flagged - before, int(rose))

    def _renew(self, now: dt.datetime) -> None:
        """Write the standings of all accounts, so that a whole campaign is met at once."""
        path, now_us = self._watching.standings, int(now.timestamp() * 1e6)
        before: Standings | None = None
        try:
            before = read_snapshot(path) if path.exists() else None
        except SnapshotError as error:  # Actors are then made anew: a budget is filled again.
            self._tell("damaged", {"reason": str(error)})

        def hashes(name: str, values: pa.Array) -> NDArray[np.uint64]:
            return self._pseudonyms.hashes(name, values)[0]

        flags = self.flags()
        made = standings_of(flags, self._profiles, hashes, rung=Rung.OBSERVE, made_us=now_us, before=before)
        made = _on_rungs(made, self._watching.rungs)
        write_snapshot(path, made)
        self.made += 1
        rungs = np.bincount(made.columns["rung"], minlength=len(Rung))
        by_rung = {rung.word: int(rungs[rung]) for rung in Rung if rungs[rung]}
        self._tell("standings", {"file": str(path), "accounts": len(made), "flagged": len(flags), "rungs": by_rung})


def _on_rungs(table: Standings, rungs: Iterable[tuple[float, Rung]]) -> Standings:
    """Return the table with the accounts of campaigns on the rungs that the evidence reaches."""
    rung, in_campaign = table.columns["rung"].copy(), table.columns["campaign"] > 0
    for nats, reached in sorted(rungs):
        rung[in_campaign & (table.columns["evidence_nats"] >= nats)] = reached
    return Standings({**table.columns, "rung": rung}, table.names, table.made_us)


def _beside(path: Path) -> list[Path]:
    """Return the footprints that a gateway left beside a file of exchanges; the file seals them."""
    if not path.name.startswith(LOGGED) or path.suffix != ".parquet":
        return []
    return sorted(path.parent.glob(f"{FOLDED}{path.stem.removeprefix(LOGGED)}-*.parquet"))


def _mark(path: Path) -> Mark:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _whole(path: Path, mark: Mark, now_s: float, settled_s: float) -> bool:
    """Tell whether a file is written to its end: Parquet says so itself, lines are left alone until they rest."""
    if path.suffix.lower() == ".parquet":
        try:
            pq.ParquetFile(path).close()
        except (OSError, pa.ArrowException):
            return False
        return True
    return now_s - mark[1] / 1e9 >= settled_s
