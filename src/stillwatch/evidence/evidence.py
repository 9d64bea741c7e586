"""Evidence: how far the data speak against a benign claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stillwatch.footprint.footprints import Footprints


@dataclass(frozen=True, slots=True)
class Claim:
    """The benign claim that a detector speaks against, and where the idea comes from."""

    detector: str  # The file's name, and the name in reports and documentation.
    null: str  # The claim, in words that an analyst can dispute.
    assumptions: str
    source: str
    needs: tuple[str, ...]  # The exchange or account columns without which the detector has no data.
    measures: str = ""  # What ``Evidence.measured`` holds, in words.
    look_alikes: str = ""  # Which honest accounts break the claim too, and must be ruled out by other evidence.
    population: bool = False  # Whether accounts are compared with each other, so that all must be seen at once.


@dataclass(frozen=True, slots=True)
class Evidence:
    """How far each account's data speak against a claim: evidence, never a verdict.

    Attributes:
        claim: What is spoken against.
        log_e: Shape (accounts,), nats. Under the claim the mean of exp(log_e) is at most 1. NaN: no data,
            which is not the same as 0, no evidence either way.
        exchanges: Shape (accounts,). How many exchanges the evidence rests on.
        measured: Shape (accounts,). The quantity that an analyst would ask for (a share, a ratio).
    """

    claim: Claim
    log_e: NDArray[np.float64]
    exchanges: NDArray[np.int64]
    measured: NDArray[np.float64]

    def reason(self, account: int) -> str:
        """Return one plain sentence for ``account``'s row, with its nats."""
        what = self.claim.measures or self.claim.detector
        return f"{what}: {self.measured[account]:.3g} ({self.log_e[account]:.1f} nats)"


class Detector(Protocol):
    """One detector: a module-level object in a file of its own."""

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
