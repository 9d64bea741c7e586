"""Scans labelled traffic and says what was found: recall, wronged accounts, precision, grouping, and what leaked.

    .venv/bin/python -m bench.score --seeds 1 2 3
    .venv/bin/python -m bench.score DIR DIR
    .venv/bin/python -m bench.score DIR --result RESULT

The truth is read by this bench alone, after the scan. Several folders give one table. Intervals are Clopper–Pearson's
at 95 %; the accounts of one campaign are not independent, so that they tell the least uncertainty there is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.agreement import b_cubed, clopper_pearson
from bench.labelled import Labelled, Truth, given, simulated, truth_of
from bench.measured import run
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STILLWATCH = Path(sys.executable).parent / "stillwatch"
NEEDED = ("account_id", "flagged", "campaign_id", "flagged_at")


@dataclass(frozen=True, slots=True)
class Share:
    """A share with the counts that it is made of."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, None where there is nothing to count."""
        return self.hits / self.of if self.of else None

    def as_json(self) -> dict[str, object]:
        """Return the counts, the share and its interval."""
        return {
            "hits": self.hits,
            "of": self.of,
            "share": self.value,
            "interval_95": clopper_pearson(self.hits, self.of),
        }


@dataclass(frozen=True, slots=True)
class Score:
    """What a scan of one folder found.

    Attributes:
        name: The folder, or the seed that made it.
        recall: Accounts of campaigns that were flagged.
        recall_by_campaign: Likewise.
        wronged: Benign accounts that were flagged.
        wronged_by_kind: Likewise, kinds without one left out.
        precision: Flagged accounts that belong to a campaign.
        b_cubed: Precision, recall and F1 over the accounts that are in a true or a found campaign.
        found: Campaigns that the scan told of.
        leaked: Extraction exchanges that came before their account was flagged, or whose account never was.
        leaked_by_campaign: Likewise.
    """

    name: str
    recall: Share
    recall_by_campaign: dict[str, Share]
    wronged: Share
    wronged_by_kind: dict[str, Share]
    precision: Share
    b_cubed: tuple[float, float, float]
    found: int
    leaked: Share
    leaked_by_campaign: dict[str, Share]

    def as_json(self) -> dict[str, object]:
        """Return all figures as plain values."""
        precision, recall, f1 = self.b_cubed
        return {
            "name": self.name,
            "recall": self.recall.as_json(),
            "recall_by_campaign": {name: share.as_json() for name, share in self.recall_by_campaign.items()},
            "benign_flagged": self.wronged.as_json(),
            "benign_flagged_by_kind": {name: share.as_json() for name, share in self.wronged_by_kind.items()},
            "precision": self.precision.as_json(),
            "campaigns_true": len(self.recall_by_campaign),
            "campaigns_found": self.found,
            "b_cubed_precision": precision,
            "b_cubed_recall": recall,
            "b_cubed_f1": f1,
            "leaked_before_flagged": self.leaked.as_json(),
            "leaked_by_campaign": {name: share.as_json() for name, share in self.leaked_by_campaign.items()},
        }


def score(labelled: Labelled, result: Path, name: str) -> Score:
    """Judge the result of a scan of ``labelled``.

    An account that the result does not know counts as not flagged.

    Raises:
        ValueError: If the result lacks a column or has an account twice.
    """
    path = result / "accounts.parquet"
    table = pq.read_table(truth_path := labelled.truth)
    found = pq.ParquetFile(path).read()
    missing = [column for column in NEEDED if column not in found.column_names]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; is it a scan's result?")
    if len(pc.unique(found["account_id"])) != found.num_rows:
        raise ValueError(f"{path} has an account more than once")
    if len(pc.unique(table["account_id"])) != table.num_rows:
        raise ValueError(f"{truth_path} has an account more than once")
    truth = truth_of(table)
    ids = table["account_id"].combine_chunks()
    place = pc.index_in(ids, value_set=found["account_id"].combine_chunks().cast(ids.type))
    seen = found.select(NEEDED[1:]).take(place)
    flagged = pc.fill_null(seen["flagged"], False).to_numpy().astype(np.bool_)
    when = pc.fill_null(seen["flagged_at"].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
    names = seen["campaign_id"].combine_chunks().dictionary_encode()
    group = pc.fill_null(names.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    leaked = leaked_by_campaign(labelled, ids, truth, np.asarray(when, np.int64))
    hostile = truth.campaign >= 0
    counted = {kind: Share(int((flagged & of).sum()), int(of.sum())) for kind, of in _parts(truth.kinds, truth.kind)}
    return Score(
        name=name,
        recall=Share(int((flagged & hostile).sum()), int(hostile.sum())),
        recall_by_campaign={
            campaign: Share(int((flagged & of).sum()), int(of.sum()))
            for campaign, of in _parts(truth.campaigns, truth.campaign)
        },
        wronged=Share(int((flagged & ~hostile).sum()), int((~hostile).sum())),
        wronged_by_kind={kind: share for kind, share in counted.items() if share.hits},
        precision=Share(int((flagged & hostile).sum()), int(flagged.sum())),
        b_cubed=b_cubed(truth.campaign, group),
        found=len(names.dictionary),
        leaked=Share(sum(share.hits for share in leaked.values()), sum(share.of for share in leaked.values())),
        leaked_by_campaign=leaked,
    )


def _parts(names: tuple[str, ...], codes: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for number, name in enumerate(names):
        yield name, codes == number


def leaked_by_campaign(
    labelled: Labelled, account_id: pa.Array, truth: Truth, flagged_at_us: NDArray[np.int64]
) -> dict[str, Share]:
    """Return how many extraction exchanges of each campaign came no later than their account was flagged.

    Args:
        labelled: The folder.
        account_id: Shape (accounts,).
        truth: Of these accounts.
        flagged_at_us: Shape (accounts,), microseconds since 1970; the greatest number for never.
    """
    extraction = pq.read_table(labelled.extraction)["exchange_id"].combine_chunks()
    campaigns = len(truth.campaigns)
    early, total = np.zeros(campaigns, np.int64), np.zeros(campaigns, np.int64)
    for path in labelled.files():
        exchanges = pq.ParquetFile(path).read(columns=["exchange_id", "account_id", "timestamp"])
        taken = exchanges.filter(pc.is_in(exchanges["exchange_id"], value_set=extraction))
        row = pc.index_in(taken["account_id"].cast(account_id.type), value_set=account_id).to_numpy()
        when = taken["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        of = truth.campaign[row]
        early += np.bincount(of[when <= flagged_at_us[row]], minlength=campaigns)
        total += np.bincount(of, minlength=campaigns)
    return {name: Share(int(early[k]), int(total[k])) for k, name in enumerate(truth.campaigns)}


def scan(labelled: Labelled, out: Path) -> float:
    """Scan a folder as a user would and return the seconds it took."""
    command = [
        str(STILLWATCH),
        "scan",
        str(labelled.exchanges),
        "--accounts",
        str(labelled.accounts),
        "--out",
        str(out),
    ]
    cost, _ = run(command, ROOT)
    return cost.wall_s


def table_of(scores: list[Score]) -> Table:
    """Return one table of all figures, a column a folder."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for each in scores:
        table.add_column(each.name, justify="right", no_wrap=True)

    def add(title: str, shares: list[Share | None]) -> None:
        table.add_row(title, *("" if share is None else written(share) for share in shares))

    add("flagged recall", [each.recall for each in scores])
    for campaign in _named(each.recall_by_campaign for each in scores):
        add(f"  {campaign}", [each.recall_by_campaign.get(campaign) for each in scores])
    add("benign flagged", [each.wronged for each in scores])
    for kind in _named(each.wronged_by_kind for each in scores):
        add(f"  {kind}", [each.wronged_by_kind.get(kind) for each in scores])
    add("precision", [each.precision for each in scores])
    table.add_row("campaigns found / true", *(f"{each.found} / {len(each.recall_by_campaign)}" for each in scores))
    for k, title in enumerate(("B³ precision", "B³ recall", "B³ F1")):
        table.add_row(title, *(f"{each.b_cubed[k]:.3f}" for each in scores))
    add("leaked before flagged", [each.leaked for each in scores])
    for campaign in _named(each.leaked_by_campaign for each in scores):
        add(f"  {campaign}", [each.leaked_by_campaign.get(campaign) for each in scores])
    return table


def _named(of: Iterator[dict[str, Share]]) -> list[str]:
    return sorted({name for shares in of for name in shares})


def written(share: Share) -> str:
    """Return a share with its counts and interval: ``0.950 (19/20; 0.751–0.999)``."""
    if share.value is None:
        return "–"
    low, high = clopper_pearson(share.hits, share.of)
    digits = 3 if share.value >= 0.01 or share.hits == 0 else 5
    return f"{share.value:.{digits}f} ({share.hits:,d}/{share.of:,d}; {low:.{digits}f}–{high:.{digits}f})"


def _judged(labelled: Labelled, result: Path | None, name: str, fresh: Path, console: Console) -> Score:
    if result is None:
        result = fresh
        console.print(f"{name}: scanned in {scan(labelled, result):.1f} s")
    return score(labelled, result, name)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traffic", type=Path, nargs="*", help="folders of labelled traffic; without, some are made")
    parser.add_argument("--result", type=Path, nargs="+", help="results that are there, one a folder, instead of scans")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7], help="one simulation each")
    parser.add_argument("--benign", type=int, default=5000, help="benign accounts of a simulation")
    parser.add_argument("--scale", type=float, default=0.1, help="of a simulation's campaigns")
    parser.add_argument("--days", type=int, default=28, help="length of a simulation")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    if args.result and len(args.result) != len(args.traffic):
        parser.error("--result needs one folder for each folder of traffic")
    console = Console(width=max(Console().width, 60 + 44 * max(len(args.traffic), len(args.seeds))), highlight=False)
    console.print("seed: none, the traffic is given" if args.traffic else f"seeds {' '.join(map(str, args.seeds))}")
    scores = []
    with tempfile.TemporaryDirectory(prefix="score-") as scratch:
        work = Path(scratch)
        for number, folder in enumerate(args.traffic):
            result = args.result[number] if args.result else None
            scores.append(_judged(given(folder.resolve()), result, str(folder), work / f"result-{number}", console))
        for seed in [] if args.traffic else args.seeds:
            made = work / f"seed-{seed}"
            labelled = simulated(made, benign=args.benign, scale=args.scale, days=args.days, seed=seed)
            scores.append(_judged(labelled, None, f"seed {seed}", work / f"result-{seed}", console))
    console.print(table_of(scores))
    if args.json:
        args.json.write_text(json.dumps([each.as_json() for each in scores], indent=2) + "\n")


if __name__ == "__main__":
    main()
