"""A drill that anybody can look at: a made-up pool begins, a watch beside the gateway finds it, and it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from stillwatch.range.campaign import Campaign
from stillwatch.range.drive.client import Pace, Sender
from stillwatch.range.drive.closed_loop import Feed, Folders, enforced
from stillwatch.range.drive.processes import gateway, model_server
from stillwatch.range.drive.tally import Tally
from stillwatch.range.drive.traffic import Traffic, composed
from stillwatch.range.presets import preset
from stillwatch.range.rhythm import DAY_US
from stillwatch.range.simulation import START, Simulation

_RELOAD_S = 2.5  # A gateway looks at its snapshot once a second, and loads it in a thread.
_CONNECTIONS = 32
# Small and careless, so that it is found within a short drill on a small machine. Presets at the size of disclosures
# are for `bench.loop`; how well those are found is another question than whether the loop closes.
POOL: Campaign = replace(
    preset("anthropic-2026-02-150k"),
    name="demo-pool",
    source="made up",
    disclosed="Nothing: this campaign is made up for the drill.",
    assumed="80 accounts over 4 days that share cards and exits.",
    accounts=80,
    exchanges=4_000,
    days=4,
    starts_day=1.0,
    aged_share=0.0,
    signup_bursts=2,
    accounts_per_card=5.0,
    card_shared=0.9,
    mail_public=0.3,
    own_exit_share=0.1,
    accounts_per_exit=4.0,
    cover_share=0.1,
    plans=(("api", 1.0),),
)


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """How long a drill takes, and how large it is.

    Attributes:
        seed: Of the traffic.
        benign: Honest accounts.
        days: Simulated.
        seconds: In which they pass, if the machine keeps up.
        seconds_most: After so many seconds nothing more is sent.
        every_s: Between two turns of the watch.
    """

    seed: int = 5
    benign: int = 400
    days: int = 5
    seconds: float = 90.0
    seconds_most: float = 150.0
    every_s: float = 3.0


@dataclass
class DrillState:
    """What a drill has come to; changed in place while it runs.

    Attributes:
        traffic: What is sent.
        tally: What became of it.
        row: The next request.
        force_row: The first request that was sent when standings with flagged accounts were in force; -1 before.
        flagged: Accounts on the ladder.
        campaigns: Found so far.
        said: What the watch told last.
        over: Whether all is done.
    """

    traffic: Traffic
    tally: Tally
    row: int = 0
    force_row: int = -1
    flagged: int = 0
    campaigns: int = 0
    said: str = "the watch has not looked yet"
    over: bool = False
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        """Begin at the first request."""
        self.feed = Feed(self.traffic)

    @property
    def at_us(self) -> int:
        """The simulated present, in microseconds since 1970."""
        return int(self.traffic.time_us[min(self.feed.row, len(self.traffic) - 1)])


async def drill(plan: DrillPlan, root: Path, show: Callable[[DrillState], None], every_s: float = 0.5) -> DrillState:
    """Run mock model server, gateway and watch as programs of their own, and send them a simulation, in some minutes.

    Args:
        plan: How long, and how large.
        root: An empty folder.
        show: Is called every ``every_s`` seconds, and at the end.
        every_s: Seconds.

    Raises:
        StartError: If a program does not come up.
    """
    spec = Simulation(plan.benign, 1.0, plan.days, plan.seed, campaigns=(POOL,))
    traffic = composed(spec)
    state = DrillState(traffic, Tally(traffic))
    folders = Folders(root)
    policy = (importlib.resources.files("stillwatch.response") / "default_policy.yaml").read_text(encoding="utf-8")
    folders.prepare(traffic, enforced(policy), secrets.token_bytes(32))
    with model_server(root) as upstream, gateway(root, upstream, folders.options()) as url:
        async with _watched(folders, plan.every_s, state):
            sender, pace, stop = Sender(url, _CONNECTIONS), Pace(), asyncio.Event()
            pace.set(plan.days * DAY_US / 1e6 / plan.seconds, int(START.timestamp() * 1e6))
            sending = asyncio.ensure_future(
                sender.send(state.feed.until(len(traffic)), state.tally.told, pace, stop),
            )
            try:
                asyncio.get_running_loop().call_later(plan.seconds_most, stop.set)
                while not sending.done():
                    await asyncio.wait({sending}, timeout=every_s)
                    show(state)
                await sending
            finally:
                stop.set()
                sending.cancel()
                await sender.close()
    state.over = True
    show(state)
    return state


@contextlib.asynccontextmanager
async def _watched(folders: Folders, every_s: float, state: DrillState) -> Any:
    """Run ``stillwatch watch`` until the block ends, and note what it tells."""
    words = [sys.executable, "-m", "stillwatch", "watch", str(folders.log), "--standings", str(folders.standings)]
    words += ["--accounts", str(folders.accounts), "--key-file", str(folders.key), "--every", str(every_s)]
    words += ["--rung", "0=verify", "--json"]
    with (folders.root / "watch.txt").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=errors)
        listening = asyncio.ensure_future(_listen(process, state))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            await listening


async def _listen(process: asyncio.subprocess.Process, state: DrillState) -> None:
    assert process.stdout is not None
    waiting: list[asyncio.Task[None]] = []
    async for line in process.stdout:
        if line.startswith(b"{"):
            event: Mapping[str, Any] = orjson.loads(line)
            _note(event, state)
            if event["event"] == "standings" and event["flagged"] and not waiting:
                waiting.append(asyncio.ensure_future(_in_force(state)))
    for each in waiting:
        each.cancel()


def _note(event: Mapping[str, Any], state: DrillState) -> None:
    """Take note of one line of the watch."""
    if event["event"] == "looked":
        state.flagged, state.campaigns = event["flagged"], event["campaigns"]
        state.said = (
            f"{event['accounts']:,} accounts seen, {event['flagged']} flagged in {event['campaigns']} campaigns"
        )
    elif event["event"] == "failed":
        state.said = str(event["reason"])


async def _in_force(state: DrillState) -> None:
    await asyncio.sleep(_RELOAD_S)
    state.force_row = state.feed.row


def stretches(state: DrillState, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (through, refused) a stretch of time, of extraction and of honest requests: shape (count, 2) each."""
    traffic, tally = state.traffic, state.tally
    begin, end = int(traffic.time_us[0]), int(traffic.time_us[-1]) + 1
    stretch = (traffic.time_us - begin) * count // (end - begin)
    through = tally.status == 200
    refused = (tally.status == 403) | (tally.status == 429)
    found = []
    for chosen in (traffic.extraction, ~traffic.hostile):
        columns = [np.bincount(stretch[chosen & each], minlength=count) for each in (through, refused)]
        found.append(np.stack(columns, axis=1))
    return found[0], found[1]
