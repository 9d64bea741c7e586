from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
from bench.labelled import simulated
from bench.quotas import of_honest, share_through, with_quotas_by_verification

from stillwatch.response.policy_file import load_policy, parse_policy

SEED = 4
MEAN = """
version: 1
name: mean
enforce: true
rules:
  - {id: few, when: 'true', reason: x, then: {limits: [{name: requests, rate: 1 request a day, burst: 3}]}}
"""


def test_refusals_of_honest_accounts_alone_are_counted_by_kind(tmp_path: Path) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    made = simulated(tmp_path / "made", benign=40, scale=0.01, days=2, seed=SEED)
    honest = {row["account_id"] for row in pq.read_table(made.truth).to_pylist() if not row["campaign"]}
    rows = [name for file in made.files() for name in pq.read_table(file)["account_id"].to_pylist()]
    found = of_honest(parse_policy(MEAN, "mean", tmp_path), made)
    assert found.exchanges == sum(name in honest for name in rows) < len(rows)
    assert 0 < found.refused == sum(found.by_kind.values()) < found.exchanges
    assert found.refused / found.exchanges < found.upper_95 < 1
    assert of_honest(load_policy(), made).refused == 0


def test_a_pools_share_falls_with_its_pace_and_rises_with_what_it_pays() -> None:
    shipped, older = load_policy(), with_quotas_by_verification()
    assert share_through(shipped, "free", "none", 1_000) > share_through(shipped, "free", "none", 3_125)
    assert share_through(older, "api", "none", 3_125) < share_through(shipped, "api", "none", 3_125) == 1.0
