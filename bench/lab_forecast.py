"""How often a forecast of student accuracy is within five points, at sizes that it was not fitted on.

    stillwatch lab curve --seeds 5 --out lab
    python -m bench.lab_forecast lab

Reads a curve's cells and trains nothing. Each size but the smallest and the largest is left out in turn; the forecast
is fitted on the others, once for each seed alone and once for all seeds together, and compared with what was measured.
"In range" counts the seeds alone whose measurement lies in the 90 % range that was printed with the forecast.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import orjson

from stillwatch.lab.configuration import PASSIVE
from stillwatch.lab.curve import Cell
from stillwatch.lab.findings import Judged, judged

POINTS = 5.0


def told(cells: Sequence[Cell], size: int, sizes: Sequence[int]) -> dict[str, Judged]:
    """Return by task the forecast for ``size``, fitted on the other sizes, beside the measurement."""
    return {each.task: each for each in judged(cells, [other for other in sizes if other != size], (size,))}


def points_off(each: Judged) -> float:
    """Return by how many points a forecast lies above the measurement."""
    return 100 * (each.forecast.mean - each.measured)


def in_range(each: Judged) -> bool:
    """Say whether the measurement lies in the forecast's range."""
    return each.forecast.low <= each.measured <= each.forecast.high


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    cells = [Cell(**orjson.loads(path.read_bytes())) for path in sorted((asked.folder / "cells").iterdir())]
    bare = [cell for cell in cells if cell.defence == "none" and cell.student == PASSIVE]
    sizes = sorted({cell.exchanges for cell in bare})
    print(
        f"task        left out  seeds together  90 % range      "
        f"each alone (points off)      within {POINTS:.0f}  in range"
    )
    for size in sizes[1:-1]:
        alone = [
            told([cell for cell in bare if cell.seed == seed], size, sizes)
            for seed in sorted({cell.seed for cell in bare})
        ]
        for task, together in told(bare, size, sizes).items():
            single = [each[task] for each in alone if task in each]
            off = [points_off(each) for each in single]
            within = sum(abs(each) <= POINTS for each in off)
            reach = f"{together.forecast.low:.0%} to {together.forecast.high:.0%}"
            print(f"{task:10}  {size:>8,}  {points_off(together):>+14.1f}  {reach:14}  "
                  f"{' '.join(f'{each:+.1f}' for each in off):27}  {within} of {len(off)}    "
                  f"{sum(map(in_range, single))} of {len(off)}")  # fmt: skip


if __name__ == "__main__":
    main()
