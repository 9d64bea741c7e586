"""The grid: campaigns of every size, pace, cover and care, each scanned within the same honest traffic."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.range.benign import benign
from stillwatch.range.campaign import Campaign
from stillwatch.range.cells import Cells, code_digest
from stillwatch.range.duel.concessions import CARELESS, LADDER
from stillwatch.range.kinds import KINDS
from stillwatch.range.limits.theory import (
    bernoulli_divergence,
    community_margin,
    local_margin,
    pooled_exchanges,
    wald_exchanges,
)
from stillwatch.range.limits.ties import tie_chance, tied_pairs
from stillwatch.range.simulation import START, stream, window_of
from stillwatch.range.texts.elicitation import ELICITATION
from stillwatch.range.trial import FALSE_POSITIVE_RATE, Crowd, crowd, tried

REST_DAYS = 2.0  # Honest traffic alone before the campaign begins.

WORKED = ELICITATION["worked reasoning"]  # Pupils ask for it: no mark.
_BY_NAME = {step.name: dict(step.habits) for step in LADDER}
_TEMPLATE = _BY_NAME["paraphrase"]
_IDENTITY = _BY_NAME["own identity"] | _BY_NAME["aged accounts"]
DROPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("nothing", {}),
    ("template", _TEMPLATE),
    ("identity", _IDENTITY),
    ("template, identity", _TEMPLATE | _IDENTITY),
    ("template, identity, pace, asks", _TEMPLATE | _IDENTITY | _BY_NAME["human hours"] | _BY_NAME["replay"]),
)
"""What is given up, and the habits that do so: see the duel's ladder. Cover is the grid's own axis."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried. The defaults take about a quarter of an hour of one core.

    Attributes:
        sizes: Accounts of the campaign.
        rates: Extracting exchanges an account a day.
        covers: Everyday exchanges for each that extracts.
        drops: Names of DROPS.
        benign: Honest accounts.
        days: Length of the window.
        seeds: Of the honest traffic and of every campaign; each cell is scanned under each.
        level: The scan's false-discovery level.

    Raises:
        ValueError: If an axis is empty or a number is out of range.
    """

    sizes: tuple[int, ...] = (6, 15, 40, 100)
    rates: tuple[float, ...] = (2.0, 8.0, 32.0)
    covers: tuple[float, ...] = (0.0, 1.0, 4.0)
    drops: tuple[str, ...] = tuple(name for name, _ in DROPS)
    benign: int = 1500
    days: int = 10
    seeds: tuple[int, ...] = (7, 8)
    level: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (self.sizes and self.rates and self.covers and self.drops and self.seeds):
            raise ValueError("every axis of the grid needs a value")
        if self.days <= REST_DAYS or min(self.sizes) < 2 or max(self.sizes) >= self.benign:
            raise ValueError("the window must be longer than two days, and campaigns have from 2 to fewer than benign")
        unknown = set(self.drops) - {name for name, _ in DROPS}
        if unknown:
            raise ValueError(f"nothing is called {min(unknown)!r}; there are {', '.join(name for name, _ in DROPS)}")

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self.seeds) * len(self.sizes) * len(self.rates) * len(self.covers) * len(self.drops)

    def places(self) -> Iterator[tuple[str, float, float, int]]:
        """Yield drop, cover, rate and size of each cell."""
        for drop in self.drops:
            for cover in self.covers:
                for rate in self.rates:
                    for size in self.sizes:
                        yield drop, cover, rate, size


@dataclass(frozen=True, slots=True)
class Cell:
    """One campaign of the grid under one seed.

    Attributes:
        seed: Of the randomness.
        drop: What it gives up.
        cover: Everyday exchanges for each that extracts.
        rate: Extracting exchanges an account a day.
        size: Its accounts.
        recall: Share of its accounts that score above all but FALSE_POSITIVE_RATE of honest ones.
        flagged: Share of its accounts that the scan flagged.
        benign_flagged: Honest accounts that the scan flagged.
        sent: Exchanges an account, cover included.
        inside: Chance that two of its accounts share a card or an address.
        outside: The same for two honest accounts.
        marked: Share of its extracting exchanges that ask for hidden reasoning, grades or training-style answers.
        honest_marked: The same for honest exchanges.
        nearest_kind: The honest kind whose share of marks is hardest to tell from what this campaign sends.
        nearest_marked: That kind's share.
    """

    seed: int
    drop: str
    cover: float
    rate: float
    size: int
    recall: float
    flagged: float
    benign_flagged: int
    sent: float
    inside: float
    outside: float
    marked: float
    honest_marked: float
    nearest_kind: str
    nearest_marked: float

    @property
    def wald(self) -> float:
        """Exchanges that one account must send before its marks can tell it from honest accounts on average."""
        mark = mixed_marks(self.marked, self.honest_marked, self.cover)
        return wald_exchanges(bernoulli_divergence(mark, self.honest_marked), FALSE_POSITIVE_RATE)

    @property
    def wald_nearest(self) -> float:
        """Exchanges that one account must send before its marks can tell it from the nearest honest kind."""
        mark = mixed_marks(self.marked, self.honest_marked, self.cover)
        return wald_exchanges(bernoulli_divergence(mark, self.nearest_marked), FALSE_POSITIVE_RATE)

    @property
    def pool(self) -> float:
        """Accounts whose pooled marks show the campaign, by the square-root law."""
        needed = pooled_exchanges(self.extracting, self.marked, self.honest_marked, FALSE_POSITIVE_RATE)
        return needed / self.sent

    @property
    def extracting(self) -> float:
        """Share of what it sends that extracts."""
        return 1 / (1 + self.cover)

    def community(self, benign_accounts: int) -> float:
        """Return by what factor its ties exceed the information bound of a planted community."""
        return community_margin(benign_accounts + self.size, self.size, self.inside, self.outside)

    def local(self, benign_accounts: int) -> float:
        """Return by what factor its ties exceed the bound of fast local methods."""
        return local_margin(benign_accounts + self.size, self.size, self.inside, self.outside)


@dataclass(frozen=True, slots=True)
class Limits:
    """The grid with what came of it."""

    grid: Grid
    cells: tuple[Cell, ...]
    code: str

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain values; in JSON a bound that is infinite becomes null."""
        rows = []
        for cell in self.cells:
            theory = {
                "wald_exchanges": cell.wald,
                "wald_exchanges_nearest_kind": cell.wald_nearest,
                "pooled_accounts": cell.pool,
                "community_factor": cell.community(self.grid.benign),
                "local_factor": cell.local(self.grid.benign),
            }
            rows.append(asdict(cell) | {"theory": theory})
        return {"grid": asdict(self.grid), "code": self.code, "cells": rows}


def campaign_of(grid: Grid, drop: str, cover: float, rate: float, size: int) -> Campaign:
    """Return the campaign of one cell."""
    days = grid.days - REST_DAYS
    habits = dict(CARELESS) | dict(DROPS)[drop] | {"cover_share": cover}
    return Campaign(
        name=f"limits {drop} {cover:g} {rate:g} {size}",
        source="a grid",
        disclosed="nothing",
        assumed="everything",
        accounts=size,
        exchanges=max(1, round(size * rate * days)),
        days=days,
        starts_day=REST_DAYS,
        **habits,
    )


def measure(grid: Grid, cells: Cells, progress: Callable[[str, int, int], None]) -> Limits:
    """Scan every cell of the grid; what ``cells`` holds already is not scanned again.

    Args:
        grid: What is tried.
        cells: Keeps results, so that an interrupted run goes on.
        progress: Is told what is being done, cells done and cells in all.
    """
    code, found = code_digest(), []
    fixed = {"what": "limits", "code": code, "benign": grid.benign, "days": grid.days, "level": grid.level}
    with tempfile.TemporaryDirectory(prefix="stillwatch-limits-") as scratch:
        honest: Honest | None = None
        for done, (seed, (drop, cover, rate, size)) in enumerate(product(grid.seeds, grid.places())):
            progress(f"seed {seed}: {drop} given up, cover {cover:g}, {rate:g} a day, {size}", done, len(grid))
            campaign = campaign_of(grid, drop, cover, rate, size)
            specification = fixed | {"seed": seed, "campaign": asdict(campaign)}
            held = cells.kept(specification)
            if held is None:
                if honest is None or honest.among.seed != seed:
                    honest = Honest.made(grid, seed, Path(scratch) / f"crowd-{seed}")
                held = asdict(honest.cell(campaign, drop, cover, rate, Path(scratch), grid.level))
                cells.keep(specification, held)
            found.append(Cell(**held))
    progress("done", len(grid), len(grid))
    return Limits(grid, tuple(found), code)


@dataclass(frozen=True, eq=False)
class Honest:
    """The honest traffic of a grid, and what theory needs to know of it."""

    among: Crowd
    outside: float
    marked: float
    by_kind: tuple[float, ...]

    @classmethod
    def made(cls, grid: Grid, seed: int, folder: Path) -> Honest:
        """Simulate it into ``folder``."""
        among = crowd(folder, grid.benign, grid.days, seed)
        seen = pq.read_table(among.folder / "exchanges", columns=["account_id", "client_address"])
        outside = tie_chance(*_tied(among.accounts, seen))
        _, drafts = benign(stream(seed, "benign"), grid.benign, window_of(START, grid.days))
        marked = [marks(draft.plan.elicitation) for draft in drafts]
        by_kind = tuple(float(kind.mean()) for kind in marked)
        return cls(among, outside, float(np.concatenate(marked).mean()), by_kind)

    def cell(self, campaign: Campaign, drop: str, cover: float, rate: float, scratch: Path, level: float) -> Cell:
        """Mix one campaign in and scan both."""
        trial, traffic = tried(self.among, campaign, scratch, level)
        marked = float(marks(traffic.elicitation[traffic.extraction]).mean())
        sends = mixed_marks(marked, self.marked, cover)
        nearest = int(np.argmin([bernoulli_divergence(sends, kind) for kind in self.by_kind]))
        return Cell(
            seed=self.among.seed,
            drop=drop,
            cover=cover,
            rate=rate,
            size=campaign.accounts,
            recall=trial.recall_at_rate,
            flagged=trial.flagged / max(trial.accounts, 1),
            benign_flagged=trial.benign_flagged,
            sent=trial.sent / campaign.accounts,
            inside=tie_chance(*_tied(traffic.accounts, traffic.exchanges)),
            outside=self.outside,
            marked=marked,
            honest_marked=self.marked,
            nearest_kind=KINDS[nearest].name,
            nearest_marked=self.by_kind[nearest],
        )


def marks(elicitation: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which prompts ask for hidden reasoning, grades or training-style answers, by what the range knows."""
    return np.asarray((elicitation >= 0) & (elicitation != WORKED), np.bool_)


def mixed_marks(marked: float, honest: float, cover: float) -> float:
    """Return the share of marks in what a campaign sends: its own, and honest ones in its cover."""
    return (marked + cover * honest) / (1 + cover)


def _tied(accounts: Any, exchanges: Any) -> tuple[int, int]:
    ids = accounts["account_id"].combine_chunks()
    cards = (accounts["account_id"], accounts["payment_fingerprint"])
    return tied_pairs(ids, [cards, (exchanges["account_id"], exchanges["client_address"])])
