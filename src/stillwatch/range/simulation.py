"""The simulation as a whole: everybody's traffic in order of time, written with its truth, or one campaign alone."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.range.benign import benign
from stillwatch.range.campaign import Campaign
from stillwatch.range.draft import Draft, joined_drafts
from stillwatch.range.kinds import KINDS
from stillwatch.range.operation import operated
from stillwatch.range.presets import DEMO, preset
from stillwatch.range.rhythm import DAY_US, HOUR_US, Window
from stillwatch.range.roster import Integers, Roster, joined
from stillwatch.range.tables import account_ids, account_table, exchange_ids, exchange_table, truth_table

ROWS_A_FILE = 250_000
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)  # A Monday.
_RELEASE = 0.6  # Of the window, before the new model comes out.
_OURS = frozenset({"exchanges", "accounts.parquet", "truth"})

Progress = Callable[[str, int, int], None]  # What is being done, steps done, steps in all.


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate.

    Raises:
        ValueError: If a number is out of range or ``start`` has no time zone.
    """

    benign: int = 5000
    scale: float = 0.1  # Of the campaigns, against what was disclosed.
    days: int = 28
    seed: int = 7
    start: dt.datetime = START
    campaigns: tuple[Campaign, ...] = field(default_factory=lambda: tuple(preset(name) for name in DEMO))

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.benign < len(KINDS):
            raise ValueError(f"benign must be at least {len(KINDS)}, one account a kind, not {self.benign}")
        if not 0 < self.scale <= 1:
            raise ValueError(f"scale must lie in (0, 1], not {self.scale}")
        if self.days < 1 or self.seed < 0:
            raise ValueError(f"days must be positive and seed not negative, not {self.days} and {self.seed}")
        if len({campaign.name for campaign in self.campaigns}) != len(self.campaigns):
            raise ValueError("each campaign can run once")
        window_of(self.start, self.days)


@dataclass(frozen=True, slots=True)
class Summary:
    """What was simulated."""

    seed: int
    exchanges: int
    files: int
    first: dt.datetime
    last: dt.datetime
    kinds: tuple[tuple[str, int], ...]  # (benign kind, accounts)
    campaigns: tuple[tuple[str, int, int], ...]  # (campaign, accounts, answered extraction exchanges)


def window_of(start: dt.datetime, days: int) -> Window:
    """Return the window that begins at ``start``; the new model comes out after three fifths of it.

    Raises:
        ValueError: If ``start`` has no time zone.
    """
    if start.tzinfo is None:
        raise ValueError("the start needs a time zone, for all times are written in UTC")
    start_us = (start - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    release_us = start_us + int(_RELEASE * days) * DAY_US + 17 * HOUR_US
    return Window(start_us, days, release_us)


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the randomness of one part, which stays the same whatever other parts there are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _composed(spec: Simulation, progress: Progress) -> tuple[Roster, Draft]:
    """Return all accounts, and all exchanges in order of time."""
    window = window_of(spec.start, spec.days)
    steps = 1 + len(spec.campaigns)
    progress("composing accounts", 0, steps)
    roster, drafts = benign(stream(spec.seed, "benign"), spec.benign, window)
    rosters, before = [roster], len(roster)
    for number, campaign in enumerate(spec.campaigns):
        progress("composing accounts", 1 + number, steps)
        roster, more = operated(stream(spec.seed, campaign.name), campaign, number, spec.scale, window)
        for draft in more:
            draft.account[:] += before
        before += len(roster)
        rosters.append(roster)
        drafts += more
    draft = joined_drafts(drafts)
    del drafts
    return joined(rosters), draft.take(np.argsort(draft.time_us, kind="stable"))


def _check_target(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise FileExistsError(f"{out} is a file; name a folder that does not exist yet")
    held = {entry.name for entry in out.iterdir()}
    if held - _OURS:
        raise FileExistsError(f"{out} holds other things than a simulation ({min(held - _OURS)}); it is left as it is")
    if held and not force:
        raise FileExistsError(f"{out} holds a simulation already; it is replaced only on request (--force)")


def _write(spec: Simulation, folder: Path, progress: Progress) -> Summary:
    roster, draft = _composed(spec, progress)
    account_id = account_ids(roster)
    (folder / "exchanges").mkdir()
    (folder / "truth").mkdir()
    files = max(1, -(-len(draft) // ROWS_A_FILE))
    answered = draft.extraction & (draft.status == 200)
    extraction: list[pa.Array] = []
    for number in range(files):
        progress("writing exchanges", number, files)
        low, high = number * ROWS_A_FILE, min((number + 1) * ROWS_A_FILE, len(draft))
        ids = exchange_ids(low, high, spec.seed)
        table = exchange_table(draft.take(np.arange(low, high)), ids, account_id)
        pq.write_table(table, folder / "exchanges" / f"part-{number:05d}.parquet", compression="zstd")
        extraction.append(ids.filter(pa.array(answered[low:high])))
    progress("writing exchanges", files, files)
    # The order of the accounts must not tell who belongs together.
    order = pa.array(np.argsort(roster.key, kind="stable"))
    names = [campaign.name for campaign in spec.campaigns]
    pq.write_table(account_table(roster, account_id).take(order), folder / "accounts.parquet", compression="zstd")
    truth = truth_table(roster, account_id, names)
    pq.write_table(truth.take(order), folder / "truth" / "accounts.parquet", compression="zstd")
    taken = pa.table({"exchange_id": pa.chunked_array(extraction, pa.string())})
    pq.write_table(taken, folder / "truth" / "extraction.parquet", compression="zstd")
    return _summary(spec, roster, draft, answered.astype(np.int64), files)


def _summary(spec: Simulation, roster: Roster, draft: Draft, answered: Integers, files: int) -> Summary:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    accounts = np.bincount(roster.campaign + 1, minlength=len(spec.campaigns) + 1)
    taken = np.bincount(roster.campaign[draft.account] + 1, weights=answered, minlength=len(spec.campaigns) + 1)
    kinds = np.bincount(roster.kind[roster.kind >= 0], minlength=len(KINDS))
    return Summary(
        seed=spec.seed,
        exchanges=len(draft),
        files=files,
        first=epoch + dt.timedelta(microseconds=int(draft.time_us[0])),
        last=epoch + dt.timedelta(microseconds=int(draft.time_us[-1])),
        kinds=tuple((kind.name, int(count)) for kind, count in zip(KINDS, kinds, strict=True)),
        campaigns=tuple(
            (campaign.name, int(accounts[k + 1]), int(taken[k + 1])) for k, campaign in enumerate(spec.campaigns)
        ),
    )


def simulate(spec: Simulation, out: Path, progress: Progress | None = None, force: bool = False) -> Summary:
    """Write simulated traffic and its truth to the folder ``out``, whole or not at all.

    Equal specifications give equal files. Prompts are made up, addresses lie in reserved blocks.

    Args:
        spec: What to simulate.
        out: Gets ``exchanges/part-*.parquet`` in order of time, ``accounts.parquet`` and ``truth/``.
        progress: Told what is being done, how many steps are done and how many there are.
        force: Whether an earlier simulation in ``out`` is replaced.

    Raises:
        FileExistsError: If ``out`` holds a simulation and ``force`` is false, or holds anything else.
    """
    out = Path(out)
    _check_target(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        summary = _write(spec, fresh, progress or (lambda _what, _done, _all: None))
        if out.exists():
            out.rename(Path(scratch) / "old")
        try:
            fresh.rename(out)
        except OSError:
            if (Path(scratch) / "old").exists():
                shutil.move(Path(scratch) / "old", out)
            raise
    return summary


@dataclass(frozen=True, eq=False)
class CampaignTraffic:
    """One campaign's traffic with its truth.

    Attributes:
        accounts: A table of ``ACCOUNT_SCHEMA``.
        exchanges: A table of ``EXCHANGE_SCHEMA``, in order of time.
        account: Shape (exchanges,), rows of ``accounts``.
        time_us: Shape (exchanges,), microseconds since 1970.
        extraction: Shape (exchanges,). Whether the exchange was answered and its answer was taken away.
        elicitation: Shape (exchanges,). What it asks for beside the task: an index into ``ELICITATIONS``, or -1.
    """

    accounts: pa.Table
    exchanges: pa.Table
    account: Integers
    time_us: Integers
    extraction: NDArray[np.bool_]
    elicitation: Integers


def campaign_traffic(
    campaign: Campaign, seed: int, start: dt.datetime, days: int, scale: float = 1.0, cover: bool = True
) -> CampaignTraffic:
    """Return one campaign's traffic, to be mixed into traffic that is already there.

    Args:
        campaign: Its habits.
        seed: Of the randomness.
        start: When the window begins, with a time zone.
        days: Length of the window; a longer campaign is cut off at its end.
        scale: Factor on accounts and exchanges.
        cover: Whether everyday traffic of the campaign's accounts is included.

    Raises:
        ValueError: If ``start`` has no time zone, or scale or days is not positive.
    """
    window = window_of(start, days)
    roster, drafts = operated(stream(seed, campaign.name), campaign, 0, scale, window)
    draft = joined_drafts(drafts if cover else drafts[:1])
    draft = draft.take(np.argsort(draft.time_us, kind="stable"))
    account_id = account_ids(roster)
    ids = exchange_ids(0, len(draft), seed ^ zlib.crc32(campaign.name.encode()))
    table = exchange_table(draft, ids, account_id)
    answered = draft.extraction & (draft.status == 200)
    return CampaignTraffic(
        accounts=account_table(roster, account_id),
        exchanges=table,
        account=draft.account,
        time_us=draft.time_us,
        extraction=answered,
        elicitation=draft.plan.elicitation,
    )


def campaign_exchanges(
    campaign: Campaign,
    seed: int,
    start: dt.datetime,
    days: int,
    scale: float = 1.0,
    columns: Sequence[str] | None = None,
    cover: bool = True,
) -> tuple[pa.Table, pa.Table]:
    """Return one campaign's accounts and exchanges, to be mixed into traffic that is already there.

    Args:
        campaign: Its habits.
        seed: Of the randomness.
        start: When the window begins, with a time zone.
        days: Length of the window; a longer campaign is cut off at its end.
        scale: Factor on accounts and exchanges.
        columns: Exchange columns wanted, in the order of ``EXCHANGE_SCHEMA``; None: all.
        cover: Whether everyday traffic of the campaign's accounts is included.

    Returns:
        A table of ``ACCOUNT_SCHEMA`` and a table of the exchange columns, in order of time.

    Raises:
        ValueError: If ``start`` has no time zone, or scale or days is not positive.
        KeyError: If a column does not exist.
    """
    traffic = campaign_traffic(campaign, seed, start, days, scale, cover)
    table = traffic.exchanges
    wanted = table.schema.names if columns is None else [name for name in table.schema.names if name in set(columns)]
    unknown = set(columns or ()) - set(table.schema.names)
    if unknown:
        raise KeyError(f"no exchange column is called {min(unknown)!r}")
    return traffic.accounts, table.select(wanted)
