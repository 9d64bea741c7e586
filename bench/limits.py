"""Where detection ends: recall against a campaign's size, pace, cover and care, beside what theory allows; the duel.

    .venv/bin/python -m bench.limits
    .venv/bin/python -m bench.limits --write --kept DIR

The named reference is theory: Wald's bound for one account, the bounds of a planted community, and the square-root law,
from the same traffic in the same run. With --write the tables and figures of docs/limits.md and docs/range.md are
written anew. With --kept an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console

from stillwatch.range.cells import Cells
from stillwatch.range.duel.duel import Duel, Rules, fight
from stillwatch.range.duel.picture import picture as duel_picture
from stillwatch.range.duel.prices import load_prices
from stillwatch.range.duel.table import duel_page, duel_table
from stillwatch.range.limits.grid import Grid, Limits, measure
from stillwatch.range.limits.picture import picture as limits_picture
from stillwatch.range.limits.table import limits_page, limits_table

DOCS = Path(__file__).resolve().parents[1] / "docs"


def between(page: str, name: str, text: str) -> str:
    """Return ``page`` with what stands between the marks of ``name`` replaced.

    Raises:
        ValueError: If the page has no such marks.
    """
    begin, end = f"<!-- {name}: written by bench/limits.py -->\n", f"<!-- end of {name} -->"
    head, found, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no place for {name}")
    return f"{head}{begin}{text}\n{end}{tail}"


def limits_said(limits: Limits) -> str:
    """Return what docs/limits.md says of a run."""
    grid = limits.grid
    about = (
        f"{grid.benign:,} honest accounts, {grid.days} days, seeds {' and '.join(map(str, grid.seeds))}, "
        f"{len(grid)} scans, code {limits.code}."
    )
    return f"{about}\n\n{limits_page(limits)}"


def duel_said(duel: Duel) -> str:
    """Return what docs/range.md says of a duel."""
    rules = duel.rules
    about = (
        f"{rules.benign:,} honest accounts, {rules.days} days, ${rules.budget_usd:,.0f} a campaign, "
        f"seeds {', '.join(map(str, rules.seeds))}; means."
    )
    return f"{about}\n\n{duel_page(duel)}"


def write(limits: Limits, duel: Duel, adaptive: Duel, docs: Path = DOCS) -> None:
    """Write tables and figures into the pages that hold their marks."""
    pictures = docs / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / "limits.svg").write_text(limits_picture(limits), encoding="utf-8")
    (pictures / "duel.svg").write_text(duel_picture(duel), encoding="utf-8")
    said_of = {"limits": limits_said(limits), "duel": duel_said(duel), "adaptive duel": duel_said(adaptive)}
    for name, said in said_of.items():
        path = docs / ("limits.md" if name == "limits" else "range.md")
        path.write_text(between(path.read_text(encoding="utf-8"), name, said), encoding="utf-8")


def main() -> None:
    """Read the command line and run."""
    usual = Grid()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benign", type=int, default=usual.benign, help="honest accounts of the grid")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(usual.seeds), help="each cell under each")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(usual.sizes), help="accounts of a campaign")
    parser.add_argument("--rates", type=float, nargs="+", default=list(usual.rates), help="exchanges an account a day")
    parser.add_argument("--covers", type=float, nargs="+", default=list(usual.covers), help="everyday ones for each")
    parser.add_argument("--kept", type=Path, help="keep results here, and take those that are there")
    parser.add_argument("--write", action="store_true", help="write docs/limits.md, docs/range.md and docs/pictures")
    args = parser.parse_args()
    console = Console(width=200, highlight=False)
    console.print(f"seeds {' '.join(map(str, args.seeds))}")
    grid = Grid(
        sizes=tuple(args.sizes),
        rates=tuple(args.rates),
        covers=tuple(args.covers),
        benign=args.benign,
        seeds=tuple(args.seeds),
    )

    def told(what: str, done: int, total: int) -> None:
        if done % 25 == 0:
            console.print(f"{time.monotonic() - begun:6.0f} s  {done}/{total}  {what}")

    with tempfile.TemporaryDirectory(prefix="limits-") as scratch:
        cells = Cells(args.kept or Path(scratch))
        begun = time.monotonic()
        limits = measure(grid, cells, told)
        console.print(limits_table(limits), f"{time.monotonic() - begun:.0f} s for {len(grid)} scans")
        if args.write:
            begun = time.monotonic()
            duel = fight(Rules(load_prices()), cells, told)
            console.print(duel_table(duel), f"{time.monotonic() - begun:.0f} s for the duel")
            begun = time.monotonic()
            adaptive = fight(Rules(load_prices(), adaptive=True), cells, told)
            console.print(duel_table(adaptive), f"{time.monotonic() - begun:.0f} s for the adaptive duel")
            write(limits, duel, adaptive)


if __name__ == "__main__":
    main()
