"""Labelled traffic for the benches: a folder that is given, or one that the project's own range makes.

Only benches read a folder's ``truth``; nothing under ``src`` does.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labelled:
    """A folder with ``exchanges/*.parquet``, ``accounts.parquet`` and ``truth/accounts.parquet``."""

    folder: Path

    @property
    def exchanges(self) -> Path:
        """The folder of exchanges."""
        return self.folder / "exchanges"

    @property
    def accounts(self) -> Path:
        """The accounts file."""
        return self.folder / "accounts.parquet"

    @property
    def truth(self) -> Path:
        """Who is what: account_id, kind, campaign (null for benign)."""
        return self.folder / "truth" / "accounts.parquet"

    @property
    def extraction(self) -> Path:
        """The exchanges that took something: exchange_id."""
        return self.folder / "truth" / "extraction.parquet"

    def files(self) -> list[Path]:
        """Return the files of exchanges, in order of time.

        Raises:
            FileNotFoundError: If there is none.
        """
        found = sorted(self.exchanges.glob("*.parquet"))
        if not found:
            raise FileNotFoundError(f"{self.exchanges} holds no Parquet file; give a folder of labelled traffic")
        return found


def given(folder: Path) -> Labelled:
    """Return a folder that is there.

    Raises:
        FileNotFoundError: If it lacks one of the three parts.
    """
    labelled = Labelled(folder)
    labelled.files()
    for path in (labelled.accounts, labelled.truth):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; give a folder of labelled traffic")
    return labelled


def simulated(folder: Path, *, benign: int, scale: float, days: int, seed: int) -> Labelled:
    """Make labelled traffic with the range, in a process of its own, so that this one stays small.

    Memory that a parent has held counts towards the peak of the children that it starts later.

    Raises:
        RuntimeError: If the simulation fails; it says why on standard error.
    """
    child = multiprocessing.get_context("spawn").Process(target=_simulate, args=(folder, benign, scale, days, seed))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"the simulation into {folder} ended with code {child.exitcode}")
    return given(folder)


def _simulate(folder: Path, benign: int, scale: float, days: int, seed: int) -> None:
    from stillwatch.range.simulation import Simulation, simulate

    simulate(Simulation(benign=benign, scale=scale, days=days, seed=seed), folder, force=True)


@dataclass(frozen=True, slots=True)
class Truth:
    """Who is what, for accounts in a given order.

    Attributes:
        campaigns: Names.
        campaign: Shape (accounts,), an index into ``campaigns``, -1 for benign.
        kinds: Names of the kinds of benign account.
        kind: Shape (accounts,), an index into ``kinds``, -1 for the accounts of campaigns.
    """

    campaigns: tuple[str, ...]
    campaign: NDArray[np.int64]
    kinds: tuple[str, ...]
    kind: NDArray[np.int64]


def truth_of(table: pa.Table) -> Truth:
    """Return the truth in the order of ``table``, which is as ``Labelled.truth``."""
    import numpy as np

    campaign, campaigns = _codes(table["campaign"].to_pylist())
    kinds_all = [None if campaign[row] >= 0 else kind for row, kind in enumerate(table["kind"].to_pylist())]
    kind, kinds = _codes(kinds_all)
    return Truth(campaigns, np.array(campaign, np.int64), kinds, np.array(kind, np.int64))


def _codes(values: Sequence[str | None]) -> tuple[list[int], tuple[str, ...]]:
    names = sorted({value for value in values if value is not None})
    code = {name: place for place, name in enumerate(names)}
    return [-1 if value is None else code[value] for value in values], tuple(names)
