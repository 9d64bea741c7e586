"""What the view of complementarity says of labelled traffic, of real people, and of a public prompt set dealt out.

    .venv/bin/python -m bench.complementarity [DIR …] [--real FILE] [--seeds N …]

DIR: folders of labelled traffic. Each campaign, and each kind of honest account, is a group as the truth has it; so are
the communities that a scan would draw. FILE: real logs with accounts, times and prompts. Groups of people are drawn at
random, for whom the mean e-value should be at most 1. Always: accounts that deal one public set out among them, beside
as many that each ask a random part of it, and researchers who know some of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench.folded import KEY, footprints_of
from bench.labelled import Labelled, given
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stillwatch.campaign.detection import content, identity
from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.complementarity import overlap, view
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import EMPTY, HOUR_US, WHOLE_PROMPTS, Footprints, blank

SPEAKS_NATS = 1.5
PUBLIC_PROMPTS = 8_000
GROUP_ACCOUNTS = 50
STRANGERS = 500


def row_of(groups: Groups) -> tuple[str, ...]:
    """Return what the view says of one group, and of what."""
    found = overlap(groups)
    assert found is not None
    draws = found.draws
    return (
        f"{int(groups.sizes[0]):,}",
        f"{int(draws.sum()):,}",
        f"{(found.expected * draws).sum():.2f}",
        f"{(found.repeated * draws).sum():.0f}",
        f"{view.capped(groups)[0]:+.2f}",
    )


def labelled(folder: Labelled) -> list[Table]:
    """Return a table of the groups of the truth, and one of drawn communities."""
    population = Population(footprints_of(folder))
    truth = {row["account_id"]: row for row in pq.read_table(folder.truth).to_pylist()}
    rows = [truth[name] for name in population.footprints.account_id.to_pylist()]
    campaign = np.array([row["campaign"] is not None for row in rows])
    kind = np.array([row["campaign"] or row["kind"] for row in rows])
    by_kind = _table(f"{folder.folder.name}: groups of the truth", "group", "accounts", *_SAID)
    for name in sorted(set(kind[campaign])) + sorted(set(kind[~campaign])):
        one = Groups(population, np.where(kind == name, 0, -1))
        by_kind.add_row(f"{name} (campaign)" if campaign[kind == name].any() else name, *row_of(one))
    drawn = _table(f"{folder.folder.name}: drawn communities", "drawn by", *_MANY)
    for name, partition in (("identity", identity(population)), ("content", content(population))):
        drawn.add_row(name, *_many(Groups(population, partition)))
    return [by_kind, drawn]


def real(path: Path, seeds: list[int]) -> Table:
    """Return what the view says of random groups of real people."""
    exchanges = pq.read_table(path, columns=["timestamp", "account_id", "prompt"])
    pseudonyms = Pseudonyms(KEY)
    first_us = exchanges["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy().min()
    folding = Folding(
        lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, int(first_us) // HOUR_US * HOUR_US
    )
    population = Population(fold_footprints(exchanges, folding))
    table = _table(f"{path.name}: random groups of {len(population):,} people", "accounts each", *_MANY)
    for size in (4, 10, 30, 100):
        partitions = []
        for seed in seeds:
            order = np.random.default_rng(seed).permutation(len(population))
            partition = np.full(len(population), -1)
            partition[order[: len(order) // size * size]] = np.arange(len(order) // size * size) // size
            partitions.append(partition)
        table.add_row(str(size), *_many(*(Groups(population, partition) for partition in partitions)))
    return table


def dealt(seeds: list[int]) -> Table:
    """Return where the view can speak: by how much of a public set a group asks, and by how many others know it."""
    table = _table(
        f"A public set of {PUBLIC_PROMPTS:,} prompts, {GROUP_ACCOUNTS} accounts, {len(seeds)} seeds",
        *("researchers", "prompts each", "asked by the group", "dealt out: nats", "speaks", "each at random: nats"),
        "speaks",
    )
    for researchers in (1, 3, 10, 30):
        for prompts in (1_000, 100):
            for share in (1.0, 0.5, 0.2, 0.05):
                nats = np.array(
                    [[_scene(seed, researchers, prompts, share, d) for d in (True, False)] for seed in seeds]
                )
                cells = [[f"{nats[:, k].mean():+.2f}", f"{(nats[:, k] >= SPEAKS_NATS).mean():.0%}"] for k in (0, 1)]
                table.add_row(f"{researchers}", f"{prompts:,}", f"{share:.0%}", *cells[0], *cells[1])
    return table


def _scene(seed: int, researchers: int, prompts: int, share: float, dealt_out: bool) -> float:
    """Return the view's nats of one group of which each account asks as many prompts of the public set."""
    generator = np.random.default_rng(seed)
    public = generator.integers(0, 2**64 - 1, PUBLIC_PROMPTS, np.uint64)
    each = int(share * PUBLIC_PROMPTS) // GROUP_ACCOUNTS
    asked = generator.permutation(public)
    lists = [
        asked[k * each : (k + 1) * each] if dealt_out else generator.choice(public, each, replace=False)
        for k in range(GROUP_ACCOUNTS)
    ]
    lists += [generator.choice(public, prompts, replace=False) for _ in range(researchers)]
    lists += [generator.integers(0, 2**64 - 1, 40, np.uint64) for _ in range(STRANGERS)]
    population = Population(_footprints(lists))
    return float(view.capped(Groups(population, np.where(np.arange(len(lists)) < GROUP_ACCOUNTS, 0, -1)))[0])


def _footprints(lists: list[NDArray[np.uint64]]) -> Footprints:
    footprints = blank(pa.array([f"{k:06d}" for k in range(len(lists))], pa.large_string()), 0)
    for row, hashes in enumerate(lists):
        least = np.unique(hashes[hashes != EMPTY])[:WHOLE_PROMPTS]
        footprints.arrays["whole_prompts"][row, : len(least)] = least
    return footprints


_SAID = ("prompts due again", "repeats expected", "repeats", "nats")
_MANY = ("groups", "with prompts due again", "mean e", "most nats", "speak")


def _many(*partitions: Groups) -> tuple[str, ...]:
    nats = np.concatenate([view.capped(groups) for groups in partitions])
    known = sum(len(np.unique(found.group)) for found in map(overlap, partitions) if found is not None)
    speak = int((nats >= SPEAKS_NATS).sum())
    return f"{len(nats):,}", f"{known:,}", f"{np.exp(nats).mean():.3f}", f"{nats.max():+.2f}", f"{speak:,}"


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def main(arguments: list[str]) -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="bench.complementarity", description=__doc__)
    parser.add_argument("folder", nargs="*", type=Path)
    parser.add_argument("--real", type=Path, metavar="FILE")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 11)), metavar="N")
    options = parser.parse_args(arguments)
    print(f"seeds: {options.seeds}")
    tables = [each for folder in options.folder for each in labelled(given(folder))]
    tables += [real(options.real, options.seeds)] if options.real else []
    for table in [*tables, dealt(options.seeds)]:
        Console(width=140).print(table)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
