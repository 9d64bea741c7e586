"""The quotas of the policy that comes along: whom do they refuse, and what does a pool of fresh accounts still get?

    .venv/bin/python -m bench.quotas --traffic FOLDER
    .venv/bin/python -m bench.quotas --seed 902 --benign 4000 --days 28

Honest accounts of labelled traffic, or of a simulation, meet the policy as enforced; no scan has flagged anybody, so
that all that refuses is quotas and regions. Then one fresh account sends exchanges at an even pace for a week, as every
account of a pool would: quotas are by account, so that one stands for all. What the policy does about pools as such,
the budget of an actor, is no part of this.

The reference is the policy's older form, one quota for all plans, by verification alone (``BY_VERIFICATION``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from bench.labelled import Labelled, given, simulated
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from stillwatch.exchange.discovery import discover
from stillwatch.exchange.reading import parts
from stillwatch.response.decision import Decider
from stillwatch.response.policy import Policy
from stillwatch.response.policy_file import DEFAULT_POLICY, load_policy, parse_policy
from stillwatch.response.profiles import read_profiles
from stillwatch.response.replay import PASSED, replay
from stillwatch.response.request import Request
from stillwatch.response.standing import Standings
from stillwatch.response.traffic import TrafficGathering

MAY_BE_REFUSED = 1e-4
DAY_US = 86_400_000_000
POOL_DAYS = 7
TOKENS = (250, 450)  # Read and written by an exchange of a pool.
PACES = (10, 100, 1_000, 3_125, 20_000)  # Exchanges a day and account; 3,125: eight accounts, 100,000 in four days.
HOLDERS = (("free", "none"), ("free", "phone"), ("pro", "none"), ("api", "none"))
BY_VERIFICATION = """
- {id: quota-unverified, when: 'verification != "phone"', reason: old, then: {limits: [
    {name: requests, rate: 60 requests a minute, burst: 120},
    {name: tokens, rate: 3_000_000 tokens a day, burst: 1_500_000}]}}
- {id: quota-phone, when: 'verification == "phone"', reason: old, then: {limits: [
    {name: requests, rate: 120 requests a minute, burst: 240},
    {name: tokens, rate: 10_000_000 tokens a day, burst: 5_000_000}]}}
- {id: quota-proven, when: verification in proven, reason: old, then: {limits: [
    {name: requests, rate: 600 requests a minute, burst: 1_200},
    {name: tokens, rate: 200_000_000 tokens a day, burst: 50_000_000}]}}
- {id: warm-up, when: 'account_age_days >= 0 && account_age_days < 3 && !(verification in proven)', reason: old, then: {
    limits: [{name: requests, rate: 30 requests a minute, burst: 90},
    {name: tokens, rate: 1_000_000 tokens a day, burst: 500_000}]}}
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """What quotas refuse of honest traffic."""

    exchanges: int
    refused: int
    accounts: int
    by_kind: Mapping[str, int]

    @property
    def upper_95(self) -> float:
        """The upper end of the 95 % interval of Clopper and Pearson, as if exchanges were independent."""
        return float(beta.ppf(0.975, self.refused + 1, self.exchanges - self.refused))


def with_quotas_by_verification() -> Policy:
    """Return the policy that comes along with its quotas as they once were."""
    held = yaml.safe_load(DEFAULT_POLICY.read_text("utf-8"))
    rules = [rule for rule in held["rules"] if set(rule["then"]) != {"limits"}]
    text = yaml.safe_dump(held | {"rules": rules + yaml.safe_load(BY_VERIFICATION)}, sort_keys=False)
    return parse_policy(text, "the older quotas", DEFAULT_POLICY.parent)


def of_honest(policy: Policy, made: Labelled) -> Refused:
    """Replay a folder's exchanges, and count what is refused of accounts in no campaign."""
    gathering = TrafficGathering()
    for part in parts(discover([str(made.exchanges)]), now=dt.datetime.now(dt.UTC)):
        gathering.add(part.read().exchanges)
    traffic = gathering.traffic()
    kinds = {row["account_id"]: row["kind"] for row in pq.read_table(made.truth).to_pylist() if not row["campaign"]}
    replayed = replay(policy.as_enforced(also_shadow=False), traffic, {}, read_profiles(made.accounts))
    owner, names = traffic.codes["account"], traffic.names["account"]
    honest = np.array([name in kinds for name in names])[owner]
    refused = honest & (replayed.outcome != PASSED)
    by_kind: dict[str, int] = {}
    for place, count in zip(*np.unique(owner[refused], return_counts=True), strict=True):
        kind = kinds[names[int(place)]]
        by_kind[kind] = by_kind.get(kind, 0) + int(count)
    return Refused(int(honest.sum()), int(refused.sum()), len(np.unique(owner[refused])), by_kind)


def share_through(policy: Policy, plan: str, verification: str, pace: int) -> float:
    """Return the share of a fresh account's exchanges that pass in its first days, at an even pace a day."""
    decider = Decider(policy.as_enforced(also_shadow=False), Standings({"account": np.zeros(0, np.uint64)}, {}))
    begun_us, passed, sent = 20_000 * DAY_US, 0, pace * POOL_DAYS
    for number in range(sent):
        now_us = begun_us + number * DAY_US // pace
        age_s = (now_us - begun_us) // 1_000_000
        asked = Request(1, now_us, "m", TOKENS[0], 0, plan=plan, verification=verification, account_age_s=age_s)
        command = decider.decide(asked, now_us)
        if command.refusal is None:
            passed += 1
            decider.settle(command, sum(TOKENS), now_us)
    return passed / sent


def measure(made: Labelled) -> dict[str, Any]:
    """Measure both policies on a folder, and on pools."""
    result: dict[str, Any] = {}
    for name, policy in {"shipped": load_policy(), "by verification alone": with_quotas_by_verification()}.items():
        honest = of_honest(policy, made)
        result[name] = {
            "honest": {"exchanges": honest.exchanges, "refused": honest.refused, "accounts": honest.accounts}
            | {"upper_95": honest.upper_95, "by_kind": dict(honest.by_kind)},
            "pool": {
                f"{plan}, {verification}": {
                    str(pace): share_through(policy, plan, verification, pace) for pace in PACES
                }
                for plan, verification in HOLDERS
            },
        }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print what was measured, and whether it is what was asked for."""
    for name, found in result.items():
        honest = found["honest"]
        share = honest["refused"] / honest["exchanges"]
        met = "met" if share <= MAY_BE_REFUSED else "NOT MET"
        console.print(
            f"{name}: {met}: {honest['refused']:,} of {honest['exchanges']:,} honest exchanges refused"
            f" ({share:.2g}, at most {honest['upper_95']:.2g} at 95 %; asked for {MAY_BE_REFUSED:g}),"
            f" of {honest['accounts']} accounts: {honest['by_kind'] or 'nobody'}",
            markup=False,
        )
        table = Table(f"{name}: a fresh account's first {POOL_DAYS} days, %", *(f"{pace:,} a day" for pace in PACES))
        for holder, shares in found["pool"].items():
            table.add_row(holder, *(f"{100 * share:.1f}" for share in shares.values()))
        console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traffic", type=Path, help="folder of labelled traffic, in place of a simulation")
    parser.add_argument("--seed", type=int, default=902)
    parser.add_argument("--benign", type=int, default=4000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--json", type=Path, help="write the result there too")
    asked = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, width=120)
    with tempfile.TemporaryDirectory(prefix="stillwatch-quotas-") as name:
        if asked.traffic is None:
            console.print(f"simulation, seed {asked.seed}, {asked.benign:,} honest accounts, {asked.days} days")
            made = simulated(Path(name), benign=asked.benign, scale=0.01, days=asked.days, seed=asked.seed)
        else:
            console.print(f"traffic {asked.traffic}", markup=False)
            made = given(asked.traffic)
        result = measure(made)
    show(result, console)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n")
    honest = result["shipped"]["honest"]
    sys.exit(0 if honest["refused"] <= MAY_BE_REFUSED * honest["exchanges"] else 1)


if __name__ == "__main__":
    main()
