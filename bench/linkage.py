"""Splink's Fellegi–Sunter linkage against the project's own, on the same labelled traffic in the same run.

    .venv/bin/python -m bench.linkage --seed 11
    .venv/bin/python -m bench.linkage --traffic DIR

Both get the same accounts, folded beforehand; neither sees the truth. Each contestant runs in a process of its own.
Every threshold of each is printed, the best one too: choosing it would need the truth.

Three families of rows: "pairs" are single links above a weight; "groups" link everybody within a group; the columns
under "after the test" keep those groups alone that the project's own evidence finds worth growing, whoever drew them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.agreement import Codes, Pairs, b_cubed, pairs_in_groups, pairs_in_list
from bench.folded import footprints_of, records_of
from bench.labelled import Labelled, Truth, given, simulated, truth_of
from bench.linked import Linked
from bench.measured import forget_peak, peak_of_self_mb
from rich.console import Console
from rich.table import Table

from stillwatch.campaign.communities import ACCOUNTS_LEAST, renumbered
from stillwatch.campaign.detection import CANDIDATE_NATS, content, detect, identity, meet
from stillwatch.campaign.joint import joint
from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.footprint.footprints import Footprints

CONTESTANTS = ("ours", "splink-identity", "splink-all")
ROOT = Path(__file__).resolve().parents[1]
LEVEL = 0.05  # False-discovery level of "detected".


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant at one threshold; shares in [0, 1], NaN or None where there is nothing to count.

    Attributes:
        contestant: Whose.
        family: "pairs" or "groups".
        threshold: As the contestant counts, in words.
        precision: Of linked pairs of campaigns' accounts, those of one campaign.
        recall: Of pairs within one campaign, those that are linked.
        contamination: Of linked pairs with a campaign's account, those with a benign other.
        benign_share: Of pairs of benign accounts, those that are linked.
        groups: Groups of at least four accounts.
        covered: Share of campaigns' accounts in such a group.
        b_cubed_f1: Over the accounts of groups that hold a campaign's account, and of campaigns.
        tested_groups: Groups that the test keeps.
        tested_covered: Share of campaigns' accounts in a group that the test keeps.
        tested_benign: Benign accounts in such groups.
        tested_f1: B-cubed F1 of the groups that the test keeps.
    """

    contestant: str
    family: str
    threshold: str
    precision: float
    recall: float
    contamination: float
    benign_share: float
    groups: int | None = None
    covered: float | None = None
    b_cubed_f1: float | None = None
    tested_groups: int | None = None
    tested_covered: float | None = None
    tested_benign: int | None = None
    tested_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a contestant took: medians over the repetitions."""

    contestant: str
    steps_s: dict[str, float]
    first_s: float  # The whole of a process's first time, every threshold.
    peak_mb: float

    @property
    def seconds(self) -> float:
        """From accounts to one grouping: all steps, but only the dearest of the clusterings at single thresholds."""
        clusterings = [took for step, took in self.steps_s.items() if step.startswith("cluster ")]
        return sum(self.steps_s.values()) - sum(clusterings) + max(clusterings, default=0.0)


def run_contestant(name: str, work: Path, seed: int) -> None:
    """Link the accounts in ``work`` twice, write the result there, and print what it took: the child's whole life.

    The first time pays for loading compiled code and queries, once a process; the second is the work itself.
    """
    link = _linkage(name, work, seed)
    forget_peak()
    begun = time.perf_counter()
    link()
    first_s = time.perf_counter() - begun
    linked = link()
    peak_mb = peak_of_self_mb()
    linked.save(work / f"{name}.npz")
    print(json.dumps({"seconds": linked.seconds, "first_s": first_s, "peak_mb": peak_mb}))


def _linkage(name: str, work: Path, seed: int) -> Callable[[], Linked]:
    """Return the contestant with its accounts loaded; each imports only what is its own, for memory is compared."""
    if name == "ours":
        from bench.by_rings import link_by_rings

        footprints = _loaded(work)
        return lambda: link_by_rings(footprints)
    from bench.by_splink import FIELDS_ALL, FIELDS_IDENTITY, link_by_splink

    records = pq.read_table(work / "records.parquet")
    return lambda: link_by_splink(records, FIELDS_ALL if name == "splink-all" else FIELDS_IDENTITY, seed)


def _loaded(work: Path) -> Footprints:
    with pa.OSFile(str(work / "footprints.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
    return Footprints.from_arrow(table, pq.read_table(work / "profile.parquet"))


def _prepared(labelled: Labelled, work: Path) -> Population:
    footprints = footprints_of(labelled)
    table = footprints.to_arrow()
    with pa.OSFile(str(work / "footprints.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    assert footprints.profile is not None
    pq.write_table(footprints.profile, work / "profile.parquet")
    population = Population(footprints)
    pq.write_table(records_of(population), work / "records.parquet")
    return population


def _contest(name: str, work: Path, seed: int, repetitions: int) -> tuple[Linked, Spent]:
    said = []
    for _ in range(repetitions):
        command = [
            sys.executable,
            "-m",
            "bench.linkage",
            "--contestant",
            name,
            "--work",
            str(work),
            "--seed",
            str(seed),
        ]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(f"{name} ended with code {ended.returncode}:\n{ended.stderr[-2000:]}")
        said.append(json.loads(ended.stdout.splitlines()[-1]))
    steps = {step: statistics.median(each["seconds"][step] for each in said) for step in said[0]["seconds"]}
    first_s, peak_mb = (statistics.median(each[figure] for each in said) for figure in ("first_s", "peak_mb"))
    spent = Spent(name, steps, first_s, peak_mb)
    return Linked.load(work / f"{name}.npz", steps), spent


def kept_by_test(population: Population, group: Codes, drawn_by_content: Codes) -> Codes:
    """Return the groups whose joint evidence makes them candidates; the others are dissolved to -1."""
    group = renumbered(group)
    groups = Groups(population, group, drawn_by_content)
    if len(groups) == 0:
        return group
    worth = joint(groups).log_e > CANDIDATE_NATS
    return renumbered(np.where((group >= 0) & worth[group], group, -1))


def group_row(contestant: str, threshold: str, campaign: Codes, group: Codes, tested: Codes) -> Row:
    """Judge a grouping, and what the test kept of it.

    Args:
        contestant: Whose.
        threshold: In words.
        campaign: Shape (accounts,), -1 for benign.
        group: Shape (accounts,), -1 for none.
        tested: Shape (accounts,), the groups that the test kept.
    """
    large = renumbered(group)
    hostile = campaign >= 0
    touching = np.where(np.isin(large, large[hostile]), large, -1)
    kept = tested >= 0
    return Row(
        contestant,
        "groups",
        threshold,
        *_shares(pairs_in_groups(campaign, group)),
        groups=int(large.max(initial=-1)) + 1,
        covered=float((large[hostile] >= 0).mean()),
        b_cubed_f1=b_cubed(campaign, touching)[2],
        tested_groups=int(tested.max(initial=-1)) + 1,
        tested_covered=float(kept[hostile].mean()),
        tested_benign=int((kept & ~hostile).sum()),
        tested_f1=b_cubed(campaign, tested)[2],
    )


def pair_rows(contestant: str, campaign: Codes, linked: Linked, weights: list[float]) -> list[Row]:
    """Judge the single links at each threshold."""
    rows = []
    for weight in weights:
        above = linked.weight >= weight
        pairs = pairs_in_list(campaign, linked.left[above], linked.right[above])
        rows.append(Row(contestant, "pairs", f"{weight:g}", *_shares(pairs)))
    return rows


def _shares(pairs: Pairs) -> tuple[float, float, float, float]:
    return pairs.precision, pairs.recall, pairs.contamination, pairs.benign_share


def _judged(name: str, linked: Linked, truth: Truth, population: Population, what: Codes) -> list[Row]:
    weights = [float(threshold) for threshold in linked.groups if threshold[-1].isdigit()]
    rows = pair_rows(name, truth.campaign, linked, weights)
    for threshold, group in linked.groups.items():
        tested = kept_by_test(population, group, what)
        rows.append(group_row(name, threshold, truth.campaign, group, tested))
    return rows


def _with_text(truth: Truth, population: Population, what: Codes) -> list[Row]:
    """Judge what the project draws from texts too, which no record holds: shows how far identity alone goes."""
    detection = detect(population, LEVEL)
    placed = detection.partition >= 0
    flagged = np.where(placed & np.append(detection.flagged, False)[detection.partition], detection.partition, -1)
    drawn = {"content": what, "content and identity": meet(identity(population), what), "detected": flagged}
    rows = []
    for name, group in drawn.items():
        tested = renumbered(group) if name == "detected" else kept_by_test(population, group, what)
        rows.append(group_row("ours, texts too", name, truth.campaign, group, tested))
    return rows


def _table(rows: list[Row], title: str) -> Table:
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    heads = ("", "", "at", "precision", "recall", "contam.", "benign pairs", "groups", "covered", "B³ F1")
    for head in (*heads, "| after the test: groups", "covered", "benign", "B³ F1"):
        table.add_column(head, justify="left" if head in ("", "at") else "right")
    for row in rows:
        cells = dataclasses.astuple(row)
        table.add_row(*(cell if isinstance(cell, str) else _written(cell, k == 6) for k, cell in enumerate(cells)))
    return table


def _written(value: float | int | None, small: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,d}"
    return f"{value:.1e}" if small else f"{value:.3f}"


def compare(labelled: Labelled, seed: int, repetitions: int, console: Console) -> dict[str, object]:
    """Run all contestants on one folder, print the tables and return the figures."""
    with tempfile.TemporaryDirectory(prefix="linkage-") as scratch:
        work = Path(scratch)
        population = _prepared(labelled, work)
        table = pq.read_table(labelled.truth)
        place = pc.index_in(population.footprints.account_id, value_set=table["account_id"].cast(pa.large_string()))
        truth = truth_of(table.take(place))
        what = content(population)
        console.print(
            f"{labelled.folder}: {len(population):,d} accounts, {int((truth.campaign >= 0).sum()):,d} of them in "
            f"{len(truth.campaigns)} campaigns"
        )
        rows, spent = [], {}
        for name in CONTESTANTS:
            linked, spent[name] = _contest(name, work, seed, repetitions)
            rows += _judged(name, linked, truth, population, what)
        rows += _with_text(truth, population, what)
    console.print(_table(rows, "Every threshold"))
    for name, took in spent.items():
        steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in took.steps_s.items())
        console.print(
            f"{name}: {took.seconds:.2f} s from accounts to one grouping ({steps}); peak {took.peak_mb:,.0f} MB; "
            f"{took.first_s:.2f} s for all of it the first time in a process"
        )
    ratios = _ratios(rows, spent)
    for line in ratios:
        console.print(line["text"])
    return {
        "traffic": str(labelled.folder),
        "accounts": len(population),
        "seed": seed,
        "rows": [plain(dataclasses.asdict(row)) for row in rows],
        "spent": {name: {**dataclasses.asdict(took), "seconds": took.seconds} for name, took in spent.items()},
        "ratios": ratios,
    }


def plain(figures: dict[str, object]) -> dict[str, object]:
    """Return the figures with None where there is no number, as JSON knows no NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in figures.items()}


def _ratios(rows: list[Row], spent: dict[str, Spent]) -> list[dict[str, object]]:
    """Return ours against each Splink, the latter at its best threshold, which only the truth could choose."""
    ours = next(row for row in rows if row.contestant == "ours" and row.threshold == "communities")
    out: list[dict[str, object]] = []
    for name in CONTESTANTS[1:]:
        groups = [row for row in rows if row.contestant == name and row.family == "groups"]
        drawn = max(groups, key=lambda row: row.b_cubed_f1 or 0.0)
        tested = max(groups, key=lambda row: row.tested_f1 or 0.0)
        quality = (ours.b_cubed_f1 or 0.0) / (drawn.b_cubed_f1 or float("nan"))
        after = (ours.tested_f1 or 0.0) / (tested.tested_f1 or float("nan"))
        time_ratio = spent["ours"].seconds / spent[name].seconds
        memory_ratio = spent["ours"].peak_mb / spent[name].peak_mb
        text = (
            f"ours / {name}: time {time_ratio:.3f}, peak memory {memory_ratio:.2f}, B³ F1 {quality:.2f} (its best, at "
            f"{drawn.threshold}), B³ F1 after the test {after:.2f} (its best, at {tested.threshold})"
        )
        figures = {"time": time_ratio, "memory": memory_ratio, "b_cubed_f1": quality, "tested_f1": after}
        out.append({"against": name, "text": text, **figures})
    return out


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traffic", type=Path, nargs="+", help="folders of labelled traffic; without, one is made")
    parser.add_argument("--seed", type=int, default=11, help="of the simulation and of Splink's sampling")
    parser.add_argument("--benign", type=int, default=3000, help="benign accounts of the simulation")
    parser.add_argument("--scale", type=float, default=0.05, help="of the simulation's campaigns")
    parser.add_argument("--days", type=int, default=28, help="length of the simulation")
    parser.add_argument("--repetitions", type=int, default=3, help="runs of each contestant; medians are told")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        run_contestant(args.contestant, args.work, args.seed)
        return
    console = Console(width=max(Console().width, 170), highlight=False)
    console.print(f"seed {args.seed}; groups count from {ACCOUNTS_LEAST} accounts on")
    with tempfile.TemporaryDirectory(prefix="traffic-") as scratch:
        if args.traffic:
            folders = [given(folder) for folder in args.traffic]
        else:
            made = Path(scratch) / "made"
            folders = [simulated(made, benign=args.benign, scale=args.scale, days=args.days, seed=args.seed)]
        figures = [compare(labelled, args.seed, args.repetitions, console) for labelled in folders]
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
