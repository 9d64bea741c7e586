"""How often a forecast of student accuracy is within five points, at sizes that it was not fitted on.

    stillwatch lab curve --seeds 5 --out lab
    python -m bench.lab_forecast lab

Reads a curve's cells and trains nothing. Each size but the smallest and the largest is left out in turn; the forecast
is fitted on the others, once for each seed alone and once for all seeds together, and compared with what was measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import orjson

from stillwatch.lab.configuration import PASSIVE
from stillwatch.lab.curve import Cell
from stillwatch.lab.findings import judged

POINTS = 5.0


def errors(cells: Sequence[Cell], size: int, sizes: Sequence[int]) -> dict[str, float]:
    """Return by task how many points a forecast for ``size``, fitted on the other sizes, lies above the measurement."""
    told = judged(cells, [other for other in sizes if other != size], (size,), 1)
    return {each.task: 100 * (each.forecast.mean - each.measured) for each in told}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    cells = [Cell(**orjson.loads(path.read_bytes())) for path in sorted((asked.folder / "cells").iterdir())]
    bare = [cell for cell in cells if cell.defence == "none" and cell.student == PASSIVE]
    sizes = sorted({cell.exchanges for cell in bare})
    print(f"task        left out  seeds together  each alone (points off)   within {POINTS:.0f}")
    for size in sizes[1:-1]:
        alone = [
            errors([cell for cell in bare if cell.seed == seed], size, sizes)
            for seed in sorted({cell.seed for cell in bare})
        ]
        for task, together in errors(bare, size, sizes).items():
            off = [each[task] for each in alone if task in each]
            within = sum(abs(each) <= POINTS for each in off)
            print(f"{task:10}  {size:>8,}  {together:>+14.1f}  {' '.join(f'{each:+.1f}' for each in off):24}  "
                  f"{within} of {len(off)}")  # fmt: skip


if __name__ == "__main__":
    main()
