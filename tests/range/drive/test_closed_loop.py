"""The loop over real sockets: all that is sent is logged as it was simulated, and what is found is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.range.drive.client import LOST
from stillwatch.range.drive.closed_loop import ClosedLoop, Folders, LoopPlan, enforced, standings_by_rung
from stillwatch.range.drive.drill import POOL
from stillwatch.range.drive.processes import StartError, gateway, model_server, running
from stillwatch.range.drive.tally import UNSENT
from stillwatch.range.drive.traffic import composed
from stillwatch.range.rhythm import DAY_US
from stillwatch.range.simulation import Simulation

pytest.importorskip("granian", reason="the gateway needs granian: pip install 'stillwatch[wall]'")
pytest.importorskip("aiohttp", reason="the gateway needs aiohttp: pip install 'stillwatch[wall]'")

SEED = 5
KEY = bytes(range(32))
# What this test is about is the way, so that there are no quotas that refuse honest requests.
POLICY = """
version: 1
name: loop
enforce: true
rules: [{id: standing, when: rung >= OBSERVE, then: {rung: standing}, reason: It stands there.}]
"""


def test_a_pool_is_found_in_the_gateways_own_log_and_stopped_there(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201
    traffic = composed(Simulation(400, 1.0, 5, SEED, campaigns=(POOL,)))
    live_us = int(traffic.time_us[0]) // DAY_US * DAY_US + DAY_US  # The day on which the pool begins is laid there.
    laid = int(np.searchsorted(traffic.time_us, live_us + DAY_US))
    folders = Folders(tmp_path)
    folders.prepare(traffic, POLICY, KEY, laid)
    plan = LoopPlan(live_us=live_us + DAY_US, until_us=live_us + 5 * DAY_US // 2, speed=1000.0)
    with model_server(tmp_path) as upstream, gateway(tmp_path, upstream, folders.options()) as url:
        loop = ClosedLoop(traffic, plan, folders, url, Pseudonyms(KEY), lambda _look, _tally: None)
        asyncio.run(loop.run())
    status = loop.tally.status
    sent = status != UNSENT
    rows = np.flatnonzero(sent)
    assert rows.tolist() == list(range(laid, laid + len(rows)))
    assert LOST not in status[sent]

    logged = pa.concat_tables([pq.read_table(path) for path in sorted(folders.log.glob("exchanges-*.parquet"))])
    assert logged.num_rows == len(rows)
    assert "prompt" not in logged.column_names
    was = traffic.exchanges.take(pa.array(rows))
    for name in ("timestamp", "account_id", "tls_ja4", "client_asn", "turn"):
        got, want = (sorted(map(str, table[name].to_pylist())) for table in (logged, was))
        assert got == want, name
    assert sorted(logged["status"].to_pylist()) == sorted(status[sent].tolist())

    assert loop.looks[0].members > 0
    look = loop.looks[-1]
    assert look.members > 60 and look.others <= 1
    assert laid <= look.begin_row <= look.force_row <= rows[-1]
    assert standings_by_rung(folders.standings)["verify"] >= look.members
    after = np.arange(len(traffic)) >= look.force_row
    stopped = loop.tally.count(traffic.extraction & after)
    assert stopped.sent > 100 and stopped.barred > 0.8 * stopped.sent
    honest = loop.tally.count(~traffic.hostile)
    assert honest.sent > 500 and honest.refused <= 0.01 * honest.sent
    flagged = np.isin(traffic.exchanges["account_id"].to_numpy(zero_copy_only=False), sorted(loop.flagged))
    assert not (status[sent & ~flagged] == 403).any() or (was["status"].to_numpy() == 403).any()


def test_a_program_that_does_not_start_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="no such thing"),
        running(["sh", "-c", "echo no such thing; exit 3"], tmp_path / "said.txt", lambda: False),
    ):
        pass


def test_only_the_policy_that_comes_along_is_turned_on() -> None:
    assert "\nenforce: true\n" in enforced("version: 1\nenforce: false\nrules: []\n")
    with pytest.raises(ValueError, match="not the policy"):
        enforced(POLICY)


def test_a_loop_drives_no_other_machine(tmp_path: Path) -> None:
    traffic = composed(Simulation(100, 0.1, 4, SEED, campaigns=(replace(POOL, days=1),)))
    folders = Folders(tmp_path)
    with pytest.raises(ValueError, match="not this machine"):
        ClosedLoop(traffic, LoopPlan(), folders, "http://192.0.2.1:80", Pseudonyms(KEY), lambda _look, _tally: None)
