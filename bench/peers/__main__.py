"""Peers and stillwatch side by side: what each finds on the same labelled traffic, and what it takes.

    .venv/bin/python -m bench.peers TRAFFIC_DIR
    .venv/bin/python -m bench.peers TRAFFIC_DIR --result RESULT --only volume synchrotrap --json

Every peer runs in a process of its own, one after the other, and reads the logs itself; seconds and memory are those
of its whole process, interpreter and reading included. Recall is read off at benign false-positive rates of 1e-2, 1e-3
and 1e-4 with ties against the peer. Only the MMD peer is shown the truth, for its clean history. With --result a scan
that is there stands for stillwatch, and its time is left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled, given, truth_of
from bench.measured import Cost, run
from bench.peers.peer import RATES, Judged, Peer, Verdict, account_ids, judged
from bench.peers.registry import OURS, PEERS
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One way of scoring, judged, and what its peer took.

    Attributes:
        peer: The module.
        source: Where the method comes from.
        name: As in the table.
        settings: What was chosen.
        judged: What it finds.
        cost: Of the peer's process, all its ways of scoring together; None where a result was given.
    """

    peer: str
    source: str
    name: str
    settings: str
    judged: Judged
    cost: Cost | None


def peer_of(name: str) -> Peer:
    """Return a peer's module; each imports only what is its own, for memory is compared."""
    return cast(Peer, importlib.import_module(f"bench.peers.{name}"))


def save(verdicts: list[Verdict], path: Path) -> None:
    """Write verdicts to one file."""
    arrays: dict[str, Any] = {}
    for number, verdict in enumerate(verdicts):
        arrays[f"score {number}"] = verdict.score
        if verdict.flagged is not None:
            arrays[f"flagged {number}"] = verdict.flagged
    said = json.dumps([[verdict.name, verdict.settings] for verdict in verdicts])
    np.savez(path, said=np.array(said), **arrays)


def load(path: Path) -> list[Verdict]:
    """Read back what ``save`` wrote."""
    with np.load(path) as held:
        said = json.loads(str(held["said"]))
        return [
            Verdict(name, settings, held[f"score {k}"], held[f"flagged {k}"] if f"flagged {k}" in held.files else None)
            for k, (name, settings) in enumerate(said)
        ]


def rows_of(labelled: Labelled, names: list[str], result: Path | None, seed: int, console: Console) -> list[Row]:
    """Run peers one after the other and judge what they return."""
    table = pq.ParquetFile(labelled.truth).read()
    ids = account_ids(labelled)
    truth = truth_of(table.take(pc.index_in(ids, value_set=table["account_id"].combine_chunks().cast(ids.type))))
    rows = []
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        for name in names:
            cost: Cost | None = None
            if name == OURS and result is not None:
                from bench.peers.stillwatch_scan import SOURCE, read

                source, verdicts = SOURCE, [read(labelled, result, f"a result that was there: {result}")]
            else:
                out = Path(scratch) / f"{name}.npz"
                command = [sys.executable, "-m", "bench.peers", str(labelled.folder), "--seed", str(seed)]
                cost, said = run([*command, "--peer", name, "--out", str(out)], ROOT)
                source, verdicts = said.splitlines()[-1], load(out)
                console.print(f"{name}: {cost.wall_s:.0f} s, {cost.peak_mb:,.0f} MB")
            rows += [Row(name, source, each.name, each.settings, judged(each, truth), cost) for each in verdicts]
    return rows


def table_of(rows: list[Row]) -> Table:
    """Return the table, a row for each way of scoring."""
    table = Table(box=None, pad_edge=False)
    for head in ("", *(f"recall at {rate:g}" for rate in RATES), "flagged recall", "flagged FPR", "s", "MB"):
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for row in rows:
        cells = [_share(row.judged.recall[f"{rate:g}"]) for rate in RATES]
        fpr = row.judged.flagged_fpr
        cells += [_share(row.judged.flagged_recall), "–" if fpr is None else f"{fpr:.2g}"]
        cells += ["–", "–"] if row.cost is None else [f"{row.cost.wall_s:.0f}", f"{row.cost.peak_mb:,.0f}"]
        table.add_row(row.name, *cells)
    return table


def campaign_table(rows: list[Row]) -> Table:
    """Return recall at the middle rate, a column a campaign."""
    table = Table(title=f"Recall at {RATES[1]:g}, by campaign", box=None, pad_edge=False, title_justify="left")
    table.add_column("")
    campaigns = list(rows[0].judged.recall_by_campaign) if rows else []
    for campaign in campaigns:
        table.add_column(campaign, justify="right")
    for row in rows:
        found = row.judged.recall_by_campaign
        table.add_row(row.name, *(_share(found[campaign][f"{RATES[1]:g}"]) for campaign in campaigns))
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        prog="bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traffic", type=Path, help="a folder of labelled traffic")
    parser.add_argument("--result", type=Path, help="a result of `stillwatch scan` on it, instead of scanning")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="some peers only")
    parser.add_argument("--seed", type=int, default=1, help="of samples and of Splink's training")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of tables")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    labelled = given(args.traffic.resolve())
    if args.peer:
        peer = peer_of(args.peer)
        save(peer.judge(labelled, args.seed), args.out)
        print(peer.SOURCE)
        return
    console = Console(stderr=args.json, width=max(Console().width, 130), highlight=False)
    console.print(f"{labelled.folder}; seed {args.seed}")
    rows = rows_of(labelled, args.only, args.result, args.seed, console)
    if args.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    console.print(table_of(rows))
    console.print(campaign_table(rows))
    for row in rows:
        console.print(f"{row.name} ({row.source}): {row.settings}")


if __name__ == "__main__":
    main()
