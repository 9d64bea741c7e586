"""What a learnt baseline changes: errors on honest accounts by the labels, and what is seen of campaigns.

    .venv/bin/python -m bench.baseline --seed 61

History is simulated with campaigns of about 2 % of its exchanges in it, and other traffic with other seeds. On that
traffic each detector is asked with the shipped limits, with those learnt over all accounts, and with those learnt by
kind of account: the share of honest accounts whose e-value reaches 1 / level, and of campaign accounts that reach
1 / 0.01. The shipped and the learnt level of the communities are compared by what a look at the whole traffic flags.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from bench.folded import footprints_of
from bench.labelled import Labelled, given
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stillwatch.campaign.baseline import CommunityTail, community_tail
from stillwatch.campaign.detection import detect
from stillwatch.campaign.population import Population
from stillwatch.evidence.baseline import Habits, learn, weigh
from stillwatch.footprint.footprints import Footprints
from stillwatch.range.presets import DEMO, preset
from stillwatch.range.simulation import Simulation, simulate
from stillwatch.statistics.reliability import reliability

LEVELS = (0.1, 0.01, 0.001)
HISTORY_SHARE = 0.02  # Of the history's exchanges: what its campaigns send.
LEVEL = 0.05


@dataclass(frozen=True)
class Traffic:
    """Footprints with their truth."""

    footprints: Footprints
    hostile: NDArray[np.bool_]


def traffic(folder: Path, benign: int, scale: float, days: int, seed: int, *, exchanges_a_campaign: int = 0) -> Traffic:
    """Simulate, fold and read the truth."""
    campaigns = tuple(preset(name) for name in DEMO)
    if exchanges_a_campaign:
        campaigns = tuple(replace(each, accounts=30, exchanges=exchanges_a_campaign, days=days) for each in campaigns)
        scale = 1.0
    simulate(Simulation(benign=benign, scale=scale, days=days, seed=seed, campaigns=campaigns), folder)
    labelled: Labelled = given(folder)
    footprints = footprints_of(labelled)
    truth = {row["account_id"]: row["campaign"] for row in pq.read_table(labelled.truth).to_pylist()}
    hostile = np.array([truth[name] is not None for name in footprints.account_id.to_pylist()])
    return Traffic(footprints, hostile)


def reliabilities(seen: Traffic, ways: dict[str, tuple[Habits, ...]]) -> Table:
    """Return a table: detector and limits, honest accounts by level, campaign accounts at 1/0.01."""
    table = Table(title="share of honest accounts that reach 1 / level", box=None, title_justify="left")
    table.add_column("detector")
    table.add_column("limits")
    for level in LEVELS:
        table.add_column(f"{level:g}", justify="right")
    table.add_column("campaign accounts at 0.01", justify="right")
    weighed = {name: weigh(seen.footprints, habits) for name, habits in ways.items()}
    for place in range(len(next(iter(weighed.values())))):
        for name, evidence in weighed.items():
            each = evidence[place]
            honest = reliability(each.log_e[~seen.hostile], LEVELS)
            caught = reliability(each.log_e[seen.hostile], (0.01,))[0]
            cells = [f"{level.share:.4f}{'!' if level.exceeds else ''}" for level in honest]
            table.add_row(each.claim.detector if name == "shipped" else "", name, *cells, f"{caught.share:.3f}")
    return table


def flagged(seen: Traffic, tail: CommunityTail) -> list[str]:
    """Return a line for each level: what a look at everything flags."""
    lines = []
    population = Population(seen.footprints)
    for name, offset in (("shipped", 0.0), ("baseline", tail.offset_nats)):
        found = detect(population, LEVEL * float(np.exp(-offset)))
        member = np.isin(found.partition, np.flatnonzero(found.flagged))
        lines.append(
            f"{name}: offset {offset:.2f} nats; {int(found.flagged.sum())} groups flagged, "
            f"{int((member & seen.hostile).sum())} of {int(seen.hostile.sum())} campaign accounts, "
            f"{int((member & ~seen.hostile).sum())} of {int((~seen.hostile).sum())} honest ones"
        )
    return lines


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=61, help="of the history; the traffic has the next one")
    parser.add_argument("--benign", type=int, default=2000, help="honest accounts of each")
    parser.add_argument("--scale", type=float, default=0.03, help="of the traffic's campaigns")
    parser.add_argument("--days", type=int, default=14, help="length of each")
    args = parser.parse_args()
    console = Console(width=130, highlight=False)
    console.print(f"seeds {args.seed} (history) and {args.seed + 1} (traffic)")
    with tempfile.TemporaryDirectory(prefix="baseline-") as scratch:
        work = Path(scratch)
        # An honest account sends about 80 exchanges in 14 days, and cover adds a quarter to what campaigns extract.
        share = int(HISTORY_SHARE * 80 * args.benign / len(DEMO) / 1.25)
        past = traffic(work / "history", args.benign, 1.0, args.days, args.seed, exchanges_a_campaign=share)
        seen = traffic(work / "traffic", args.benign, args.scale, args.days, args.seed + 1)
    exchanges = past.footprints.integers("exchanges")
    console.print(
        f"history: {len(exchanges):,} accounts, {exchanges[past.hostile].sum() / exchanges.sum():.1%} of its exchanges "
        f"from {int(past.hostile.sum())} campaign accounts"
    )
    habits = learn(past.footprints)
    clean = learn(past.footprints.take(np.flatnonzero(~past.hostile)))
    console.print(reliabilities(seen, {"shipped": (), "clean": clean[:1], "learnt": habits[:1], "by kind": habits}))
    console.print("! = the 95% interval lies above the level. clean: learnt from the history without its campaigns.")
    tail = community_tail([core.log_e for core in detect(Population(past.footprints), LEVEL).cores])
    console.print(
        f"history's communities: {tail.communities}, quantiles {tail.quantiles}, headroom {tail.headroom_nats}"
    )
    for line in flagged(seen, tail):
        console.print(line)


if __name__ == "__main__":
    main()
