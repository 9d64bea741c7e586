"""What a whole scan costs, beside DuckDB that reads the same columns of the same files and hashes them.

    .venv/bin/python -m bench.scan --seed 7
    .venv/bin/python -m bench.scan --traffic DIR --json FILE

DuckDB on two threads is the yardstick: it does what any scan must, reading every column once and touching every byte of
the prompts, and nothing else. Each run is a process of its own. "cold" is after the files were dropped from the page
cache, "warm" right after that. One scan goes before, unmeasured but told, since the first one may have to compile.

This process stays small on purpose: what it held would count towards the peak memory of those that it starts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.labelled import Labelled, given, simulated
from bench.measured import Cost, forget, run
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STILLWATCH = Path(sys.executable).parent / "stillwatch"
THREADS = 2
CONTESTANTS = ("scan", "duckdb")
STATES = ("cold", "warm")


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median and greatest of several runs."""

    least: float
    median: float
    greatest: float


def spread(values: list[float]) -> Spread:
    """Return the spread of ``values``.

    Raises:
        ValueError: If there is none.
    """
    if not values:
        raise ValueError("there is no run to summarise")
    return Spread(min(values), statistics.median(values), max(values))


def hashing_query(files: list[str], columns: list[str]) -> str:
    """Return the SQL that reads and hashes each of ``columns`` of the Parquet ``files``."""
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    hashed = ", ".join(f'bit_xor(hash("{column}"))' for column in columns)
    return f"select count(*), {hashed} from read_parquet([{listed}])"  # noqa: S608


def _survey(folder: Path) -> None:
    """Print the number of exchanges and the columns that a scan reads: the whole life of a child."""
    import pyarrow.parquet as pq

    from stillwatch.exchange.schema import EXCHANGE_COLUMNS

    held = [pq.read_metadata(file) for file in given(folder).files()]
    names = held[0].schema.to_arrow_schema().names
    columns = [column.name for column in EXCHANGE_COLUMNS if column.name in names]
    print(json.dumps({"exchanges": sum(each.num_rows for each in held), "columns": columns}))


def _hash_with_duckdb(folder: Path, columns: list[str]) -> None:
    """Run the query: the whole life of a measured child, which imports nothing but DuckDB."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")
    for rows, *_ in connection.execute(
        hashing_query([str(file) for file in given(folder).files()], columns)
    ).fetchall():
        print(rows)


def commands(labelled: Labelled, out: Path, columns: list[str]) -> dict[str, list[str]]:
    """Return the command of each contestant."""
    scan = [str(STILLWATCH), "scan", str(labelled.exchanges), "--accounts", str(labelled.accounts), "--out", str(out)]
    folder = str(labelled.folder.resolve())
    return {"scan": scan, "duckdb": [sys.executable, "-m", "bench.scan", "--hash", folder, "--columns", *columns]}


def measure(labelled: Labelled, repetitions: int, say: Callable[[str], None]) -> dict[str, object]:
    """Run both contestants, cold and warm, in turns, and return what each took."""
    files = labelled.files()
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    surveyed = json.loads(
        run([sys.executable, "-m", "bench.scan", "--survey", str(labelled.folder.resolve())], ROOT)[1]
    )
    rows, columns = surveyed["exchanges"], surveyed["columns"]
    costs: dict[tuple[str, str], list[Cost]] = {(name, state): [] for name in CONTESTANTS for state in STATES}
    with tempfile.TemporaryDirectory(prefix="scan-") as scratch:
        work = Path(scratch)
        first, _ = run(commands(labelled, work / "first", columns)["scan"], ROOT)
        say(f"{labelled.folder}: {rows:,d} exchanges, {size_mb:,.0f} MB; first scan {first.wall_s:.1f} s")
        for repetition in range(repetitions):
            for name in CONTESTANTS:
                forget([*files, labelled.accounts])
                for state in STATES:
                    cost, _ = run(commands(labelled, work / f"{repetition}-{state}", columns)[name], ROOT)
                    costs[name, state].append(cost)
                    say(f"  {repetition + 1}/{repetitions} {name} {state}: {cost.wall_s:.2f} s")
    figures = {f"{name} {state}": _spreads(taken) for (name, state), taken in costs.items()}
    return {
        "traffic": str(labelled.folder),
        "exchanges": rows,
        "mb": size_mb,
        "first_scan_s": first.wall_s,
        "repetitions": repetitions,
        "runs": figures,
        "ratios": ratios(costs),
    }


def _spreads(costs: list[Cost]) -> dict[str, dict[str, float]]:
    fields = [field.name for field in dataclasses.fields(Cost)]
    return {name: dataclasses.asdict(spread([getattr(cost, name) for cost in costs])) for name in fields}


def ratios(costs: dict[tuple[str, str], list[Cost]]) -> dict[str, float]:
    """Return the scan's medians over DuckDB's, by state and figure."""
    out = {}
    for state in STATES:
        for field in dataclasses.fields(Cost):
            of = {n: statistics.median(getattr(cost, field.name) for cost in costs[n, state]) for n in CONTESTANTS}
            out[f"{state} {field.name}"] = of["scan"] / of["duckdb"] if of["duckdb"] else float("nan")
    return out


def _table(figures: dict[str, object]) -> Table:
    table = Table(title="minimum / median / maximum", box=None, pad_edge=False, title_justify="left")
    for head in ("", "wall s", "CPU s", "peak MB", "exchanges/s"):
        table.add_column(head, justify="left" if not head else "right", no_wrap=True)
    runs, rows = figures["runs"], figures["exchanges"]
    assert isinstance(runs, dict)
    assert isinstance(rows, int)
    for name, costs in runs.items():
        cells = [_three(costs["wall_s"], 2), _three(costs["cpu_s"], 2), _three(costs["peak_mb"], 0)]
        table.add_row(name, *cells, f"{rows / costs['wall_s']['median']:,.0f}")
    of = figures["ratios"]
    assert isinstance(of, dict)
    for state in STATES:
        cells = [f"{of[f'{state} {name}']:.2f}" for name in ("wall_s", "cpu_s", "peak_mb")]
        table.add_row(f"scan / duckdb, {state}", *cells, "")
    return table


def _three(spreads: dict[str, float], digits: int) -> str:
    return " / ".join(f"{spreads[name]:,.{digits}f}" for name in ("least", "median", "greatest"))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traffic", type=Path, help="folder of labelled traffic; without, one is made")
    parser.add_argument("--seed", type=int, default=7, help="of the simulation")
    parser.add_argument("--benign", type=int, default=5000, help="benign accounts of the simulation")
    parser.add_argument("--scale", type=float, default=0.1, help="of the simulation's campaigns")
    parser.add_argument("--days", type=int, default=28, help="length of the simulation")
    parser.add_argument("--repetitions", type=int, default=3, help="cold and warm runs of each")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--survey", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--hash", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--columns", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.survey or args.hash:
        _survey(args.survey) if args.survey else _hash_with_duckdb(args.hash, args.columns)
        return
    if args.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    console = Console(width=max(Console().width, 120), highlight=False)
    console.print("seed: none, the traffic is given" if args.traffic else f"seed {args.seed}")
    with tempfile.TemporaryDirectory(prefix="traffic-") as scratch:
        if args.traffic:
            labelled = given(args.traffic.resolve())
        else:
            made = Path(scratch) / "made"
            labelled = simulated(made, benign=args.benign, scale=args.scale, days=args.days, seed=args.seed)
        figures = measure(labelled, args.repetitions, lambda line: console.print(line, soft_wrap=True))
    console.print(_table(figures))
    if args.json:
        args.json.write_text(json.dumps({"seed": None if args.traffic else args.seed, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
