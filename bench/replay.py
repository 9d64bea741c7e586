"""What a step of a replay costs, against the exchanges that lie behind it and the accounts that were seen.

    .venv/bin/python -m bench.replay --seed 7

The same simulated accounts are replayed twice, in turns: as they are, and with every exchange sent several times within
the same hour. At the same step both have seen the same accounts, and one has several times the exchanges behind it. A
straight line is fitted to the seconds of all steps:

    processor seconds of the look = fixed + a * (accounts seen) + b * (exchanges behind)

and likewise to the merge, against the accounts active in the step. Processor seconds, since other programs stretch
the wall's. Steps of the first day are left out: what they load and compile is no cost of a step. The heavy replay's
look may take somewhat longer at the same step, since more of its accounts pass the least counts from which on views ask
an account at all; what must not be is growth from step to step while the accounts stay the same. So the same line is
also fitted within each replay to the steps of the second half, in which few accounts are new.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled, simulated
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stillwatch.engine.scan import Request, scan
from stillwatch.engine.steps import Step
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted straight line: seconds = fixed + sum of slopes times quantities."""

    fixed_s: float
    slopes_s: tuple[float, ...]
    determined: float  # R squared.


def fitted(seconds: NDArray[np.float64], *quantities: NDArray[np.float64]) -> Line:
    """Return the least-squares line of ``seconds`` against ``quantities``, each of shape (steps,).

    Raises:
        ValueError: If there are no more steps than parameters.
    """
    if len(seconds) <= len(quantities) + 1:
        raise ValueError(f"{len(seconds)} steps are too few for a line in {len(quantities)} quantities")
    scale = np.array([max(float(np.abs(each).max()), 1.0) for each in quantities])
    design = np.column_stack([np.ones(len(seconds)), *(each / s for each, s in zip(quantities, scale, strict=True))])
    found, *_ = np.linalg.lstsq(design, seconds, rcond=None)
    rest = seconds - design @ found
    spread = float(((seconds - seconds.mean()) ** 2).sum())
    determined = 1 - float((rest**2).sum()) / spread if spread > 0 else 1.0
    return Line(float(found[0]), tuple((found[1:] / scale).tolist()), determined)


def repeated(labelled: Labelled, times: int, folder: Path) -> Path:
    """Write the exchanges ``times`` over into ``folder``, one file a day, each repeat later within the same hour."""
    folder.mkdir(parents=True)
    table = pa.concat_tables([pq.read_table(file) for file in labelled.files()])
    at = table["timestamp"].cast(pa.int64()).to_numpy()
    copies = []
    for number in range(times):
        hour = at // HOUR_US * HOUR_US
        moved = hour + (at - hour + number * (HOUR_US // times)) % HOUR_US
        stamp = pa.array(moved).cast(pa.timestamp("us", "UTC"))
        copy = table.set_column(table.column_names.index("timestamp"), "timestamp", stamp)
        if "exchange_id" in table.column_names:
            names = pc.binary_join_element_wise(table["exchange_id"].cast(pa.string()), str(number), "-")
            copy = copy.set_column(table.column_names.index("exchange_id"), "exchange_id", names)
        copies.append(copy)
    whole = pa.concat_tables(copies).sort_by("timestamp")
    days = whole["timestamp"].cast(pa.int64()).to_numpy() // (24 * HOUR_US)
    for day in np.unique(days):
        pq.write_table(whole.filter(pa.array(days == day)), folder / f"{day}.parquet", row_group_size=65_536)
    return folder


def replayed(folder: Path, accounts: Path, step_hours: int) -> list[Step]:
    """Return the steps of one replay."""
    steps: list[Step] = []
    request = Request((str(folder),), accounts=accounts, step_hours=step_hours)
    scan(request, Pseudonyms(b"a bench has no secret to keep"), Quarantine(None), _now(), _silent, steps.append)
    return steps


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _silent(what: str, rows: int) -> None:
    """Take no note of progress."""


def measure(light: Path, heavy: Path, accounts: Path, step_hours: int, repetitions: int) -> dict[str, object]:
    """Replay both in turns and return the fitted lines and the ratio of the medians."""
    replayed(light, accounts, step_hours)  # Whatever must be compiled is compiled here.
    runs: dict[str, list[list[Step]]] = {"light": [], "heavy": []}
    for _ in range(repetitions):
        for name, folder in (("light", light), ("heavy", heavy)):
            runs[name].append(replayed(folder, accounts, step_hours))
    look, merge, seen, behind, active = [], [], [], [], []
    medians: dict[str, list[float]] = {}
    for name, repeats in runs.items():
        first = 24 // step_hours
        looks = np.median([[step.look_cpu_s for step in steps] for steps in repeats], axis=0)[first:]
        merges = np.median([[step.merge_s for step in steps] for steps in repeats], axis=0)[first:]
        medians[name] = looks.tolist()
        look += looks.tolist()
        merge += merges.tolist()
        seen += [step.accounts_seen for step in repeats[0]][first:]
        active += [step.accounts_active for step in repeats[0]][first:]
        behind += np.cumsum([step.exchanges for step in repeats[0]]).tolist()[first:]
    s, b, a = (np.array(each, np.float64) for each in (seen, behind, active))
    of_looks, of_merges = fitted(np.array(look), s, b), fitted(np.array(merge), a, s, b)
    count = len(medians["light"])
    settled = {
        name: fitted(np.array(medians[name][count // 2 :]), b[begin + count // 2 : begin + count])
        for name, begin in (("light", 0), ("heavy", count))
    }
    half = slice(count // 2, count)
    ratio = statistics.median(h / max(lo, 1e-9) for lo, h in zip(medians["light"], medians["heavy"], strict=True))
    return {
        "steps": count,
        "step_hours": step_hours,
        "repetitions": repetitions,
        "accounts": int(s.max()),
        "exchanges_light": int(b[count - 1]),
        "exchanges_heavy": int(b.max()),
        "look_us_per_account": of_looks.slopes_s[0] * 1e6,
        "look_us_per_exchange_behind": of_looks.slopes_s[1] * 1e6,
        "look_r2": of_looks.determined,
        "merge_us_per_active_account": of_merges.slopes_s[0] * 1e6,
        "merge_us_per_account": of_merges.slopes_s[1] * 1e6,
        "merge_us_per_exchange_behind": of_merges.slopes_s[2] * 1e6,
        "merge_r2": of_merges.determined,
        "look_heavy_over_light": ratio,
        "look_s_median": statistics.median(medians["light"][half]),
        "accounts_new_in_second_half": int(s[count - 1] - s[count // 2]),
        **{f"second_half_{name}_us_per_exchange": line.slopes_s[0] * 1e6 for name, line in settled.items()},
    }


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7, help="of the simulation")
    parser.add_argument("--benign", type=int, default=1500, help="benign accounts")
    parser.add_argument("--scale", type=float, default=0.02, help="of the campaigns")
    parser.add_argument("--days", type=int, default=10, help="length of the simulation")
    parser.add_argument("--times", type=int, default=5, help="how often the heavy replay has each exchange")
    parser.add_argument("--step", type=int, default=6, help="hours of a step")
    parser.add_argument("--repetitions", type=int, default=3, help="of each replay; medians are taken")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    if args.repetitions < 1 or args.times < 2:
        parser.error("--repetitions must be at least 1, and --times at least 2")
    console = Console(highlight=False)
    console.print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory(prefix="replay-") as scratch:
        work = Path(scratch)
        made = simulated(work / "made", benign=args.benign, scale=args.scale, days=args.days, seed=args.seed)
        light, heavy = repeated(made, 1, work / "light"), repeated(made, args.times, work / "heavy")
        figures = measure(light, heavy, made.accounts, args.step, args.repetitions)
    table = Table(box=None, show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.3f}" if isinstance(value, float) else str(value))
    console.print(table)
    if args.json:
        args.json.write_text(json.dumps({"seed": args.seed, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
