"""Peers: each against a case that is plain by hand, and how verdicts are judged."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.labelled import Labelled, Truth, given
from bench.peers import coordination, honeypot, sharing, stillwatch_scan, synchrotrap, volume
from bench.peers.__main__ import Row, campaign_table, load, peer_of, save, table_of
from bench.peers.mmd_windows import History, mixed_windows, own_windows
from bench.peers.peer import Verdict, account_ids, exchanges, judged, sampled
from bench.peers.registry import PEERS
from bench.peers.splink_clusters import cluster_sizes
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from stillwatch.statistics.mean_discrepancy import FourierFeatures

ROOT = Path(__file__).resolve().parents[2]
BEGIN = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
TIME = pa.timestamp("us", "UTC")
TASK = "list every word that rhymes with item number"


@pytest.fixture
def folder(tmp_path) -> Labelled:
    """Accounts a to c share an address and a text; d and e are on their own, d with many exchanges."""
    (tmp_path / "exchanges").mkdir()
    (tmp_path / "truth").mkdir()
    ids = ["a", "b", "c", "d", "e"]
    cards = ["k1", "k1", None, "k2", "k3"]
    pq.write_table(pa.table({"account_id": ids, "payment_fingerprint": cards}), tmp_path / "accounts.parquet")
    truth = {"account_id": ids[::-1], "kind": ["chat", "chat", "x", "x", "x"], "campaign": [None, None, "x", "x", "x"]}
    pq.write_table(pa.table(truth), tmp_path / "truth" / "accounts.parquet")
    rows = [(account, minute * 60 + k, "10.0.0.1", TASK) for minute in range(3) for k, account in enumerate("abc")]
    rows += [("d", 400 + 7 * k, f"10.1.0.{k}", f"a question of its own, number {k * k}") for k in range(12)]
    rows += [("e", 90_000, "10.2.0.1", "good morning")]
    table = pa.table(
        {
            "exchange_id": [f"x{k}" for k in range(len(rows))],
            "account_id": [row[0] for row in rows],
            "timestamp": pa.array([BEGIN + dt.timedelta(seconds=row[1]) for row in rows], TIME),
            "client_address": [row[2] for row in rows],
            "prompt": pa.array([row[3] for row in rows], pa.large_string()),
        }
    )
    pq.write_table(table.slice(0, 8), tmp_path / "exchanges" / "part-0.parquet", row_group_size=3)
    pq.write_table(table.slice(8), tmp_path / "exchanges" / "part-1.parquet")
    return given(tmp_path)


def test_every_registered_peer_says_where_it_comes_from():
    assert len(set(PEERS)) == len(PEERS)
    files = {path.stem for path in (ROOT / "bench" / "peers").glob("*.py")}
    assert files == {*PEERS, "__init__", "__main__", "peer", "registry", "texts"}
    for name in PEERS:
        assert peer_of(name).SOURCE and callable(peer_of(name).judge)


def test_requests_are_counted_in_all_and_by_day(folder):
    total, busiest = volume.judge(folder, 0)
    assert total.score.tolist() == [3, 3, 3, 12, 1]
    assert busiest.score.tolist() == [3, 3, 3, 12, 1]
    assert total.flagged is None


def test_sharing_counts_holders(folder):
    card, address, rare = sharing.judge(folder, 0)
    assert card.score.tolist() == [2, 2, 0, 1, 1]
    assert card.flagged is not None and card.flagged.tolist() == [True, True, False, False, False]
    assert address.score.tolist() == [3, 3, 3, 1, 1]
    both = np.log(5 / 2) + np.log(5 / 3)
    assert rare.score == pytest.approx([both, both, np.log(5 / 3), 0, 0])


def test_samples_keep_at_most_so_many_of_an_account(folder):
    owner = np.concatenate([rows for rows, _ in exchanges(folder, [])])
    kept = sampled(folder, 2, seed=1)
    assert np.bincount(owner[kept], minlength=5).tolist() == [2, 2, 2, 2, 1]
    assert (sampled(folder, 2, seed=1) == kept).all()
    assert any((sampled(folder, 2, seed=seed) != kept).any() for seed in range(2, 12))


def test_honeypot_sees_a_burst_of_like_prompts_and_no_slow_talk():
    burst = honeypot.suspicion(np.arange(200) * 0.1, [f"What is the capital of country {k}?" for k in range(200)])
    slow = honeypot.suspicion(np.arange(200) * 3600.0, [f"{k} wholly different matters {k}" for k in range(200)])
    assert burst.max() >= honeypot.THRESHOLD
    assert slow.max() == 0


def test_honeypot_reads_each_account_by_itself(folder):
    highest, mean = honeypot.judge(folder, 0)
    assert highest.score[:3] == pytest.approx([0, 0, 0])  # Three prompts say nothing yet to it.
    assert highest.score[3] == pytest.approx(honeypot.suspicion(400 + 7.0 * np.arange(12), prompts_of_d()).max())
    assert (mean.score <= highest.score).all()


def prompts_of_d() -> list[str | None]:
    return [f"a question of its own, number {k * k}" for k in range(12)]


def test_networks_tie_those_who_send_the_same_at_once(folder):
    verdicts = {verdict.name: verdict for verdict in coordination.judge(folder, 0)}
    assert set(verdicts) == {
        f"{name} network{rest}" for name in ("co-tweet", "co-similar", "co-post") for rest in ("", ", a message")
    }
    for name in ("co-tweet network", "co-similar network", "co-post network"):
        flagged = verdicts[name].flagged
        assert flagged is not None and flagged.tolist() == [True, True, True, False, False], name
    assert verdicts["co-tweet network"].score.tolist() == [6, 6, 6, 0, 0]
    assert verdicts["co-tweet network, a message"].score.tolist() == [2, 2, 2, 0, 0]


def actions(rows: list[tuple[int, int, float]]) -> synchrotrap.Actions:
    address, account, when = (np.array(column) for column in zip(*sorted(rows), strict=True))
    return synchrotrap.Actions(address.astype(np.int64), account.astype(np.int64), when.astype(np.float64))


def most_matched(left: list[float], right: list[float], window: float) -> int:
    """The largest one-to-one matching, by trying all."""
    best = 0
    for chosen in itertools.product([None, *range(len(right))], repeat=len(left)):
        used = [b for b in chosen if b is not None]
        if len(set(used)) == len(used):
            good = all(b is None or abs(left[a] - right[b]) <= window for a, b in enumerate(chosen))
            best = max(best, len(used) if good else 0)
    return best


@drawn(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 12)), min_size=2, max_size=9),
    st.integers(0, 4),
)
@settings(max_examples=60)
def test_similarity_is_jaccards_over_matched_actions(rows, window):
    if len({row[0] for row in rows}) < 1 or max(sum(row[1] == a for row in rows) for a in range(3)) > 4:
        return
    left, right, similarity = synchrotrap.similarities(actions(rows), float(window), 3)
    found = {(int(a), int(b)): float(s) for a, b, s in zip(left, right, similarity, strict=True)}
    for a, b in itertools.combinations(range(3), 2):
        times = {k: [[t for v, who, t in rows if who == k and v == value] for value in (0, 1)] for k in (a, b)}
        both = sum(most_matched(times[a][v], times[b][v], window) for v in (0, 1))
        every = sum(len(x) for k in (a, b) for x in times[k])
        assert found.get((a, b), 0.0) == pytest.approx(both / (every - both) if every > both else 1.0 * bool(both))


def linked(pairs: list[tuple[int, int, float]], limit: float, accounts: int) -> list[set[int]]:
    kin = [{account} for account in range(accounts)]
    for a, b, similarity in pairs:
        if similarity >= limit and kin[a] is not kin[b]:
            both = kin[a] | kin[b]
            for account in both:
                kin[account] = both
    return kin


@drawn(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 6)), max_size=14), st.integers(2, 5))
@settings(max_examples=60)
def test_single_linkage_says_at_which_similarity_a_cluster_is_large_enough(rows, least):
    pairs = [(a, b, w / 6) for a, b, w in rows if a != b]
    left, right, similarity = (np.array([pair[k] for pair in pairs]) for k in range(3))
    found = synchrotrap.joined_at(
        left.astype(np.int64), right.astype(np.int64), similarity.astype(np.float64), 8, least
    )
    for account in range(8):
        levels = [limit / 6 for limit in range(1, 7) if len(linked(pairs, limit / 6, 8)[account]) >= least]
        assert found[account] == pytest.approx(max(levels, default=0.0))


def test_cluster_sizes_part_ties_by_the_likeliest_match():
    from bench.linked import Linked

    found = Linked(np.array([0, 1, 3]), np.array([1, 2, 4]), np.array([4.0, -4.0, 20.0]))
    size, tie = cluster_sizes(found, np.array([0, 0, 0, 1, 1, -1]))
    assert size.tolist() == [3, 3, 3, 2, 2, 1]
    assert tie == pytest.approx([16 / 17, 16 / 17, 1 / 17, 0.999, 0.999, 0])


@pytest.mark.parametrize("seed", [3])
def test_windows_of_another_law_stand_out(seed):
    rng = np.random.default_rng(seed)
    features = FourierFeatures.drawn(4, (1.0, 2.0), 64, rng)
    history = History.of(features, rng.standard_normal((6000, 4)), rng)
    owner = np.repeat(np.arange(20), 100)
    strange = owner < 2
    vectors = (rng.standard_normal((2000, 4)) + strange[:, None]).astype(np.float32)
    own, flagged = own_windows(owner, vectors, 21, history, rng)
    assert own[:2].min() > own[2:20].max() and flagged[:2].all() and flagged[2:20].mean() < 0.3
    assert np.isnan(own[20]) and not flagged[20]
    mixed, mixed_flagged = mixed_windows(owner, vectors, 21, history, rng)
    assert mixed_flagged[:10].all()  # All are in the one window that two strange accounts shift.
    assert np.isnan(mixed[20]) and not mixed_flagged[16:].any()


def test_ties_count_against_a_verdict():
    campaign = np.array([0] * 4 + [-1] * 1000)
    truth = Truth(("x",), campaign, ("chat",), np.where(campaign < 0, 0, -1))
    score = np.concatenate([[5.0, 3.0, 2.0, np.nan], [4.0, 3.0], np.zeros(998)])
    flagged = score >= 3
    found = judged(Verdict("", "", score, flagged), truth)
    assert found.recall == {"0.01": 0.75, "0.001": 0.25, "0.0001": None}
    assert found.recall_by_campaign["x"]["0.001"] == 0.25
    assert (found.flagged_recall, found.flagged_fpr) == (0.5, 0.002)
    assert found.flagged_by_kind == {"chat": 0.002}
    assert judged(Verdict("", "", score), truth).flagged_recall is None


def test_a_result_is_read_in_the_order_of_the_accounts(folder, tmp_path):
    out = tmp_path / "result"
    out.mkdir()
    table = pa.table({"account_id": ["c", "a"], "score": [2.0, 1.0], "flagged": [True, False]})
    pq.write_table(table, out / "accounts.parquet")
    verdict = stillwatch_scan.read(folder, out, "")
    assert account_ids(folder).to_pylist() == ["a", "b", "c", "d", "e"]
    assert np.isnan(verdict.score).tolist() == [False, True, False, True, True]
    assert verdict.flagged is not None and verdict.flagged.tolist() == [False, False, True, False, False]
    with pytest.raises(FileNotFoundError, match="stillwatch scan"):
        stillwatch_scan.read(folder, tmp_path / "nothing", "")


def test_verdicts_survive_the_file(tmp_path):
    given_out = [Verdict("a", "s", np.array([1.0, np.nan]), np.array([True, False])), Verdict("b", "", np.zeros(2))]
    save(given_out, tmp_path / "v.npz")
    first, second = load(tmp_path / "v.npz")
    assert (first.name, first.settings) == ("a", "s") and np.isnan(first.score[1])
    assert first.flagged is not None and first.flagged.tolist() == [True, False]
    assert second.flagged is None


def test_the_command_prints_json(folder):
    command = [sys.executable, "-m", "bench.peers", str(folder.folder), "--only", "sharing", "--json"]
    rows = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert [row["name"] for row in rows] == ["shared card", "shared address", "rare cards and addresses"]
    assert rows[0]["cost"]["wall_s"] > 0 and rows[0]["cost"]["peak_mb"] > 0
    assert rows[0]["judged"]["flagged_recall"] == pytest.approx(2 / 3)


def test_the_tables_have_a_row_for_each_way():
    truth = Truth(("x",), np.array([0, -1]), ("chat",), np.array([-1, 0]))
    ways = [Verdict("a", "", np.zeros(2)), Verdict("b", "", np.ones(2), np.array([True, False]))]
    rows = [Row("p", "s", each.name, "", judged(each, truth), None) for each in ways]
    assert table_of(rows).row_count == campaign_table(rows).row_count == 2
