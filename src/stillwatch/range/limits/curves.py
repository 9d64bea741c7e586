"""Curves over the size of a campaign: recall, averaged over seeds, and what theory says at each size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from stillwatch.range.limits.grid import Cell, Limits
from stillwatch.range.limits.theory import least_members


@dataclass(frozen=True, slots=True)
class Curve:
    """One drop, cover and rate, over all sizes; means over the seeds, but the median where a bound may be infinite.

    Attributes:
        drop: What is given up.
        cover: Everyday exchanges for each that extracts.
        rate: Extracting exchanges an account a day.
        sizes: Accounts.
        recall: At each size, at the false-positive rate of the grid.
        flagged: At each size, the share of the campaign that the scan flagged.
        honest_flagged: At each size, honest accounts that it flagged.
        sent: Exchanges an account, cover included.
        wald: Exchanges that one account must send before its marks can tell it from honest accounts on average.
        wald_nearest: The same for the honest kind that is hardest to tell from it.
        nearest_kind: That kind, of the largest campaign under the first seed.
        pool: Accounts whose pooled marks show the campaign.
        community: At each size, the factor over the information bound of a planted community.
        local: At each size, the factor over the bound of fast local methods.
    """

    drop: str
    cover: float
    rate: float
    sizes: tuple[int, ...]
    recall: tuple[float, ...]
    flagged: tuple[float, ...]
    honest_flagged: tuple[float, ...]
    sent: float
    wald: float
    wald_nearest: float
    nearest_kind: str
    pool: float
    community: tuple[float, ...]
    local: tuple[float, ...]

    @property
    def alone(self) -> bool:
        """Whether one account sends enough for Wald's bound against every honest kind."""
        return self.sent >= self.wald_nearest

    @property
    def community_from(self) -> float:
        """The size from which on the information bound of a community is met; infinity where it never is."""
        return least_members(list(zip(self.sizes, self.community, strict=True)))


def curves(limits: Limits) -> tuple[Curve, ...]:
    """Return the curves of a grid, in its order."""
    grid = limits.grid
    found = []
    for drop in grid.drops:
        for cover in grid.covers:
            for rate in grid.rates:
                mine = [cell for cell in limits.cells if (cell.drop, cell.cover, cell.rate) == (drop, cover, rate)]
                by_size = [[cell for cell in mine if cell.size == size] for size in grid.sizes]
                found.append(_curve(by_size, grid.benign))
    return tuple(found)


def _curve(by_size: Sequence[Sequence[Cell]], benign: int) -> Curve:
    everyone = [cell for cells in by_size for cell in cells]
    first = everyone[0]
    return Curve(
        drop=first.drop,
        cover=first.cover,
        rate=first.rate,
        sizes=tuple(cells[0].size for cells in by_size),
        recall=tuple(_mean([cell.recall for cell in cells]) for cells in by_size),
        flagged=tuple(_mean([cell.flagged for cell in cells]) for cells in by_size),
        honest_flagged=tuple(_mean([float(cell.benign_flagged) for cell in cells]) for cells in by_size),
        sent=_mean([cell.sent for cell in everyone]),
        wald=_mean([cell.wald for cell in everyone]),
        wald_nearest=median([cell.wald_nearest for cell in everyone]),
        nearest_kind=by_size[-1][0].nearest_kind,
        pool=_mean([cell.pool for cell in everyone]),
        community=tuple(_mean([cell.community(benign) for cell in cells]) for cells in by_size),
        local=tuple(_mean([cell.local(benign) for cell in cells]) for cells in by_size),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
