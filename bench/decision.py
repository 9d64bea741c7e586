"""Times the decision on one request, with a million standings and the default policy, and counts its memory.

    .venv/bin/python -m bench.decision
    .venv/bin/python -m bench.decision --accounts 100000 --json

Beside it, in the same run: a hand-written decision, which looks an account up in a dict and goes through a chain of
ifs, with one bucket an account. It knows no policy file, no shadow and no actor, and is what the decision is paid for.
Each figure is the median of several passes over the same requests; one pass is timed request by request.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from stillwatch.response.decision import Decider
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.policy_file import load_policy
from stillwatch.response.request import Request
from stillwatch.response.standing import Reloading, Standings, write_snapshot

NOW_US = 1_800_000_000_000_000
DAY_US = 86_400_000_000
COUNTRIES = ("DE", "US", "FR", "IN", "BR", "JP", "KP")
LEVELS = ("", "none", "phone", "id")
PERCENTILES = (50, 90, 99, 99.9)


def made(accounts: int, seed: int) -> Standings:
    """Return a table in which one account in fifty is in one of a hundred campaigns."""
    draws = np.random.default_rng(seed)
    account = np.unique(draws.integers(0, 2**64, accounts + accounts // 100, dtype=np.uint64))[:accounts]
    rows = len(account)
    campaign = np.where(draws.random(rows) < 0.02, draws.integers(1, 101, rows), 0)
    evidence = draws.uniform(3, 15, 101)
    return Standings(
        {
            "account": account,
            "actor": np.where(campaign > 0, campaign.astype(np.uint64), account),
            "campaign": campaign,
            "rung": (campaign > 0).astype(np.uint8),
            "evidence_nats": np.where(campaign > 0, evidence[campaign], 0.0),
            "membership_nats": np.where(campaign > 0, draws.uniform(-1, 5, rows), 0.0),
            "verification": draws.integers(0, len(LEVELS), rows),
            "created_us": NOW_US - draws.integers(0, 900, rows) * DAY_US,
            "since_us": np.where(campaign > 0, NOW_US - 3 * DAY_US, 0),
        },
        {"campaign": ["", *(f"campaign-{k}" for k in range(100))], "verification": LEVELS},
        NOW_US,
    )


def asked(table: Standings, requests: int, seed: int) -> list[Request]:
    """Return requests of accounts drawn evenly, one in ten unknown to the table."""
    draws = np.random.default_rng(seed + 1)
    known = table.columns["account"][draws.integers(0, len(table), requests)]
    unknown = draws.integers(0, 2**64, requests, dtype=np.uint64)
    account = np.where(draws.random(requests) < 0.1, unknown, known).tolist()
    country = draws.choice(len(COUNTRIES), requests, p=[0.3, 0.3, 0.15, 0.1, 0.09, 0.05, 0.01]).tolist()
    asn = draws.choice([0, 3320, 14061, 7922], requests).tolist()
    tokens = draws.integers(1, 4000, requests).tolist()
    return [
        Request(account[k], NOW_US, input_tokens=tokens[k], country=COUNTRIES[country[k]], asn=asn[k])
        for k in range(requests)
    ]


class ByHand:
    """The reference: a dict and a chain of ifs, written for these rules alone."""

    def __init__(self, table: Standings) -> None:
        """Put what the chain needs of each account into a dict."""
        columns = table.columns
        self._held = dict(
            zip(
                columns["account"].tolist(),
                zip(
                    columns["evidence_nats"].tolist(),
                    columns["campaign"].tolist(),
                    columns["verification"].tolist(),
                    strict=True,
                ),
                strict=True,
            )
        )
        self._buckets: dict[int, float] = {}

    def decide(self, request: Request, now_us: int) -> int:
        """Return a status."""
        evidence, campaign, level = self._held.get(request.account, (0.0, 0, 0))
        if request.country in ("CU", "IR", "KP"):
            return 403
        if campaign and evidence >= 9.2:
            return 403
        rate = 1.0 if level < 2 else 2.0
        full = max(self._buckets.get(request.account, 0.0), now_us) + 1e6 / rate
        if full - now_us > 120e6 / rate:
            return 429
        self._buckets[request.account] = full
        return 206 if campaign and evidence >= 6.9 else 200


def timed(decide: Callable[[Request, int], object], requests: list[Request], passes: int) -> dict[str, float]:
    """Return microseconds a request: the median pass's mean, percentiles of a last pass, and of its processor time.

    On a machine that is shared, the time on the clock says as much about the neighbours as about the decision; the
    processor time of the thread does not count when it had to wait.
    """
    means = []
    clock, processor = time.perf_counter_ns, time.thread_time_ns
    gc.collect()
    for number in range(passes):
        begun = clock()
        for place, request in enumerate(requests):
            decide(request, NOW_US + number * 1_000_000 + place)
        means.append((clock() - begun) / len(requests) / 1e3)
    single, used = np.empty(len(requests)), np.empty(len(requests))
    for place, request in enumerate(requests):
        worked, begun = processor(), clock()
        decide(request, NOW_US + passes * 1_000_000 + place)
        single[place], used[place] = clock() - begun, processor() - worked
    found = {"mean_us": statistics.median(means)}
    found |= {f"p{percent:g}_us": float(np.percentile(single, percent)) / 1e3 for percent in PERCENTILES}
    return found | {f"processor p{percent:g}_us": float(np.percentile(used, percent)) / 1e3 for percent in (50, 99)}


def resident_bytes() -> int:
    """Return what the process holds in memory, as Linux counts it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def measured(accounts: int, requests: int, passes: int, seed: int) -> dict[str, object]:
    """Return all figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standings"
        table = made(accounts, seed)
        facts = asked(table, requests, seed)
        write_snapshot(path, table)
        by_hand = ByHand(table)
        del table
        figures = {"by hand": timed(by_hand.decide, facts, passes)}
        del by_hand  # Else the collector of garbage would walk through its millions of objects in the others' time.
        gc.collect()
        before = resident_bytes()
        begun = time.perf_counter()
        held = Reloading(path)
        load_s = time.perf_counter() - begun
        memory = resident_bytes() - before
        policy = load_policy()
        counters = MemoryCounters()
        figures["in shadow, as shipped"] = timed(Decider(policy, held).decide, facts, passes)
        enforced = Decider(policy.as_enforced(also_shadow=True), held, counters)
        figures["enforced"] = timed(enforced.decide, facts, passes)
        return {
            "accounts": len(held.standings),
            "requests": requests,
            "seed": seed,
            "load_s": load_s,
            "table_bytes_an_account": held.standings.bytes_held / len(held.standings),
            "resident_bytes_an_account": memory / len(held.standings),
            "buckets": len(counters),
            "figures": figures,
        }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0] if __doc__ else "", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    found = measured(options.accounts, options.requests, options.passes, options.seed)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    figures = found["figures"]
    assert isinstance(figures, dict)
    reference = figures["by hand"]
    table = Table(title=f"{found['accounts']:,} standings, {found['requests']:,} requests, seed {found['seed']}; µs")
    names = [name.removesuffix("_us") for name in reference]
    for name in ("decision", *names, "p50 to by hand"):
        table.add_column(name, justify="left" if name == "decision" else "right")
    for name, row in figures.items():
        ratio = row["p50_us"] / reference["p50_us"]
        table.add_row(name, *(f"{value:.1f}" for value in row.values()), f"{ratio:.1f}")
    Console(width=120).print(table)
    print(
        f"memory: {found['table_bytes_an_account']:.0f} bytes an account in the table, "
        f"{found['resident_bytes_an_account']:.0f} resident; loaded in {found['load_s']:.2f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
