"""A trial: one campaign within honest traffic, scanned as a provider would, and held against its truth."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.case.campaign_case import Scan
from stillwatch.engine.scan import Outcome, Request, scan
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.range.campaign import Campaign
from stillwatch.range.simulation import START, CampaignTraffic, Simulation, campaign_traffic, simulate

FALSE_POSITIVE_RATE = 1e-3  # Of benign accounts, at which recall is read off the scores.
SPEAKS_NATS = 1.0  # A view that says at least this much of a campaign is named as what gave it away.


@dataclass(frozen=True, eq=False)
class Crowd:
    """Honest traffic on disk, into which campaigns are mixed one at a time.

    Attributes:
        folder: Holds ``exchanges/`` and ``accounts.parquet``.
        accounts: The accounts file as a table.
        benign: Honest accounts.
        days: Length of the window.
        seed: That made it.
    """

    folder: Path
    accounts: pa.Table
    benign: int
    days: int
    seed: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a scan found of one campaign. Counts of exchanges are of extraction that was answered, unless said.

    Attributes:
        accounts: The campaign's accounts that sent anything.
        flagged: Those of them that were flagged.
        extracted: Exchanges over the whole window, were nobody shut.
        leaked: Exchanges no later than their account's flag; all of those whose account has none.
        sent: Exchanges of any kind, cover and refusals included.
        sent_before: Likewise, no later than the flag.
        first_flag_day: Days from the campaign's first exchange to its first flag; None: never.
        benign: Honest accounts that sent anything.
        benign_flagged: Those of them that were flagged.
        recall_at_rate: Share of the campaign's accounts that score above all but FALSE_POSITIVE_RATE of honest ones.
        views: What spoke, in nats, of the found campaign with most of these accounts; the strongest first.
    """

    accounts: int
    flagged: int
    extracted: int
    leaked: int
    sent: int
    sent_before: int
    first_flag_day: float | None
    benign: int
    benign_flagged: int
    recall_at_rate: float
    views: tuple[tuple[str, float], ...]


def crowd(folder: Path, benign: int, days: int, seed: int) -> Crowd:
    """Simulate honest traffic into ``folder``, which must not hold anything else.

    Raises:
        ValueError: If there are fewer accounts than honest kinds, or a number is out of range.
        FileExistsError: If ``folder`` holds other things than a simulation.
    """
    simulate(Simulation(benign=benign, days=days, seed=seed, campaigns=()), folder, force=True)
    return Crowd(folder, pq.read_table(folder / "accounts.parquet"), benign, days, seed)


def tried(among: Crowd, campaign: Campaign, scratch: Path, level: float = 0.05) -> tuple[Trial, CampaignTraffic]:
    """Mix a campaign into honest traffic, scan both as a provider would, and compare with the truth.

    The scan sees tables on disk and nothing else. The same crowd, campaign and seed give the same trial.

    Args:
        among: The honest traffic.
        campaign: Its name is part of the randomness.
        scratch: A folder for the campaign's tables; what an earlier trial left there is replaced.
        level: The scan's false-discovery level.
    """
    traffic = campaign_traffic(campaign, among.seed, START, among.days)
    accounts, exchanges = scratch / "accounts.parquet", scratch / "campaign.parquet"
    # In the order of their ids, which tell nothing, as a provider's file would be.
    both = pa.concat_tables([among.accounts, traffic.accounts]).sort_by("account_id")
    pq.write_table(both, accounts)
    pq.write_table(traffic.exchanges, exchanges)
    key = hashlib.blake2b(f"range {among.seed}".encode(), digest_size=16).digest()
    request = Request((str(among.folder / "exchanges"), str(exchanges)), accounts=accounts, level=level)
    now = START + dt.timedelta(days=among.days + 2)
    outcome = scan(request, Pseudonyms(key), Quarantine(None), now, lambda _what, _rows: None)
    return judged(outcome, traffic), traffic


def judged(outcome: Outcome, traffic: CampaignTraffic) -> Trial:
    """Compare what a scan found with the campaign that was in it; every other account is honest."""
    ids = traffic.accounts["account_id"].combine_chunks()
    flagged_us = _flagged_us(outcome.scan, ids)
    active = np.bincount(traffic.account, minlength=len(ids)) > 0
    before = traffic.time_us <= flagged_us[traffic.account]
    hostile = pc.is_in(outcome.account_id, value_set=ids).to_numpy(zero_copy_only=False)
    found = sum(len(each.accounts) for each in outcome.scan.campaigns)
    caught = int((flagged_us[active] < np.iinfo(np.int64).max).sum())
    first = int(flagged_us.min(initial=np.iinfo(np.int64).max))
    return Trial(
        accounts=int(active.sum()),
        flagged=caught,
        extracted=int(traffic.extraction.sum()),
        leaked=int((traffic.extraction & before).sum()),
        sent=len(before),
        sent_before=int(before.sum()),
        first_flag_day=(first - int(traffic.time_us.min())) / 8.64e10 if caught else None,
        benign=int((~hostile).sum()),
        benign_flagged=found - caught,
        recall_at_rate=recall_at(outcome.score, hostile, FALSE_POSITIVE_RATE),
        views=_views(outcome.scan, set(ids.to_pylist())),
    )


def recall_at(score: NDArray[np.float64], hostile: NDArray[np.bool_], rate: float) -> float:
    """Return the share of hostile accounts that score above all but a share ``rate`` of the honest ones.

    Args:
        score: Shape (accounts,), higher is more like a campaign.
        hostile: Shape (accounts,). At least one is and at least one is not.
        rate: In [0, 1). So many of the honest, rounded down, may score as high or higher.

    Raises:
        ValueError: If nobody is hostile or nobody is honest.
    """
    honest = np.sort(score[~hostile])[::-1]
    if not len(honest) or not hostile.any():
        raise ValueError("recall needs hostile and honest accounts")
    return float(np.mean(score[hostile] > honest[int(rate * len(honest))]))


def _flagged_us(found: Scan, ids: pa.Array) -> NDArray[np.int64]:
    """Return when each of ``ids`` was flagged, in microseconds since 1970; the greatest number for never."""
    flagged = [(each.account_id, each.flagged_at) for campaign in found.campaigns for each in campaign.accounts]
    names = pa.array([name for name, _ in flagged], ids.type)
    when = pa.array([at for _, at in flagged], pa.timestamp("us", "UTC")).cast(pa.int64())
    place = pc.index_in(ids, value_set=names)
    return np.asarray(pc.fill_null(when.take(place), np.iinfo(np.int64).max).to_numpy(zero_copy_only=False), np.int64)


def _views(found: Scan, members: set[str]) -> tuple[tuple[str, float], ...]:
    held = [(sum(each.account_id in members for each in campaign.accounts), campaign) for campaign in found.campaigns]
    held = [(count, campaign) for count, campaign in held if 2 * count > len(campaign.accounts)]
    if not held:
        return ()
    spoke = max(held, key=lambda pair: pair[0])[1].evidence
    ordered: Sequence[tuple[str, float]] = sorted(((each.view, each.log_e) for each in spoke), key=lambda v: -v[1])
    return tuple((view, round(log_e, 2)) for view, log_e in ordered if log_e >= SPEAKS_NATS)
