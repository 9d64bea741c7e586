"""What each signal is worth: the same labelled traffic looked at with one view, or all prompts, left out.

    .venv/bin/python -m bench.ablation DIR [DIR …] [--json FILE]

The traffic is folded once; then every look of a scan is taken anew with the view's evidence, and the ties that its data
make, left out. Sleepless addresses go with the network and with the timing. "prompts" leaves out all that is read from
texts, which is a log of metadata. The truth is read by the score alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from bench.labelled import Labelled, given
from bench.score import Score, score
from rich.console import Console
from rich.table import Table

from stillwatch.engine.periods import Period, Periods, Running
from stillwatch.engine.profiles import profiles
from stillwatch.engine.replay import NEVER, STEP_HOURS, Looks, with_profile
from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.discovery import discover
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.reading import parts

KEY = b"a bench has no secret to keep"
LEVEL = 0.05
REMOVALS: tuple[tuple[str, frozenset[str]], ...] = (
    ("nothing", frozenset()),
    ("payment", frozenset({"payment"})),
    ("network", frozenset({"network", "round_the_clock"})),
    ("template", frozenset({"template"})),
    ("timing", frozenset({"timing", "round_the_clock"})),
    ("prompts", frozenset({"template", "topic", "complementarity", "coercion", "elicitation"})),
)


@dataclass(frozen=True)
class Folded:
    """A folder's traffic as a scan folds it.

    Attributes:
        labelled: The folder.
        periods: In order of time.
        profile: The accounts file.
    """

    labelled: Labelled
    periods: tuple[Period, ...]
    profile: pa.Table


def folded(labelled: Labelled) -> Folded:
    """Read and fold a folder once, in the steps of a scan."""
    pseudonyms = Pseudonyms(KEY)
    found = parts(discover((str(labelled.exchanges),)), now=dt.datetime.now(dt.UTC), mapping=None, assume_utc=False)
    periods = Periods(found, pseudonyms, lambda _: None, lambda _: None, hours=STEP_HOURS)
    return Folded(labelled, tuple(periods), profiles(read_accounts(labelled.accounts), pseudonyms))


def looked(traffic: Folded, without: frozenset[str], out: Path) -> Score:
    """Take every look without some views and score what they flagged."""
    running, looks = Running(), Looks(LEVEL, without=without)
    for period in traffic.periods:
        running.add(period)
        looks.look(with_profile(running.footprints(), traffic.profile), period.end_us)
    flagged = looks.campaign >= 0
    table = pa.table(
        {
            "account_id": running.footprints().account_id.cast(pa.string()),
            "flagged": pa.array(flagged),
            "campaign_id": pa.array([str(number) if number >= 0 else None for number in looks.campaign.tolist()]),
            "flagged_at": pa.array(looks.flagged_at_us, mask=looks.flagged_at_us == NEVER).cast(
                pa.timestamp("us", "UTC")
            ),
        }
    )
    pq.write_table(table, out / "accounts.parquet")
    return score(traffic.labelled, out, traffic.labelled.folder.name)


def table_of(rows: list[tuple[str, str, Score]]) -> Table:
    """Return one row a removal and folder."""
    table = Table(box=None, pad_edge=False)
    campaigns = list(dict.fromkeys(name for _, _, each in rows for name in each.recall_by_campaign))
    for name in ("left out", "traffic", "recall", *campaigns, "benign flagged", "precision", "B³ F1", "leaked"):
        table.add_column(name, justify="left" if name in ("left out", "traffic") else "right")
    for removed, folder, each in rows:
        by_campaign = [each.recall_by_campaign.get(name) for name in campaigns]
        table.add_row(
            removed,
            folder,
            f"{each.recall.value or 0:.3f}",
            *("–" if share is None else f"{share.value or 0:.3f}" for share in by_campaign),
            f"{each.wronged.hits} of {each.wronged.of:,}",
            "–" if each.precision.value is None else f"{each.precision.value:.3f}",
            f"{each.b_cubed[2]:.3f}",
            f"{each.leaked.value or 0:.3f}",
        )
    return table


def main(arguments: list[str]) -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="bench.ablation", description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, dest="as_json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows: list[tuple[str, str, Score]] = []
    for folder in options.folder:
        traffic = folded(given(folder))
        for removed, without in REMOVALS:
            with tempfile.TemporaryDirectory() as out:
                rows.append((removed, folder.name, looked(traffic, without, Path(out))))
            print(f"{folder.name}: without {removed}: recall {rows[-1][2].recall.value}", file=sys.stderr, flush=True)
    Console(width=180).print(table_of(rows))
    if options.as_json:
        told = [{"left_out": removed, **each.as_json()} for removed, _, each in rows]
        options.as_json.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
