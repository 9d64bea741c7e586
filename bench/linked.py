"""What a linkage found, whichever made it: scored pairs, and groups at each of its thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass
class Linked:
    """What a linkage found.

    Attributes:
        left: Shape (pairs,), accounts; no pair comes twice.
        right: Shape (pairs,), the other account of each.
        weight: Shape (pairs,), in the linkage's own unit.
        groups: By name, in the order made: each account's group, -1 or one of its own for none.
        seconds: By step, in the order made.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]
    groups: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the arrays to one file."""
        groups = {f"group {name}": group for name, group in self.groups.items()}
        np.savez(path, left=self.left, right=self.right, weight=self.weight, **groups)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path, seconds: dict[str, float]) -> Linked:
        """Read back what ``save`` wrote."""
        with np.load(path) as held:
            groups = {name[6:]: held[name] for name in held.files if name.startswith("group ")}
            return cls(held["left"], held["right"], held["weight"], groups, seconds)
