"""The scan from the command line: from files of every kind to a result, whole or not at all."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.case.value import Point, Value, ValueCurve
from stillwatch.engine import replay
from stillwatch.exchange.duplicates import Duplicates
from stillwatch.range.presets import preset
from stillwatch.range.simulation import Simulation, simulate
from stillwatch.store import results
from stillwatch.store.columns import RESULT_ACCOUNTS, RESULT_CAMPAIGNS
from stillwatch.store.results import read_results
from stillwatch.store.values import write_value

SEED = 4
DAYS = 6
BENIGN = 600
START = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
KEY = bytes(range(200, 232))
NAMES = {"accounts.parquet", "campaigns.parquet", "rejected.jsonl", "report.html", "summary.json"}
BAD_INPUT = "bad.jsonl"
Group = frozenset[str]


@dataclass(frozen=True)
class Traffic:
    """Simulated traffic with two campaigns that are easy to find, and who runs which account."""

    folder: Path
    exchanges: pa.Table
    campaign: dict[str, str | None]  # By account; None for honest ones.
    key: Path

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.parquet"

    def members(self, name: str) -> set[str]:
        return {account for account, of in self.campaign.items() if of == name}


@dataclass(frozen=True)
class Run:
    """How a scan ended, and what it left."""

    code: int
    out: str
    error: str
    result: Path

    @property
    def groups(self) -> dict[Group, dt.datetime]:
        """The campaigns' accounts, and when the first of each was flagged."""
        table = pq.read_table(self.result / "accounts.parquet")
        found: dict[str, dict[str, dt.datetime]] = {}
        for row in table.filter(table["flagged"]).to_pylist():
            found.setdefault(row["campaign_id"], {})[row["account_id"]] = row["flagged_at"]
        return {frozenset(members): min(members.values()) for members in found.values()}

    @property
    def summary(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads((self.result / "summary.json").read_bytes())
        return told

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.result / "rejected.jsonl").read_bytes().splitlines()]


def run(out: Path, *arguments: object) -> Run:
    said = CliRunner().invoke(application, ["scan", *map(str, arguments), "--out", str(out)], env={"COLUMNS": "120"})
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    return Run(said.exit_code, said.stdout, said.stderr, out)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own: a scan that is given no key keeps one there."""
    monkeypatch.delenv("STILLWATCH_KEY_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    sys.stdout.write(f"seed {SEED}\n")
    folder = tmp_path_factory.mktemp("simulated") / "traffic"
    careless: dict[str, Any] = {
        "aged_share": 0.0,
        "signup_bursts": 2,
        "accounts_per_card": 5.0,
        "card_shared": 0.9,
        "mail_public": 0.3,
        "mail_disposable": 0.4,
        "own_exit_share": 0.1,
        "accounts_per_exit": 4.0,
        "unsteadiness": 0.02,
        "days": 5,
        "cover_share": 0.1,
        "plans": (("api", 1.0),),
    }
    pool, ring = preset("anthropic-2026-02-150k"), preset("gtig-2026-02-coercion")
    campaigns = (
        replace(pool, name="pool", accounts=80, exchanges=4000, starts_day=1.0, **careless),
        replace(ring, name="ring", accounts=60, exchanges=3000, starts_day=2.0, **careless),
    )
    simulate(Simulation(BENIGN, 1.0, DAYS, SEED, START, campaigns), folder)
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    key = folder.parent / "key"
    key.write_bytes(KEY)
    return Traffic(
        folder,
        pq.read_table(folder / "exchanges"),
        dict(zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True)),
        key,
    )


@pytest.fixture(scope="module")
def scanned(traffic: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("scanned") / "result"
    return run(out, traffic.folder / "exchanges", "--accounts", traffic.accounts, "--key-file", traffic.key)


def again(traffic: Traffic, out: Path, *sources: object) -> Run:
    """The same scan of other sources."""
    return run(out, *sources, "--accounts", traffic.accounts, "--key-file", traffic.key)


def test_the_campaigns_are_found_and_almost_nobody_else(traffic: Traffic, scanned: Run) -> None:
    assert scanned.code == 0, scanned.error
    for name in ("pool", "ring"):
        members = traffic.members(name)
        best = max(scanned.groups, key=lambda group: len(group & members))
        assert len(best & members) >= 0.9 * len(members)
        assert len(best - members) <= 0.05 * len(best)
    honest = [account for group in scanned.groups for account in group if traffic.campaign[account] is None]
    assert len(honest) <= BENIGN // 200


def test_the_tables_are_as_documented_and_agree(traffic: Traffic, scanned: Run) -> None:
    assert {path.name for path in scanned.result.iterdir()} == NAMES
    read = read_results(scanned.result)
    assert read.accounts.schema.equals(RESULT_ACCOUNTS) and read.campaigns.schema.equals(RESULT_CAMPAIGNS)
    documented = {
        "account_id": pa.string(),
        "score": pa.float64(),
        "flagged": pa.bool_(),
        "campaign_id": pa.string(),
        "flagged_at": pa.timestamp("us", "UTC"),
    }
    assert {name: read.accounts.schema.field(name).type for name in documented} == documented
    rows = read.accounts.to_pylist()
    assert sorted(row["account_id"] for row in rows) == sorted(set(traffic.exchanges["account_id"].to_pylist()))
    for row in rows:
        filled = {row["campaign_id"] is not None, row["flagged_at"] is not None, row["log_odds"] is not None}
        assert filled == {row["flagged"]} and (row["flagged"] or not row["reasons"])
    campaigns = read.campaigns.to_pylist()
    assert {row["campaign_id"] for row in campaigns} == {row["campaign_id"] for row in rows if row["flagged"]}
    assert read.summary["accounts_flagged"] == sum(row["flagged"] for row in rows)
    assert read.summary["accounts"] == len(rows) and read.summary["exchanges"] == traffic.exchanges.num_rows
    sent = dict(traffic.exchanges.group_by("account_id").aggregate([([], "count_all")]).to_pydict().items())
    count = dict(zip(sent["account_id"], sent["count_all"], strict=True))
    for row in campaigns:
        members = [each["account_id"] for each in rows if each["campaign_id"] == row["campaign_id"]]
        assert row["accounts"] == len(members) and row["exchanges"] == sum(count[account] for account in members)
        assert sum(day["exchanges"] for day in row["exchanges_by_day"]) == row["exchanges"]
        inside = traffic.exchanges.filter(pc.is_in(traffic.exchanges["account_id"], value_set=pa.array(members)))
        span = pc.min_max(inside["timestamp"])
        assert row["first_seen"] == span["min"].as_py() and row["last_seen"] == span["max"].as_py()
        assert row["output_tokens"] == pc.sum(inside["output_tokens"]).as_py()
        models = {value["values"]: value["counts"] for value in inside["request_model"].value_counts().to_pylist()}
        assert {each["model"]: each["exchanges"] for each in row["models"]} == models


def test_a_value_file_is_told_of_each_campaign_and_changes_nothing_else(
    traffic: Traffic, scanned: Run, tmp_path: Path
) -> None:
    points = (Point(250, 0.2, 0.1, 0.3), Point(4000, 0.9, 0.8, 1.0))
    curve = ValueCurve("sums", "passive", 5, 0.1, 0.99, points)
    write_value(tmp_path / "value.json", Value("0.1.0", (), "built-in", "built-in", (curve,)))
    again = run(tmp_path / "result", traffic.folder / "exchanges", "--accounts", traffic.accounts,
                "--key-file", traffic.key, "--value", tmp_path / "value.json")  # fmt: skip
    assert again.code == 0 and "On sums, its " in " ".join(again.out.split()) and "toy" in again.out
    assert "On sums, its " in (again.result / "report.html").read_text("utf-8")
    told = again.summary
    assert told.pop("value")["toy"] and all(each.pop("worth")["said"] for each in told["campaigns"])
    for changing in ("finished_at", "seconds"):
        assert told.pop(changing) is not None
    assert told == {name: held for name, held in scanned.summary.items() if name not in ("finished_at", "seconds")}


def test_a_bad_value_file_stops_the_scan_before_it_begins(traffic: Traffic, tmp_path: Path) -> None:
    (tmp_path / "value.json").write_text("[1]", "utf-8")
    refused = run(tmp_path / "result", traffic.folder / "exchanges", "--value", tmp_path / "value.json")
    assert refused.code == 2 and "is no value file" in refused.error and not refused.result.exists()


def test_scores_rank_campaigns_above_honest_accounts(traffic: Traffic, scanned: Run) -> None:
    rows = pq.read_table(scanned.result / "accounts.parquet").to_pylist()
    honest = sorted(row["score"] for row in rows if traffic.campaign[row["account_id"]] is None)
    above = honest[int(0.9 * len(honest))]
    hostile = [row["score"] for row in rows if traffic.campaign[row["account_id"]] is not None]
    assert sum(score > above for score in hostile) >= 0.9 * len(hostile)


def test_the_terminal_shows_the_campaigns_and_where_the_report_is(scanned: Run) -> None:
    for campaign in scanned.summary["campaigns"]:
        assert campaign["campaign_id"] in scanned.out
    assert "report.html" in scanned.out and "Traceback" not in scanned.error
    page = (scanned.result / "report.html").read_text("utf-8")
    assert all(campaign["campaign_id"] in page for campaign in scanned.summary["campaigns"])


def test_nothing_secret_is_in_the_result(traffic: Traffic, scanned: Run) -> None:
    held = {path.name: path.read_bytes() for path in scanned.result.iterdir()}
    for name in ("accounts.parquet", "campaigns.parquet"):  # As text: in the file it is packed.
        held[f"{name} unpacked"] = json.dumps(pq.read_table(scanned.result / name).to_pylist(), default=str).encode()
    accounts = pq.read_table(traffic.accounts)
    texts = [traffic.exchanges[name].unique().to_pylist() for name in ("prompt", "system_instructions")]
    passages = {passage for text in texts[0] + texts[1] if text and len(text) >= WIDTH for passage in ends_of(text)}
    names = {
        value
        for column in (
            traffic.exchanges["client_address"],
            traffic.exchanges["conversation_id"],
            accounts["payment_fingerprint"],
            accounts["organization_id"],
            accounts["email_domain"],
        )
        for value in column.unique().to_pylist()
    }
    assert len(passages) > 5000 and len(names) > 1000
    for name, content in held.items():
        text = content.decode("utf-8", "replace")
        assert names.isdisjoint(re.findall(r"[\w.:@-]+", text)), name
        shown = next((text[k : k + WIDTH] for k in range(len(text)) if text[k : k + WIDTH] in passages), None)
        assert shown is None, (name, shown)
        assert KEY not in content and KEY.hex().encode() not in content.lower()


WIDTH = 28  # Signs of a text that nobody else would write by chance.


def ends_of(text: str) -> tuple[str, str]:
    return text[:WIDTH], text[-WIDTH:]


def lines_of(table: pa.Table) -> bytes:
    text = {"timestamp": [when.isoformat() for when in table["timestamp"].to_pylist()]}
    columns = {name: text.get(name) or table[name].to_pylist() for name in table.column_names}
    rows = zip(*columns.values(), strict=True)
    return b"".join(orjson.dumps(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)


def sheet_of(table: pa.Table) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table.column_names)
    columns = [table[name].to_pylist() for name in table.column_names]
    for row in zip(*columns, strict=True):
        writer.writerow([value.isoformat() if isinstance(value, dt.datetime) else value for value in row])
    return file.getvalue().encode()


def in_thirds(table: pa.Table) -> list[pa.Table]:
    """Three parts, each of all days, in no order of time."""
    mixed = table.take(pc.sort_indices(pa.table({"id": table["exchange_id"]}), sort_keys=[("id", "ascending")]))
    third = -(-len(mixed) // 3)
    return [mixed.slice(k * third, third) for k in range(3)]


def split_parquet(table: pa.Table, folder: Path) -> list[object]:
    for number, part in enumerate(in_thirds(table)):
        (folder / f"{2 - number}").mkdir()
        pq.write_table(part, folder / f"{2 - number}" / "log.parquet", row_group_size=4000)
    return [folder / "2", folder / "*" / "log.parquet"]  # One of them named twice.


def packed_lines(table: pa.Table, folder: Path) -> list[object]:
    plain, gz, zst = in_thirds(table)
    (folder / "a.jsonl").write_bytes(lines_of(plain))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines_of(gz), 1))
    (folder / "c.jsonl.zst").write_bytes(zstandard.compress(lines_of(zst), 1))
    return [folder]


def sheets(table: pa.Table, folder: Path) -> list[object]:
    first, second, third = in_thirds(table)
    (folder / "b.csv.gz").write_bytes(gzip.compress(sheet_of(first), 1))
    (folder / "a.csv").write_bytes(sheet_of(second))
    pq.write_table(third, folder / "c.parquet")
    return [folder / "c.parquet", folder / "a.csv", folder / "b.csv.gz"]


def renamed(table: pa.Table, folder: Path) -> list[object]:
    own = {"account_id": "customer", "timestamp": "received", "prompt": "question", "client_address": "ip"}
    pq.write_table(table.rename_columns([own.get(name, name) for name in table.column_names]), folder / "own.parquet")
    (folder / "map.yaml").write_text("".join(f"{name}: {source}\n" for name, source in own.items()))
    return [folder / "own.parquet", "--map", folder / "map.yaml"]


@pytest.mark.parametrize("form", [split_parquet, packed_lines, sheets, renamed])
def test_order_split_and_format_change_nothing(
    traffic: Traffic, scanned: Run, tmp_path: Path, form: Callable[[pa.Table, Path], list[object]]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    other = again(traffic, tmp_path / "result", *form(traffic.exchanges, logs))
    assert other.code == 0, other.error
    assert other.rejected == [] and other.summary["exchanges"] == traffic.exchanges.num_rows
    assert other.groups == scanned.groups
    assert [campaign["nats"] for campaign in other.summary["campaigns"]] == pytest.approx(
        [campaign["nats"] for campaign in scanned.summary["campaigns"]]
    )


def by_days(traffic: Traffic, folder: Path) -> list[Path]:
    """One file a day."""
    days = pc.floor_temporal(traffic.exchanges["timestamp"], unit="day")
    paths = []
    for number in range(DAYS):
        today = pc.equal(days, pa.scalar(START + dt.timedelta(days=number), days.type))
        paths.append(folder / f"day-{number}.parquet")
        pq.write_table(traffic.exchanges.filter(today), paths[-1])
    return paths


def test_history_counts_as_evidence_and_is_not_flagged(traffic: Traffic, tmp_path: Path) -> None:
    days = by_days(traffic, tmp_path)
    known = [argument for day in days[:-1] for argument in ("--history", day)]
    alone = again(traffic, tmp_path / "alone", days[-1])
    with_history = again(traffic, tmp_path / "both", days[-1], *known, "--step", "24")
    assert alone.code == with_history.code == 0
    end = START + dt.timedelta(days=DAYS)
    flagged = set().union(*with_history.groups)
    for name in ("pool", "ring"):
        assert len(flagged & traffic.members(name)) >= 0.9 * len(traffic.members(name))
    assert set(with_history.groups.values()) == {end}
    # One day alone shows less.
    assert len(set().union(*alone.groups)) < len(flagged)
    told = with_history.summary
    assert told["exchanges"] == traffic.exchanges.num_rows and told["exchanges_flagged"] <= told["exchanges"]
    assert told["first_seen"] == pc.min(traffic.exchanges["timestamp"]).as_py().isoformat().replace("+00:00", "Z")
    for campaign in told["campaigns"]:
        assert all("apex" in each["model"] or "-" in each["model"] for each in campaign["models"])


def test_history_that_overlaps_or_comes_later_changes_no_flag(traffic: Traffic, tmp_path: Path) -> None:
    days = by_days(traffic, tmp_path)
    plain = again(traffic, tmp_path / "plain", *days[:4])
    overlapping = again(traffic, tmp_path / "overlap", *days[:4], "--history", days[1], "--history", days[5])
    end = START + dt.timedelta(days=4)
    assert flagged_at(plain)
    # What came later cannot speak of what was known earlier.
    assert {account: at for account, at in flagged_at(overlapping).items() if at <= end} == flagged_at(plain)
    repeats = pq.read_metadata(days[1]).num_rows
    assert [(each["reason"], each["rows"]) for each in overlapping.summary["rejected_by_reason"]] == [
        ("exchange_id was seen before", repeats)
    ]


def test_a_stricter_level_flags_no_more_and_no_earlier(traffic: Traffic, tmp_path: Path) -> None:
    """Early in a campaign the evidence is weak, so that the level decides how soon it is enough."""
    accounts = traffic.folder / "accounts.parquet"
    ended = [
        run(
            tmp_path / level,
            traffic.folder / "exchanges",
            *("--accounts", accounts, "--key-file", traffic.key, "--step", "6", "--level", level),
        )
        for level in ("0.0001", "0.05", "0.5")
    ]
    assert [each.summary["false_discovery_level"] for each in ended] == [0.0001, 0.05, 0.5]
    when = [flagged_at(each) for each in ended]
    for stricter, looser in pairwise(when):
        assert set(stricter) <= set(looser)
        assert all(at >= looser[account] for account, at in stricter.items())
    assert when[0] != when[2]


def flagged_at(ended: Run) -> dict[str, dt.datetime]:
    table = pq.read_table(ended.result / "accounts.parquet")
    return {row["account_id"]: row["flagged_at"] for row in table.filter(table["flagged"]).to_pylist()}


def bad_logs(folder: Path) -> tuple[dict[tuple[str, int], str], int]:
    """Write logs with every kind of bad row; return what is wrong by file and row, and the number of good rows."""
    good = {"exchange_id": "new-1", "timestamp": "2025-03-04T10:00:00Z", "account_id": "newcomer", "prompt": "a word"}
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=40)).isoformat()
    cases: list[tuple[dict[str, Any] | bytes, str]] = [
        (good, ""),
        (good | {"exchange_id": "new-2", "timestamp": tomorrow}, "in the future"),
        (good | {"exchange_id": "new-3", "timestamp": "2025-03-04T10:00:00"}, "zone"),
        (good | {"exchange_id": "new-4", "timestamp": ["a list"]}, "timestamp"),
        (good | {"exchange_id": "new-5", "input_tokens": "many"}, "input_tokens"),
        (good, "seen before"),
        (good | {"exchange_id": "new-6", "prompt": " \n"}, "prompt is blank"),
        (good | {"exchange_id": "new-7", "prompt": "ten megabytes " * 750_000}, "longer than"),
        (good | {"exchange_id": "new-8", "account_id": None}, "account_id is missing"),
        (b'{"exchange_id": "new-9", "timestamp": "2025-03-04T10:00:00Z", "account_id": "\xff\xfe"}', "UTF-8"),
        (b'{"exchange_id": "new-10", "timestamp": ', "JSON"),
        (good | {"exchange_id": "new-11"}, ""),
    ]
    lines = [case if isinstance(case, bytes) else orjson.dumps(case) for case, _ in cases]
    (folder / BAD_INPUT).write_bytes(b"\n".join(lines) + b"\n")
    wrong = {(str(folder / BAD_INPUT), row): fault for row, (_, fault) in enumerate(cases, 1) if fault}
    rows = [orjson.dumps(good | {"exchange_id": f"packed-{k}", "prompt": os.urandom(20).hex()}) for k in range(400)]
    packed = gzip.compress(b"\n".join(rows) + b"\n")
    (folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [value] * 50 for name, value in good.items()}), buffer)
    (folder / "cut.parquet").write_bytes(buffer.getvalue()[:-100])
    return wrong, sum(not fault for _, fault in cases)


def test_bad_rows_are_set_aside_and_good_ones_used(traffic: Traffic, scanned: Run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    wrong, good = bad_logs(logs)
    mixed = again(traffic, tmp_path / "result", traffic.folder / "exchanges", logs)
    assert mixed.code == 0, mixed.error
    told = {(row["file"], row["row"]): row for row in mixed.rejected}
    assert len(told) == len(mixed.rejected)
    for place, fault in wrong.items():
        assert fault in told[place]["reason"], (place, told.get(place))
    cut = [row for row in mixed.rejected if "cut." in row["file"]]
    assert {Path(row["file"]).name for row in cut} == {"cut.jsonl.gz", "cut.parquet"}
    assert set(told) == set(wrong) | {(row["file"], row["row"]) for row in cut} and len(cut) == 2
    for row in mixed.rejected:
        assert set(row) == {"file", "row", "reason", "hint"} and row["reason"] and row["hint"]
        assert "ten megabytes" not in row["reason"] + row["hint"]
    saved = next(row["row"] for row in cut if row["file"].endswith(".gz")) - 1
    assert 100 < saved < 400
    assert mixed.summary["rejected"] == len(mixed.rejected)
    by_reason = {each["reason"]: each["rows"] for each in mixed.summary["rejected_by_reason"]}
    assert sum(by_reason.values()) == len(mixed.rejected) and set(by_reason) == {r["reason"] for r in mixed.rejected}
    assert mixed.summary["exchanges"] == traffic.exchanges.num_rows + good + saved
    # One account more beside them may move the edge of a campaign, and nothing else.
    assert len(mixed.groups) == len(scanned.groups) > 0
    for group in scanned.groups:
        assert max(len(group & other) / len(group | other) for other in mixed.groups) >= 0.95
    assert f"{len(mixed.rejected)} rows could not be used" in mixed.out


def test_strict_stops_at_the_first_bad_row_and_writes_nothing(traffic: Traffic, tmp_path: Path) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    logs.mkdir()
    kept.mkdir()
    (kept / "summary.json").write_text("an earlier result")
    bad_logs(logs)
    for out in (tmp_path / "fresh", kept):
        stopped = again(traffic, out, logs / BAD_INPUT, "--strict")
        assert stopped.code == 3
        assert f"{BAD_INPUT}, row 2:" in stopped.error and one_line(stopped.error)
    assert not (tmp_path / "fresh").exists()
    assert contents(kept) == {"summary.json": b"an earlier result"}


def one_line(text: str) -> bool:
    return text.startswith("stillwatch: ") and text.count("\n") == 1 and text.endswith("\n")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def missing(folder: Path) -> tuple[list[object], str]:
    return [folder / "not-there.parquet"], "not-there.parquet"


def no_such_pattern(folder: Path) -> tuple[list[object], str]:
    return [folder / "*.jsonl"], "no file matches"


def empty_folder(folder: Path) -> tuple[list[object], str]:
    (folder / "empty").mkdir()
    return [folder / "empty"], "holds no file"


def unreadable_folder(folder: Path) -> tuple[list[object], str]:
    if os.geteuid() == 0:
        pytest.skip("root may read every folder")
    closed = folder / "closed"
    closed.mkdir()
    (closed / "log.jsonl").write_text("{}")
    closed.chmod(0)
    return [closed], "may not be read"


def accounts_that_are_none(folder: Path) -> tuple[list[object], str]:
    (folder / "accounts.csv").write_text("name,age\nanna,40\n")
    return [*one_exchange(folder), "--accounts", folder / "accounts.csv"], "accounts.csv: names no account"


def accounts_that_are_damaged(folder: Path) -> tuple[list[object], str]:
    (folder / "accounts.parquet").write_bytes(b"PAR1 and nothing more")
    return [*one_exchange(folder), "--accounts", folder / "accounts.parquet"], "accounts.parquet"


def accounts_that_are_missing(folder: Path) -> tuple[list[object], str]:
    return [*one_exchange(folder), "--accounts", folder / "nobody.parquet"], "nobody.parquet"


def history_that_is_missing(folder: Path) -> tuple[list[object], str]:
    return [*one_exchange(folder), "--history", folder / "long-ago"], "long-ago"


def unknown_columns(folder: Path) -> tuple[list[object], str]:
    (folder / "odd.csv").write_text("a,b\n1,2\n")
    return [folder / "odd.csv"], "no known format"


def mapping_of_nothing(folder: Path) -> tuple[list[object], str]:
    (folder / "map.yaml").write_text("promt: question\n")
    return [*one_exchange(folder), "--map", folder / "map.yaml"], "did you mean 'prompt'?"


def short_key(folder: Path) -> tuple[list[object], str]:
    (folder / "short").write_bytes(b"secret")
    return [*one_exchange(folder), "--key-file", folder / "short"], "a key has 16 to 64 bytes"


def one_exchange(folder: Path) -> list[object]:
    (folder / "log.jsonl").write_text('{"account_id": "a", "timestamp": "2025-03-04T10:00:00Z", "prompt": "x"}\n')
    return [folder / "log.jsonl"]


@pytest.mark.parametrize(
    "trouble",
    [
        missing,
        no_such_pattern,
        empty_folder,
        unreadable_folder,
        accounts_that_are_none,
        accounts_that_are_damaged,
        accounts_that_are_missing,
        history_that_is_missing,
        unknown_columns,
        mapping_of_nothing,
        short_key,
    ],
)
def test_what_cannot_be_read_is_one_line_and_code_2(
    tmp_path: Path, trouble: Callable[[Path], tuple[list[object], str]]
) -> None:
    arguments, said = trouble(tmp_path)
    failed = run(tmp_path / "deep" / "result", *arguments)
    assert failed.code == 2 and failed.out == ""
    assert one_line(failed.error) and said in failed.error, failed.error
    assert not (tmp_path / "deep").exists()


def test_an_output_folder_that_is_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    failed = run(tmp_path / "taken", *one_exchange(tmp_path))
    assert failed.code == 2 and one_line(failed.error) and "taken" in failed.error
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("level", ["0", "1", "lots"])
def test_a_level_out_of_range_is_refused(tmp_path: Path, level: str) -> None:
    refused = run(tmp_path / "result", *one_exchange(tmp_path), "--level", level)
    assert refused.code == 2 and "--level" in refused.error and not (tmp_path / "result").exists()


def test_a_scan_of_almost_nothing_finds_nothing(tmp_path: Path) -> None:
    tiny = run(tmp_path / "result", *one_exchange(tmp_path))
    assert tiny.code == 0, tiny.error
    assert tiny.groups == {} and tiny.summary["accounts"] == 1 and tiny.rejected == []
    assert {path.name for path in tiny.result.iterdir()} == NAMES
    assert "No campaign stands out" in tiny.out


def test_the_key_is_kept_for_its_owner_and_repeats_the_result(traffic: Traffic, tmp_path: Path, home: Path) -> None:
    one_day = by_days(traffic, tmp_path)[3]
    first, second = (run(tmp_path / name, one_day) for name in ("first", "second"))
    keys = [path for path in home.rglob("*") if path.is_file()]
    assert len(keys) == 1 and keys[0].stat().st_mode & 0o077 == 0
    for name in ("accounts.parquet", "campaigns.parquet"):
        assert pq.read_table(first.result / name).to_pylist() == pq.read_table(second.result / name).to_pylist()


def interrupt(*_: object, **__: object) -> None:
    signal.raise_signal(signal.SIGINT)


def while_reading(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Duplicates, "without_repeats", interrupt)


def while_looking(patch: pytest.MonkeyPatch) -> None:
    looks = iter(range(DAYS))
    look = replay.Looks.look
    patch.setattr(replay.Looks, "look", lambda *given: interrupt() if next(looks) == 3 else look(*given))


def while_writing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(results, "render_report", interrupt)


@pytest.fixture
def ordinary_interrupts() -> Iterator[None]:
    """A SIGINT raises KeyboardInterrupt, whatever the test runner's own parent has made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ordinary_interrupts")
@pytest.mark.parametrize("moment", [while_reading, while_looking, while_writing])
def test_an_interrupt_leaves_all_as_it_was(
    traffic: Traffic, tmp_path: Path, moment: Callable[[pytest.MonkeyPatch], None]
) -> None:
    kept = tmp_path / "kept"
    assert run(kept, *one_exchange(tmp_path)).code == 0
    before = contents(kept)
    for out in (kept, tmp_path / "fresh"):
        with pytest.MonkeyPatch.context() as patch:
            moment(patch)
            stopped = again(traffic, out, traffic.folder / "exchanges")
        assert stopped.code == 130 and one_line(stopped.error) and "interrupted" in stopped.error
    assert contents(kept) == before and set(before) == NAMES
    assert not (tmp_path / "fresh").exists()


PROGRAM = "from stillwatch.__main__ import main; main()"
STOPPED = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from stillwatch.engine import replay
look, looks = replay.Looks.look, iter(range(100))
def stopped(*given):
    if next(looks) == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return look(*given)
replay.Looks.look = stopped
{PROGRAM}
"""


def process(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_process_that_is_interrupted_ends_with_130(traffic: Traffic, tmp_path: Path) -> None:
    ended = process(STOPPED, "scan", traffic.folder / "exchanges", "--out", tmp_path / "result")
    assert ended.returncode == 130, ended.stderr
    assert "Traceback" not in ended.stderr and "interrupted; nothing was written" in ended.stderr
    assert not (tmp_path / "result").exists()


def test_json_alone_is_on_stdout(traffic: Traffic, tmp_path: Path) -> None:
    out = tmp_path / "result"
    named = ("--accounts", traffic.accounts, "--key-file", traffic.key)
    ended = process(PROGRAM, "scan", traffic.folder / "exchanges", *named, "--out", out, "--json")
    assert ended.returncode == 0 and ended.stderr == ""
    told = json.loads(ended.stdout)
    assert told == json.loads((out / "summary.json").read_bytes())
    found = Run(0, "", "", out).groups
    for name in ("pool", "ring"):
        assert max(len(group & traffic.members(name)) for group in found) >= 0.9 * len(traffic.members(name))
