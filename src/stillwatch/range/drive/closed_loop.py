"""The loop as it would run at a provider: traffic through a gateway, its log watched, standings renewed, in steps.

Between two looks nothing depends on the clock of the machine, since each request says what time it is; these stretches
go as fast as answers come. From the instant of a look until its standings are in force, traffic goes at a fixed speed:
what slips through meanwhile is what would at that speed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from stillwatch.engine.watch import FolderWatch, Watching
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.footprint.footprints import HOUR_US
from stillwatch.range.drive.client import Pace, Sender
from stillwatch.range.drive.tally import Tally
from stillwatch.range.drive.traffic import Traffic, fact_options
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import read_snapshot

_RELOAD_S = 2.5  # A gateway looks at its snapshot once a second, and loads it in a thread.
_WRITTEN_S = 60.0
FAST = float("inf")


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """How the loop runs.

    Attributes:
        step_hours: Between two looks.
        speed: Simulated seconds in a second while a look is under way.
        live_us: What is earlier is laid into the log as it would be there; from then on requests are sent.
        until_us: No later request is sent; 0 for all.
        rungs: As for ``Watching``.
        level: The false-discovery level of each look.
        connections: Requests under way at once.
    """

    step_hours: int = 12
    speed: float = 20.0
    live_us: int = 0
    until_us: int = 0
    rungs: tuple[tuple[float, Rung], ...] = ((0.0, Rung.VERIFY),)
    level: float = 0.05
    connections: int = 32


@dataclass(frozen=True, slots=True)
class LookDone:
    """One look and what came of it.

    Attributes:
        at_us: The simulated instant of the look.
        begin_row: The first request that was sent after that instant.
        force_row: The first request that was sent when its standings were in force.
        members: Accounts of campaigns that are flagged.
        others: Other accounts that are flagged.
        seconds: From the look's begin until its standings were in force.
    """

    at_us: int
    begin_row: int
    force_row: int
    members: int
    others: int
    seconds: float


@dataclass(slots=True)
class Feed:
    """The requests that are still to be sent."""

    traffic: Traffic
    row: int = 0

    def until(self, end: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield row, time and bytes of requests before row ``end``; one that was yielded is gone."""
        for raw in self.traffic.requests(self.row, end):
            row = self.row
            self.row += 1
            yield row, int(self.traffic.time_us[row]), raw


@dataclass
class Folders:
    """Where a drill keeps its things.

    Args:
        root: A folder that exists and is the drill's own.
    """

    root: Path
    log: Path = field(init=False)
    standings: Path = field(init=False)
    accounts: Path = field(init=False)
    policy: Path = field(init=False)
    key: Path = field(init=False)

    def __post_init__(self) -> None:
        """Name the files."""
        self.log, self.standings = self.root / "log", self.root / "standings.bin"
        self.accounts, self.policy, self.key = (
            self.root / "accounts.parquet",
            self.root / "policy.yaml",
            self.root / "key",
        )

    def prepare(self, traffic: Traffic, policy: str, key: bytes, laid_rows: int = 0) -> None:
        """Write accounts, policy and key, and lay the first rows of the traffic into the log."""
        self.log.mkdir()
        self.policy.write_text(policy)
        self.key.write_text(key.hex() + "\n")
        self.key.chmod(0o600)
        pq.write_table(traffic.accounts, self.accounts)
        if laid_rows:
            pq.write_table(traffic.exchanges.slice(0, laid_rows), self.log / "laid.parquet", compression="zstd")

    def options(self) -> list[str]:
        """Return the options of ``stillwatch serve`` for these files and the facts that the traffic tells."""
        held = {"--policy": self.policy, "--standings": self.standings, "--key-file": self.key, "--log": self.log}
        words = [word for name, path in held.items() for word in (name, str(path))]
        return [*words, "--log-age-s", "0.5", *fact_options()]

    def logged(self) -> int:
        """Return how many exchanges the gateway has written."""
        return sum(pq.read_metadata(path).num_rows for path in self.log.glob("exchanges-*.parquet"))


class ClosedLoop:
    """Runs the loop over a gateway that is up.

    Args:
        traffic: What is sent.
        plan: How.
        folders: Prepared, and known to the gateway.
        url: The gateway; anything but this machine is refused.
        tell: Is told each look.

    Raises:
        ValueError: If the address is not this machine's.
    """

    def __init__(
        self,
        traffic: Traffic,
        plan: LoopPlan,
        folders: Folders,
        url: str,
        pseudonyms: Pseudonyms,
        tell: Callable[[LookDone, Tally], None],
    ) -> None:
        """Keep all of it."""
        self.traffic, self.plan, self.folders = traffic, plan, folders
        self.tally = Tally(traffic)
        self.looks: list[LookDone] = []
        self._sender = Sender(url, plan.connections)
        self._pseudonyms = pseudonyms
        self._tell = tell
        watching = Watching(
            folders.log,
            folders.standings,
            folders.accounts,
            plan.rungs,
            plan.level,
            every_s=plan.step_hours * 3600,
        )
        self._watch = FolderWatch(watching, pseudonyms, lambda _what, _details: None)

    async def run(self) -> None:
        """Send everything, looking at the end of each step."""
        traffic, plan = self.traffic, self.plan
        first = int(np.searchsorted(traffic.time_us, plan.live_us))
        last = int(np.searchsorted(traffic.time_us, plan.until_us)) if plan.until_us else len(traffic)
        feed, pace = Feed(traffic, first), Pace()
        step_us = plan.step_hours * HOUR_US
        self._watch.turn(dt.datetime.now(dt.UTC))  # What was laid there is known before the first request.
        at_us = (int(traffic.time_us[first]) // step_us + 1) * step_us
        while feed.row < last:
            end = min(last, int(np.searchsorted(traffic.time_us, at_us)))
            await self._sender.send(feed.until(end), self.tally.told, pace)
            await self._written(feed.row - first)
            if feed.row < last:
                await self._look(feed, pace, at_us, last)
            at_us += step_us
        await self._sender.close()

    async def _look(self, feed: Feed, pace: Pace, at_us: int, last: int) -> None:
        begun, row, done = time.monotonic(), feed.row, asyncio.Event()
        before = _mark(self.folders.standings)

        async def look() -> None:
            await asyncio.to_thread(self._watch.turn, dt.datetime.now(dt.UTC))
            if _mark(self.folders.standings) != before:
                await asyncio.sleep(_RELOAD_S)
            done.set()
            pace.speed = FAST

        pace.set(self.plan.speed, at_us)
        await asyncio.gather(look(), self._sender.send(feed.until(last), self.tally.told, pace, done))
        flagged = set(self._watch.flags())
        members = len(flagged & self.traffic.members)
        seconds = time.monotonic() - begun
        self.looks.append(LookDone(at_us, row, feed.row, members, len(flagged) - members, seconds))
        self._tell(self.looks[-1], self.tally)

    async def _written(self, rows: int) -> None:
        """Wait until the gateway's log has as many exchanges as were sent.

        Raises:
            TimeoutError: If it does not.
        """
        until = time.monotonic() + _WRITTEN_S
        while (have := self.folders.logged()) < rows:
            if time.monotonic() > until:
                raise TimeoutError(f"of {rows} exchanges only {have} were logged")
            await asyncio.sleep(0.1)

    @property
    def flagged(self) -> frozenset[str]:
        """Account ids that are flagged by now."""
        return frozenset(self._watch.flags())


def enforced(policy: str) -> str:
    """Return the text of the policy that comes along, enforced.

    Raises:
        ValueError: If it does not say that it is not.
    """
    if policy.count("\nenforce: false") != 1:
        raise ValueError("this is not the policy that comes with stillwatch")
    return policy.replace("\nenforce: false", "\nenforce: true")


def standings_by_rung(path: Path) -> dict[str, int]:
    """Return how many accounts stand on each rung of a snapshot."""
    rungs: Any = read_snapshot(path).columns["rung"]
    return {rung.word: int((rungs == rung).sum()) for rung in Rung if (rungs == rung).any()}


def _mark(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
