"""A scan's result on disk: accounts.parquet, campaigns.parquet, report.html and summary.json, all or none."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.case.campaign_case import Campaign, Scan
from stillwatch.case.report import render_report
from stillwatch.case.sentences import campaign_sentences
from stillwatch.case.summary import SCHEMA, summary
from stillwatch.store.atomic import atomic_files
from stillwatch.store.columns import RESULT_ACCOUNTS, RESULT_CAMPAIGNS

ACCOUNTS = "accounts.parquet"
CAMPAIGNS = "campaigns.parquet"
REPORT = "report.html"
SUMMARY = "summary.json"
SEAL = b"stillwatch_summary_sha256"  # In both tables' metadata: says which summary.json they belong to.


@dataclass(frozen=True, slots=True)
class Results:
    """A result as read back; ``accounts`` and ``campaigns`` are as in ``stillwatch.store.columns``."""

    accounts: pa.Table
    campaigns: pa.Table
    summary: dict[str, Any]


def write_results(out: Path, scan: Scan, accounts: pa.Table) -> None:
    """Write the four files of a result into ``out``, in place of those of an earlier scan.

    They appear together at the end; an exception or an interrupt leaves ``out`` as it was. Other files in ``out`` are
    left alone.

    Args:
        out: Made if it does not exist.
        scan: What was found.
        accounts: RESULT_ACCOUNTS by name, in any order of columns and rows, string types plain, large or
            dictionary-encoded; ``result_accounts`` makes one.

    Raises:
        ValueError: If ``accounts`` lacks a column, holds a null where none may be, or disagrees with ``scan`` on who
            is in which campaign.
        OSError: If the files cannot be written.
    """
    table = _conform(accounts)
    _agree(table, scan)
    sealed = orjson.dumps(summary(scan), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    metadata = {SEAL: hashlib.sha256(sealed).hexdigest().encode()}
    campaigns = pa.Table.from_pylist([_campaign_row(campaign) for campaign in scan.campaigns], RESULT_CAMPAIGNS)
    with atomic_files(out, last=(SUMMARY,)) as staging:
        pq.write_table(table.replace_schema_metadata(metadata), staging / ACCOUNTS, compression="zstd")
        pq.write_table(campaigns.replace_schema_metadata(metadata), staging / CAMPAIGNS, compression="zstd")
        (staging / REPORT).write_text(render_report(scan), encoding="utf-8")
        (staging / SUMMARY).write_bytes(sealed)


def read_results(out: Path) -> Results:
    """Read back what ``write_results`` wrote.

    Raises:
        FileNotFoundError: If a file is missing, with a hint.
        ValueError: If summary.json is of another schema, or the files are of different scans.
    """
    for name in (SUMMARY, ACCOUNTS, CAMPAIGNS):
        if not (out / name).is_file():
            raise FileNotFoundError(f"{out / name}: not there; is {out} a folder that a scan has written, whole?")
    sealed = (out / SUMMARY).read_bytes()
    try:
        found = orjson.loads(sealed)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{out / SUMMARY}: not JSON ({error}); run the scan again") from error
    version = found.get("schema") if isinstance(found, dict) else None
    if version != SCHEMA:
        raise ValueError(f"{out / SUMMARY}: schema {version!r}, but this version reads {SCHEMA}; run the scan again")
    want = hashlib.sha256(sealed).hexdigest().encode()
    tables = {}
    for name in (ACCOUNTS, CAMPAIGNS):
        # As one file: a folder's name like "day=3" must not become a column.
        tables[name] = pq.ParquetFile(out / name).read()
        if (tables[name].schema.metadata or {}).get(SEAL) != want:
            raise ValueError(f"{out / name}: of another scan than {SUMMARY}; a write was cut short, run the scan again")
    return Results(tables[ACCOUNTS], tables[CAMPAIGNS], found)


def result_accounts(scan: Scan, account_id: pa.Array, score: NDArray[np.float64]) -> pa.Table:
    """Return the table RESULT_ACCOUNTS: every account with its score, those in a campaign with the rest.

    Args:
        scan: Its campaigns' accounts must all be in ``account_id``.
        account_id: Shape (accounts,), distinct, of any string type.
        score: Shape (accounts,), in the same order; higher is more like a campaign.

    Raises:
        ValueError: If the shapes differ, an account of a campaign is not in ``account_id`` or is in two campaigns.
    """
    if len(account_id) != len(score):
        raise ValueError(f"{len(account_id)} accounts, but {len(score)} scores")
    ids = account_id.cast(pa.string())
    members = [(campaign.campaign_id, account) for campaign in scan.campaigns for account in campaign.accounts]
    rows = pc.index_in(pa.array([account.account_id for _, account in members], pa.string()), value_set=ids)
    if rows.null_count:
        lost = members[pc.index(rows.is_null(), True).as_py()][1].account_id
        raise ValueError(f"account {lost!r} of a campaign is not among the {len(ids)} accounts of the scan")
    if len(rows.unique()) != len(rows):
        raise ValueError("an account is in two campaigns, or twice in one")
    # Where each row finds its member; null for accounts in no campaign, which take() passes on.
    place = np.full(len(ids), -1, np.int64)
    place[rows.to_numpy(zero_copy_only=False)] = np.arange(len(members))
    at = pa.array(place, mask=place < 0)
    reasons_type = RESULT_ACCOUNTS.field("reasons").type
    reasons = pa.array([_reasons(account.reasons) for _, account in members] + [[]], reasons_type)
    columns = [
        ids,
        pa.array(score, pa.float64()),
        pa.array(place >= 0),
        pa.array([campaign for campaign, _ in members], pa.string()).take(at),
        pa.array([account.flagged_at for _, account in members], RESULT_ACCOUNTS.field("flagged_at").type).take(at),
        pa.array([account.log_odds for _, account in members], pa.float64()).take(at),
        reasons.take(pa.array(np.where(place < 0, len(members), place))),
    ]
    return pa.Table.from_arrays(columns, schema=RESULT_ACCOUNTS)


def _reasons(reasons: tuple[tuple[str, str, float], ...]) -> list[dict[str, Any]]:
    return [{"view": view, "text": text, "nats": nats} for view, text, nats in reasons]


def _conform(accounts: pa.Table) -> pa.Table:
    missing = [name for name in RESULT_ACCOUNTS.names if name not in accounts.column_names]
    if missing:
        raise ValueError(f"the table of accounts lacks {', '.join(missing)}")
    table = accounts.select(RESULT_ACCOUNTS.names).cast(
        pa.schema([field.with_nullable(True) for field in RESULT_ACCOUNTS])
    )
    for field in RESULT_ACCOUNTS:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"{field.name} of the table of accounts holds {table[field.name].null_count} nulls")
    return table.cast(RESULT_ACCOUNTS)


def _agree(table: pa.Table, scan: Scan) -> None:
    """Check that table and scan put as many accounts into each campaign, and that these are flagged."""
    counted = table["campaign_id"].drop_null().value_counts()
    got = {row["values"]: row["counts"] for row in counted.to_pylist()}
    want = {campaign.campaign_id: len(campaign.accounts) for campaign in scan.campaigns}
    if len(want) != len(scan.campaigns):
        raise ValueError("two campaigns of the scan have the same id")
    for campaign_id in {**want, **got}:
        if got.get(campaign_id, 0) != want.get(campaign_id, 0):
            raise ValueError(
                f"campaign {campaign_id!r} has {want.get(campaign_id, 0)} accounts in the scan, "
                f"but {got.get(campaign_id, 0)} in the table of accounts"
            )
    if pc.any(pc.and_not(table["campaign_id"].is_valid(), table["flagged"])).as_py():
        raise ValueError("an account of a campaign is not flagged")


def _campaign_row(campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign_id": campaign.campaign_id,
        "summary": campaign_sentences(campaign),
        "nats": campaign.log_e,
        "accounts": len(campaign.accounts),
        "exchanges": campaign.exchanges,
        "input_tokens": campaign.input_tokens,
        "output_tokens": campaign.output_tokens,
        "first_seen": campaign.first_seen,
        "last_seen": campaign.last_seen,
        "flagged_at": campaign.flagged_at,
        "eliciting_share": campaign.eliciting_share,
        "exchanges_by_day": [{"day": day, "exchanges": n} for day, n in campaign.exchanges_by_day],
        "countries": [{"country": country, "accounts": n} for country, n in campaign.countries],
        "networks": [{"asn": asn, "accounts": n} for asn, n in campaign.networks],
        "models": [{"model": model, "exchanges": n} for model, n in campaign.models],
        "capabilities": [{"capability": name, "share": share} for name, share in campaign.capabilities],
        "shared": [dataclasses.asdict(value) for value in campaign.shared],
        "evidence": [
            {"view": view.view, "nats": view.log_e, "finding": view.finding, "linked": view.linked}
            for view in campaign.evidence
        ],
        "explanations": [
            {"name": tested.name, "claim": tested.claim, "outcome": tested.outcome, "nats": tested.log_e}
            for tested in campaign.explanations
        ],
        "graph": {
            "accounts": campaign.graph.accounts,
            "values": [{"view": view, "label": label} for view, label in campaign.graph.values],
            "edges": [{"account": a, "value": v, "nats": weight} for a, v, weight in campaign.graph.edges],
            "accounts_total": campaign.graph.accounts_total,
        },
    }
