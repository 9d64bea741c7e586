from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.case.campaign_case import Scan
from stillwatch.case.summary import summary
from stillwatch.store import results
from stillwatch.store.columns import RESULT_ACCOUNTS, RESULT_CAMPAIGNS
from stillwatch.store.results import read_results, result_accounts, write_results

FILES = ["accounts.parquet", "campaigns.parquet", "report.html", "summary.json"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_result_comes_back_as_it_was(tmp_path: Path, scan: Scan, accounts: pa.Table) -> None:
    write_results(tmp_path / "out", scan, accounts)
    assert names(tmp_path / "out") == FILES
    back = read_results(tmp_path / "out")
    assert back.accounts.equals(accounts)
    assert back.summary == summary(scan)
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_campaigns_hold_all_figures(tmp_path: Path, scan: Scan, accounts: pa.Table) -> None:
    write_results(tmp_path, scan, accounts)
    table = read_results(tmp_path).campaigns
    assert table.schema.equals(RESULT_CAMPAIGNS)
    row, campaign = table.to_pylist()[0], scan.campaigns[0]
    assert row["accounts"] == len(campaign.accounts)
    assert row["nats"] == campaign.log_e
    assert row["flagged_at"] == campaign.flagged_at
    assert [(day["day"], day["exchanges"]) for day in row["exchanges_by_day"]] == list(campaign.exchanges_by_day)
    assert [(value["view"], value["label"]) for value in row["graph"]["values"]] == list(campaign.graph.values)
    assert [tuple(edge.values()) for edge in row["graph"]["edges"]] == list(campaign.graph.edges)
    assert row["shared"][3] == dataclasses.asdict(campaign.shared[3])
    assert [view["finding"] for view in row["evidence"]] == [view.finding for view in campaign.evidence]
    assert table.to_pylist()[1]["input_tokens"] is None


def test_members_carry_their_reasons_and_others_none(scan: Scan, accounts: pa.Table) -> None:
    rows = {row["account_id"]: row for row in accounts.to_pylist()}
    assert rows["honest-7"]["flagged"] is False
    assert rows["honest-7"]["campaign_id"] is None
    assert rows["honest-7"]["reasons"] == []
    for campaign in scan.campaigns:
        for account in campaign.accounts:
            row = rows[account.account_id]
            assert row["flagged"] is True
            assert (row["campaign_id"], row["log_odds"]) == (campaign.campaign_id, account.log_odds)
            assert row["flagged_at"] == account.flagged_at
            assert [tuple(reason.values()) for reason in row["reasons"]] == list(account.reasons)


def test_columns_may_come_in_any_order_and_string_type(tmp_path: Path, scan: Scan, accounts: pa.Table) -> None:
    turned = accounts.select(accounts.column_names[::-1])
    place = turned.column_names.index("campaign_id")
    turned = turned.set_column(place, "campaign_id", turned["campaign_id"].dictionary_encode())
    write_results(tmp_path, scan, turned)
    assert read_results(tmp_path).accounts.equals(accounts)


def test_a_scan_of_nothing_is_written_too(tmp_path: Path, empty_scan: Scan) -> None:
    table = result_accounts(empty_scan, pa.array([], pa.string()), np.empty(0))
    write_results(tmp_path, empty_scan, table)
    back = read_results(tmp_path)
    assert (back.accounts.num_rows, back.campaigns.num_rows) == (0, 0)
    assert back.accounts.schema.equals(RESULT_ACCOUNTS)


def test_a_failure_leaves_the_old_result(
    tmp_path: Path, scan: Scan, empty_scan: Scan, accounts: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, scan, accounts)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}

    def broken(_: Scan) -> str:
        raise RuntimeError("no report today")

    monkeypatch.setattr(results, "render_report", broken)
    with pytest.raises(RuntimeError, match="no report today"):
        write_results(tmp_path, empty_scan, accounts.slice(0, 40))
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_a_mix_of_two_scans_is_refused(tmp_path: Path, scan: Scan, empty_scan: Scan, accounts: pa.Table) -> None:
    write_results(tmp_path / "one", scan, accounts)
    write_results(tmp_path / "two", empty_scan, accounts.slice(0, 40))
    (tmp_path / "two" / "accounts.parquet").replace(tmp_path / "one" / "accounts.parquet")
    with pytest.raises(ValueError, match=r"accounts\.parquet: of another scan"):
        read_results(tmp_path / "one")


@pytest.mark.parametrize("name", ["accounts.parquet", "campaigns.parquet", "summary.json"])
def test_a_missing_file_is_named(tmp_path: Path, scan: Scan, accounts: pa.Table, name: str) -> None:
    write_results(tmp_path, scan, accounts)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        read_results(tmp_path)


@pytest.mark.parametrize(("content", "message"), [('{"schema": 99}', "schema 99"), ("[]", "None"), ("{", "not JSON")])
def test_a_strange_summary_is_refused(
    tmp_path: Path, scan: Scan, accounts: pa.Table, content: str, message: str
) -> None:
    write_results(tmp_path, scan, accounts)
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_results(tmp_path)


def test_a_table_that_disagrees_with_the_scan_is_refused(tmp_path: Path, scan: Scan, accounts: pa.Table) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="lacks reasons"):
        write_results(out, scan, accounts.drop_columns("reasons"))
    with pytest.raises(ValueError, match=r"C-01.*1204 accounts in the scan, but 0"):
        write_results(out, scan, accounts.slice(0, 40))
    spared = pa.array(np.zeros(accounts.num_rows, bool))
    with pytest.raises(ValueError, match="not flagged"):
        write_results(out, scan, accounts.set_column(2, "flagged", spared))
    nameless = pa.array([None] * accounts.num_rows, pa.string())
    with pytest.raises(ValueError, match=r"account_id .* nulls"):
        write_results(out, scan, accounts.set_column(0, "account_id", nameless))
    assert not out.exists()


def test_accounts_must_hold_every_member_once(scan: Scan) -> None:
    with pytest.raises(ValueError, match="not among the 1 accounts"):
        result_accounts(scan, pa.array(["acct-00000"]), np.zeros(1))
    with pytest.raises(ValueError, match="1 accounts, but 2 scores"):
        result_accounts(scan, pa.array(["acct-00000"]), np.zeros(2))
    doubled = dataclasses.replace(scan, campaigns=(scan.campaigns[0], scan.campaigns[0]))
    ids = pa.array([account.account_id for account in scan.campaigns[0].accounts])
    with pytest.raises(ValueError, match="in two campaigns"):
        result_accounts(doubled, ids, np.zeros(len(ids)))


def test_a_result_folder_named_like_a_partition_gains_no_column(tmp_path: Path, scan: Scan, accounts: pa.Table) -> None:
    write_results(tmp_path / "day=3", scan, accounts)
    assert read_results(tmp_path / "day=3").accounts.column_names == RESULT_ACCOUNTS.names
    assert pq.read_schema(tmp_path / "day=3" / "accounts.parquet").names == RESULT_ACCOUNTS.names
