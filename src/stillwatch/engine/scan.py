"""The scan on this machine: logs in, campaigns out."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch import __version__
from stillwatch.campaign.baseline import Baseline
from stillwatch.campaign.population import Population
from stillwatch.case.assembly import Finding, campaign, instant, look_alikes
from stillwatch.case.calibration_counts import calibration
from stillwatch.case.campaign_case import Campaign, Scan
from stillwatch.engine.periods import Period, Periods, Running
from stillwatch.engine.profiles import as_known_at, profiles, with_bans
from stillwatch.engine.replay import STEP_HOURS, Looks, with_profile
from stillwatch.engine.steps import StepClock, Watch
from stillwatch.evidence.baseline import Habits
from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.bans import read_bans
from stillwatch.exchange.batch import Part
from stillwatch.exchange.discovery import discover
from stillwatch.exchange.duplicates import Duplicates
from stillwatch.exchange.mapping import ColumnMap
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.reading import absent_columns, parts
from stillwatch.exchange.schema import ACCOUNT_COLUMNS

Progress = Callable[[str, int], None]
"""Is told what is being done, and how many more exchanges were read."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to scan.

    Attributes:
        paths: Files, folders or patterns of exchanges.
        accounts: The accounts file, or None.
        history: Earlier exchanges: seen, but nothing in them is flagged before the first day of ``paths`` ends.
        mapping: The provider's own column names.
        assume_utc: Take times without a zone as UTC.
        level: The false-discovery level, in (0, 1).
        step_hours: How far apart the looks are; a divisor of 24.
        bans: The bans file, or None.
        baseline: What was learnt from history, or None: the shipped limits.
    """

    paths: tuple[str, ...]
    accounts: Path | None = None
    history: tuple[str, ...] = ()
    mapping: ColumnMap | None = None
    assume_utc: bool = False
    level: float = 0.05
    step_hours: int = STEP_HOURS
    bans: Path | None = None
    baseline: Baseline | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a scan found, and every account's score.

    Attributes:
        scan: For reports.
        account_id: Shape (accounts,).
        score: Shape (accounts,), nats.
    """

    scan: Scan
    account_id: pa.Array
    score: NDArray[np.float64]


def scan(
    request: Request,
    pseudonyms: Pseudonyms,
    quarantine: Quarantine,
    now: dt.datetime,
    progress: Progress,
    watch: Watch | None = None,
) -> Outcome:
    """Read the logs, look at the end of each step, and put together what was found.

    Args:
        request: What to scan.
        pseudonyms: The operator's key.
        quarantine: Takes the bad rows.
        now: The present, with a zone: later rows are refused.
        progress: Is told how it goes.
        watch: Is told each step as soon as its look is done.

    Raises:
        SourceError: If a source cannot be read.
        StrictError: If the quarantine is strict and there is a bad row.
    """
    begun = time.monotonic()
    profile, absent = known_of_accounts(request, pseudonyms, quarantine)
    # Named bans stand in for the status codes that failover would be read from.
    absent = [each for each in (*_absent(request), *absent) if each[0] != "status" or request.bans is None]
    level = request.level if request.baseline is None else request.baseline.level(request.level)
    running, looks, known = Running(), Looks(level, request.step_hours), Duplicates()
    clock = StepClock(looks)
    history = periods_of(request.history, request, pseudonyms, quarantine, now, progress, "history", known)
    reading = periods_of(request.paths, request, pseudonyms, quarantine, now, progress, "exchanges", known)
    # Period by period over both: what a look sees happened before it, whichever source tells it.
    seen = merge(((period, False) for period in history), ((period, True) for period in reading), key=_when)
    under_way = False
    for _, together in groupby(seen, key=_when):
        for period, is_new in together:
            clock.begin()
            running.add(period)
            clock.merged(period.footprints)
            under_way |= is_new
        if under_way:
            known_then = as_known_at(profile, period.end_us)
            looks.look(with_profile(running.footprints(), known_then), period.end_us)
            step = clock.looked(period.end_us)
            if watch is not None:
                watch(step)
            progress(f"looked at what was seen until {instant(period.end_us):%d %B %Y, %H:%M}", 0)
        else:
            clock.skip()
    return _outcome(request, (history, reading), looks, quarantine, absent, now, begun)


def known_of_accounts(
    request: Request, pseudonyms: Pseudonyms, quarantine: Quarantine
) -> tuple[pa.Table | None, list[tuple[str, str]]]:
    """Return what accounts file and bans file say of the accounts, and the columns that are absent with their cost."""
    profile, absent = None, [(c.name, c.absence) for c in ACCOUNT_COLUMNS if not c.required]
    if request.accounts is not None:
        table = read_accounts(request.accounts, assume_utc=request.assume_utc, quarantine=quarantine)
        profile = profiles(table, pseudonyms)
        absent = [(c.name, c.absence) for c in ACCOUNT_COLUMNS if c.name not in table.column_names]
    if request.bans is not None:
        bans = read_bans(request.bans, assume_utc=request.assume_utc, quarantine=quarantine)
        profile = with_bans(profile, bans)
    return profile, absent


def _when(each: tuple[Period, bool]) -> int:
    return each[0].begin_us


def periods_of(
    paths: Sequence[str],
    request: Request,
    pseudonyms: Pseudonyms,
    quarantine: Quarantine,
    now: dt.datetime,
    progress: Progress,
    what: str,
    known: Duplicates,
) -> Periods:
    """Return the periods of some paths, each as long as a step, read as ``request`` says."""
    found: Sequence[Part] = ()
    if paths:
        found = parts(discover(paths), now=now, mapping=request.mapping, assume_utc=request.assume_utc)
    return Periods(found, pseudonyms, quarantine.add, lambda rows: progress(what, rows), known, request.step_hours)


def _absent(request: Request) -> tuple[tuple[str, str], ...]:
    return absent_columns(discover(request.paths), request.mapping)


def _outcome(
    request: Request,
    read: Sequence[Periods],
    looks: Looks,
    quarantine: Quarantine,
    absent: Sequence[tuple[str, str]],
    now: dt.datetime,
    begun: float,
) -> Outcome:
    last = looks.last
    population = None if last is None else last.population
    models = {number: name for periods in read for number, name in periods.models.items()}
    learnt = request.baseline
    habits = () if learnt is None else learnt.habits
    cases = {} if population is None else _campaigns(looks, population, models, habits)
    offset = 0.0 if learnt is None else learnt.communities.offset_nats
    calibrated = None if last is None else calibration(last, looks.campaign >= 0, habits, offset)
    footprints = None if population is None else population.footprints
    score = np.zeros(0) if last is None else last.score.copy()
    for number, case in cases.items():
        flagged = looks.campaign == number
        score[flagged] = np.maximum(score[flagged], case.log_e)
    result = Scan(
        stillwatch_version=__version__,
        finished_at=now,
        sources=request.paths,
        first_seen=None if footprints is None else instant(int(footprints.integers("first_us").min())),
        last_seen=None if footprints is None else instant(int(footprints.integers("last_us").max())),
        exchanges=sum(periods.exchanges for periods in read),
        accounts=0 if footprints is None else len(footprints),
        rejected=quarantine.count,
        rejected_by_reason=quarantine.by_reason,
        absent_columns=tuple(absent),
        level=request.level,
        groups_tested=0 if last is None else last.tested,
        campaigns=tuple(sorted(cases.values(), key=lambda each: (-each.exchanges, each.campaign_id))),
        look_alikes=() if last is None else look_alikes(last, looks.campaign >= 0),
        seconds=time.monotonic() - begun,
        calibration=calibrated,
    )
    account_id = pa.array([], pa.string()) if footprints is None else footprints.account_id.cast(pa.string())
    return Outcome(result, account_id, score)


def _campaigns(
    looks: Looks, population: Population, models: dict[int, str], habits: tuple[Habits, ...]
) -> dict[int, Campaign]:
    """Return the case of each campaign that has accounts, by its number in the looks."""
    cases = {}
    for number, found in enumerate(looks.found):
        member = looks.campaign == number
        if member.any():
            name = f"{instant(found.first_flagged_us):%Y%m%d}-{number + 1:02d}"
            finding = Finding(name, member, looks.flagged_at_us, *found.evidence)
            cases[number] = campaign(finding, population, models, habits)
    return cases
