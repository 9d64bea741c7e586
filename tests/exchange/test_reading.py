"""Plain tables in every file kind, and every kind of bad row in them."""

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange import reading
from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.reading import absent_columns, parts
from stillwatch.exchange.schema import EXCHANGE_COLUMNS, EXCHANGE_SCHEMA
from stillwatch.exchange.table_check import PROMPT_BYTES_MAX

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
WHEN = "2026-05-01T10:00:00Z"
FULL: dict[str, Any] = {
    "exchange_id": "ex-1",
    "timestamp": WHEN,
    "account_id": "ann",
    "conversation_id": "c-1",
    "turn": 2,
    "request_model": "apex-5",
    "system_instructions": "You are terse.",
    "prompt": "Wozu, 何 and why?",
    "input_tokens": 12,
    "output_tokens": 34,
    "temperature": 0.5,
    "max_tokens": 100,
    "choice_count": 1,
    "reasoning": True,
    "client_address": "192.0.2.1",
    "client_asn": 64500,
    "client_country": "DE",
    "user_agent": "curl/8",
    "tls_ja4": "t13d",
    "status": 200,
}


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {**FULL, "exchange_id": f"ex-{number}", **changes}


def read(*paths: Path, **options: Any) -> tuple[list[dict[str, Any]], list[Rejected]]:
    rows: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for part in parts(list(paths), now=NOW, **options):
        batch = part.read()
        names = batch.exchanges.column_names
        assert names == [name for name in EXCHANGE_SCHEMA.names if name in names]
        assert {"exchange_id", "timestamp", "account_id"} <= set(names)
        rows += batch.exchanges.to_pylist()
        rejected += batch.rejected
    return rows, rejected


def json_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each, default=str).encode() + b"\n" for each in rows)


def sheet(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write(path: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Path:
    kind = "".join(path.suffixes)
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path, **options)
        return path
    if kind.startswith(".csv"):
        data = sheet(rows)
    else:
        data = json.dumps(list(rows)).encode() if kind == ".json" else json_lines(rows)
    if kind.endswith(".gz"):
        data = gzip.compress(data)
    if kind.endswith(".zst"):
        data = zstandard.ZstdCompressor().compress(data)
    path.write_bytes(data)
    return path


KINDS = ["parquet", "jsonl", "ndjson", "json", "csv", "jsonl.gz", "json.zst", "csv.gz", "csv.zst"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_reads_the_same(tmp_path: Path, kind: str) -> None:
    source = [row(1), row(2, prompt='commas, "quotes"\nand lines'), row(3, turn=0)]
    rows, rejected = read(write(tmp_path / f"log.{kind}", source))
    assert rejected == []
    expected = [{**each, "timestamp": dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)} for each in source]
    assert rows == expected
    batch = parts([tmp_path / f"log.{kind}"], now=NOW)[0].read()
    for field in batch.exchanges.schema:
        want = EXCHANGE_SCHEMA.field(field.name).type
        got = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        assert got == want or {got, want} == {pa.string(), pa.large_string()}


BAD = [
    ({"account_id": None}, "account_id is missing"),
    ({"account_id": "  "}, "account_id is blank"),
    ({"timestamp": None}, "timestamp is missing"),
    ({"timestamp": "2026-05-01T10:00:00"}, "timestamp has no time zone"),
    ({"timestamp": "yesterday"}, "timestamp cannot be read"),
    ({"timestamp": "2026-06-03T00:00:01Z"}, "timestamp lies in the future"),
    ({"timestamp": "1970-01-01T00:00:00Z"}, "timestamp is before September 2001"),
    ({"prompt": " \t\u3000 "}, "prompt is blank"),
    ({"prompt": "x" * (PROMPT_BYTES_MAX + 1)}, "prompt is longer than 1 MiB"),
    ({"turn": "second"}, "turn is not a whole number"),
    ({"turn": -1}, "turn is out of range"),
    ({"status": 70_000}, "status is out of range"),
    ({"temperature": "warm"}, "temperature is not a number"),
    ({"reasoning": "maybe"}, "reasoning is neither true nor false"),
]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "json", "csv", "csv.gz"])
@pytest.mark.parametrize(("change", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_is_named_and_the_others_are_kept(
    tmp_path: Path, kind: str, change: dict[str, Any], reason: str
) -> None:
    source = [row(1), row(2, **change), row(3)]
    if kind == "parquet":  # A column of Parquet has one type: a bad value makes it text.
        name, value = next(iter(change.items()))
        for each in source:
            each[name] = str(each[name]) if isinstance(value, str) else each[name]
    path = write(tmp_path / f"log.{kind}", source)
    rows, rejected = read(path)
    assert [each["exchange_id"] for each in rows] == ["ex-1", "ex-3"]
    assert [(each.file, each.reason) for each in rejected] == [(str(path), reason)]
    assert rejected[0].row == (3 if kind.startswith("csv") else 2)
    assert rejected[0].hint
    assert "warm" not in rejected[0].hint + rejected[0].reason


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_absent_text_and_numbers_are_no_fault(tmp_path: Path, kind: str) -> None:
    optional = {column.name: None for column in EXCHANGE_COLUMNS if not column.required}
    rows, rejected = read(write(tmp_path / f"log.{kind}", [row(1), {**FULL, **optional}, row(3, user_agent="")]))
    assert rejected == []
    assert rows[1]["prompt"] is None
    assert rows[1]["exchange_id"] == f"{tmp_path / f'log.{kind}'}:2"
    assert rows[2]["user_agent"] is None
    agents = parts([tmp_path / f"log.{kind}"], now=NOW)[0].read().exchanges["user_agent"]
    assert agents.to_pylist() == ["curl/8", None, None]
    assert agents.null_count == 2


def test_empty_prompt_is_refused_but_not_a_null_one(tmp_path: Path) -> None:
    _, rejected = read(write(tmp_path / "log.jsonl", [row(1, prompt=""), row(2, prompt=None)]))
    assert [(each.row, each.reason) for each in rejected] == [(1, "prompt is blank")]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_ids_are_made_where_there_are_none(tmp_path: Path, kind: str) -> None:
    source = [{name: value for name, value in FULL.items() if name != "exchange_id"}] * 2
    path = write(tmp_path / f"log.{kind}", source)
    rows, _ = read(path)
    first = 2 if kind == "csv" else 1
    assert [each["exchange_id"] for each in rows] == [f"{path}:{first}", f"{path}:{first + 1}"]
    assert parts([path], now=NOW)[0].read().made_ids  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [1_777_629_600, 1_777_629_600_000, 1_777_629_600.0, "1777629600"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_epoch_numbers(tmp_path: Path, kind: str, value: object) -> None:
    rows, rejected = read(write(tmp_path / f"log.{kind}", [row(1, timestamp=value), row(2, timestamp=value)]))
    assert rejected == []
    assert rows[1]["timestamp"] == dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None])
def test_parquet_times_of_any_unit_and_zone(tmp_path: Path, unit: str, zone: str | None) -> None:
    path = tmp_path / "log.parquet"
    moments = pa.array([1_777_629_600] * 2, pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp(unit, zone))
    pq.write_table(pa.table({"account_id": ["a", "b"], "timestamp": moments}), path)
    rows, rejected = read(path)
    if zone is None:
        assert [each.reason for each in rejected] == ["timestamp has no time zone"] * 2
        assert "--assume-utc" in rejected[0].hint
        rows, rejected = read(path, assume_utc=True)
    assert rejected == []
    assert {each["timestamp"] for each in rows} == {dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_assume_utc_reads_text_without_a_zone(tmp_path: Path, kind: str) -> None:
    source = [row(1, timestamp="2026-05-01 10:00:00"), row(2)]
    rows, rejected = read(write(tmp_path / f"log.{kind}", source), assume_utc=True)
    assert rejected == []
    assert rows[0]["timestamp"] == rows[1]["timestamp"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_bytes_that_are_not_utf8(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"log.{kind}", [row(1), row(2, prompt="MARK"), row(3)])
    path.write_bytes(path.read_bytes().replace(b"MARK", b"caf\xe9"))
    rows, rejected = read(path)
    assert [each["exchange_id"] for each in rows] == ["ex-1", "ex-3"]
    assert len(rejected) == 1
    assert "UTF-8" in rejected[0].reason


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    broken = pa.array([b"fine", b"caf\xe9", None], pa.binary()).view(pa.string())
    pq.write_table(
        pa.table({"account_id": ["a", "b", "c"], "timestamp": [NOW] * 3, "prompt": broken, "user_agent": broken}), path
    )
    rows, rejected = read(path)
    assert [each["account_id"] for each in rows] == ["a", "c"]
    assert [(each.row, each.reason) for each in rejected] == [(2, "prompt is not UTF-8")]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_cut_off_in_a_row_keeps_the_rows_before(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"log.{kind}", [row(number) for number in range(5)])
    path.write_bytes(path.read_bytes()[:-60])
    rows, rejected = read(path)
    assert [each["exchange_id"] for each in rows] == [f"ex-{number}" for number in range(4)]
    assert [each.row for each in rejected] == [6 if kind == "csv" else 5]


def test_a_list_cut_off_keeps_the_elements_before(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [row(number) for number in range(5)])
    path.write_bytes(path.read_bytes()[:-20])
    rows, rejected = read(path)
    assert len(rows) == 4
    assert [each.row for each in rejected] == [5]


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst", "csv.gz", "csv.zst"])
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_packing_keeps_the_rows_before(tmp_path: Path, kind: str, damage: str) -> None:
    # Prompts without a pattern, so that the packed file has several blocks to lose.
    text = "".join(chr(97 + (number * number * 7919 >> 5) % 26) for number in range(400_000))
    source = [row(number, prompt=text[number * 1000 : number * 1000 + 1000]) for number in range(400)]
    path = write(tmp_path / f"log.{kind}", source)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) * 9 // 10 :]
    else:
        data[len(data) * 9 // 10 : len(data) * 9 // 10 + 8] = b"\x00\xff" * 4
    path.write_bytes(data)
    rows, rejected = read(path)
    kept = [each["exchange_id"] for each in rows]
    assert 0 < len(kept) < 400
    assert kept == [f"ex-{number}" for number in range(len(kept))]
    assert rejected[-1].reason.startswith("the compressed file is cut off or damaged")
    assert rejected[-1].row == len(kept) + len(rejected) + kind.startswith("csv")


def test_packed_files_of_several_members(tmp_path: Path) -> None:
    lines = [json_lines([row(1)]), json_lines([row(2)])]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(map(gzip.compress, lines)))
    (tmp_path / "b.jsonl.zst").write_bytes(b"".join(zstandard.ZstdCompressor().compress(each) for each in lines))
    for name in ("a.jsonl.gz", "b.jsonl.zst"):
        rows, rejected = read(tmp_path / name)
        assert [each["exchange_id"] for each in rows] == ["ex-1", "ex-2"]
        assert rejected == []


def test_a_damaged_row_group_is_lost_alone(tmp_path: Path) -> None:
    source = [row(number, prompt=f"question {number * 7919}") for number in range(300)]
    path = write(tmp_path / "log.parquet", source, row_group_size=100, compression="zstd")
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(EXCHANGE_SCHEMA.get_field_index("prompt"))
    data = bytearray(path.read_bytes())
    data[chunk.dictionary_page_offset : chunk.dictionary_page_offset + 200] = b"\xff" * 200
    path.write_bytes(data)
    rows, rejected = read(path)
    assert [each["exchange_id"] for each in rows] == [f"ex-{number}" for number in (*range(100), *range(200, 300))]
    assert [(each.row, each.reason) for each in rejected] == [(101, "a row group is damaged")]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_parquet_file_without_its_end(tmp_path: Path, content: bytes) -> None:
    whole = write(tmp_path / "whole.parquet", [row(1)])
    (tmp_path / "cut.parquet").write_bytes(content or whole.read_bytes()[:-30])
    rows, rejected = read(whole, tmp_path / "cut.parquet")
    assert len(rows) == 1
    assert [(each.file, each.row) for each in rejected] == [(str(tmp_path / "cut.parquet"), 1)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
def test_a_file_without_rows_is_no_fault(tmp_path: Path, name: str) -> None:
    empty = gzip.compress(b"") if name.endswith("gz") else b""
    (tmp_path / name).write_bytes(empty)
    assert read(tmp_path / name) == ([], [])
    (tmp_path / "head.csv").write_text("account_id,timestamp\n")
    assert read(tmp_path / "head.csv") == ([], [])


def test_rows_of_csv_are_counted_as_an_editor_counts(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    body = f'account_id,timestamp,prompt\na,{WHEN},"one\ntwo"\n\n,{WHEN},x\nb,{WHEN},"open'
    path.write_text(body)
    rows, rejected = read(path)
    assert [each["account_id"] for each in rows] == ["a"]
    assert [(each.row, each.reason) for each in rejected] == [
        (5, "account_id is missing"),
        (6, "the row's quotes do not match"),
    ]
    path.write_text(body.replace('"open', "closed"))
    rows, rejected = read(path)
    assert [each["account_id"] for each in rows] == ["a", "b"]
    assert [each.row for each in rejected] == [5]


def test_csv_rows_of_another_length(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"account_id,timestamp\r\na,{WHEN}\r\nb\r\nc,{WHEN},more\r\nd,{WHEN}\r\n")
    rows, rejected = read(tmp_path / "log.csv")
    assert [each["account_id"] for each in rows] == ["a", "d"]
    assert [each.row for each in rejected] == [3, 4]


def test_lines_end_as_they_please_and_may_be_blank(tmp_path: Path) -> None:
    lines = [json.dumps(row(number)) for number in (1, 2, 3)]
    (tmp_path / "log.jsonl").write_bytes(("\ufeff" + "\r\n\r\n \n".join(lines)).encode())
    rows, rejected = read(tmp_path / "log.jsonl")
    assert [each["exchange_id"] for each in rows] == ["ex-1", "ex-2", "ex-3"]
    assert rejected == []
    (tmp_path / "log.jsonl").write_bytes(("\r\n\r\n".join([*lines, "{}"])).encode())
    assert [each.row for each in read(tmp_path / "log.jsonl")[1]] == [7]


BAD_LINES = st.sampled_from(
    [
        b"not json",
        b"{",
        b"}",
        b"[1, 2]",
        b"3",
        b"null",
        b'"text"',
        b"{} {}",
        b'{"a": {"b": 1}',
        b'{"account_id": "a"}',
        b'{"account_id": "", "timestamp": "2026-05-01T10:00:00Z"}',
        b'{"account_id": {}, "timestamp": "2026-05-01T10:00:00Z"}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00"}',
        b'{"account_id": "a", "timestamp": "2999-05-01T10:00:00Z"}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "prompt": "\\ud800"}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "prompt": "\xff"}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "turn": 1.5}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "turn": [1]}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "prompt": ["x"]}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z"}{"account_id": "b"}',
        b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "prompt": "\x01"}',
    ]
) | st.binary(min_size=1, max_size=12).filter(lambda line: b"\n" not in line and not line.isspace() and line != b"{}")
GOOD_LINES = st.fixed_dictionaries(
    {"account_id": st.text(min_size=1, max_size=4).filter(str.strip) | st.integers(0, 9)},
    optional={
        "prompt": st.none() | st.text(min_size=1, max_size=8).filter(str.strip),
        "turn": st.none() | st.integers(0, 2**31 - 1) | st.just("4") | st.just(3.0),
        "temperature": st.none() | st.floats(0, 2) | st.integers(0, 2) | st.just("0.5"),
        "reasoning": st.none() | st.booleans() | st.just("true"),
        "other": st.none() | st.integers() | st.lists(st.text(max_size=2)) | st.just({"a": {"b": []}}),
        "user_agent": st.none() | st.text(max_size=3),
    },
)


@given(
    st.lists(st.tuples(st.just(True), GOOD_LINES) | st.tuples(st.just(False), BAD_LINES), max_size=12),
    st.sampled_from([WHEN, 1_777_629_600, 1_777_629_600_000.0]),
    st.booleans(),
    st.sampled_from([24, 80, 8 << 20]),
)
def test_any_mix_of_lines_gives_the_good_rows_and_one_rejection_a_bad_line(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[bool, Any]],
    when: object,
    ends: bool,
    block_bytes: int,
) -> None:
    path = tmp_path_factory.mktemp("mix") / "log.jsonl"
    lines = [(True, {"account_id": "first"}), *lines]  # A file without any known record is refused whole.
    text = [
        json.dumps({"timestamp": when, **line}).encode("utf-8", "surrogatepass") if good else line
        for good, line in lines
    ]
    path.write_bytes(b"\n".join(text) + b"\n" * ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stillwatch.exchange.source_parts.BLOCK_BYTES", block_bytes)
        rows, rejected = read(path)
    good = [line for good, line in lines if good]
    assert [each["account_id"] for each in rows] == [str(line["account_id"]) for line in good]
    for name in ("prompt", "turn", "temperature"):
        want = [line.get(name) for line in good]
        assert [each.get(name) for each in rows] == [
            value if name == "prompt" or value is None else float(value) for value in want
        ]
    assert [each.row for each in rejected] == [number for number, (good, _) in enumerate(lines, 1) if not good]


def test_large_files_of_lines_are_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = [row(number) for number in range(200)]
    path = write(tmp_path / "log.jsonl", [*source[:120], {**source[120], "account_id": None}, *source[121:]])
    monkeypatch.setattr(reading, "PART_BYTES", 5_000)
    monkeypatch.setattr(reading, "READ_BYTES", 1_500)
    found = parts([path], now=NOW)
    assert len(found) > 5
    assert found[0].rows_before == 0
    rows, rejected = read(path)
    assert [each["exchange_id"] for each in rows] == [f"ex-{number}" for number in range(200) if number != 120]
    assert [each.row for each in rejected] == [121]
    before = [part.rows_before for part in found]
    assert before == sorted(set(before))


def test_row_groups_become_parts_with_their_earliest_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    source = [row(number, timestamp=start + dt.timedelta(hours=number)) for number in range(10)]
    path = write(tmp_path / "log.parquet", source, row_group_size=2)
    monkeypatch.setattr(reading, "PART_ROWS", 8)
    found = parts([path], now=NOW)
    assert [part.rows_before for part in found] == [0, 4, 8]
    assert [part.earliest_us for part in found] == [
        int((start + dt.timedelta(hours=hours)).timestamp() * 1e6) for hours in (0, 4, 8)
    ]
    assert [part.read().exchanges.num_rows for part in found] == [4, 4, 2]
    assert len({part.file for part in found}) == 1


def test_earliest_time_is_unknown_without_statistics(tmp_path: Path) -> None:
    path = write(tmp_path / "log.parquet", [row(1, timestamp=NOW)], write_statistics=False)
    assert parts([path], now=NOW)[0].earliest_us is None
    assert parts([write(tmp_path / "log.csv", [row(1)])], now=NOW)[0].earliest_us is None


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_mapping_renames_columns(tmp_path: Path, kind: str) -> None:
    source = [{"customer": "ann", "when": WHEN, "text": "hello", "prompt": "template 7"}]
    path = write(tmp_path / f"log.{kind}", source)
    mapping = {"account_id": "customer", "timestamp": "when", "prompt": "text", "request_model": "prompt"}
    rows, rejected = read(path, mapping=mapping)
    assert rejected == []
    assert (rows[0]["account_id"], rows[0]["prompt"], rows[0]["request_model"]) == ("ann", "hello", "template 7")
    with pytest.raises(SourceError, match="no file has the column 'client'"):
        parts([path], now=NOW, mapping={**mapping, "client_address": "client"})
    with pytest.raises(SourceError, match="no known format"):
        parts([path], now=NOW)


def test_a_table_of_accounts_among_the_exchanges(tmp_path: Path) -> None:
    path = write(tmp_path / "accounts.csv", [{"account_id": "a", "created_at": WHEN, "plan": "pro"}])
    with pytest.raises(SourceError, match="--accounts"):
        parts([path], now=NOW)


def test_absent_columns_are_told_with_their_cost(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", [{"account_id": "a", "timestamp": WHEN, "prompt": "x"}])
    two = write(tmp_path / "two.jsonl", [{"account_id": "a", "timestamp": WHEN, "status": 200, "turn": None}])
    absent = dict(absent_columns([one, two]))
    assert {"turn", "tls_ja4", "exchange_id"} <= absent.keys()
    assert not {"prompt", "status", "account_id"} & absent.keys()
    assert absent["status" if "status" in absent else "turn"] == "single-shot automation looks like conversation"
    assert absent_columns([write(tmp_path / "full.parquet", [row(1)])]) == ()


def test_now_needs_a_zone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zone"):
        parts([write(tmp_path / "log.csv", [row(1)])], now=dt.datetime(2026, 6, 1))


def test_parts_are_read_in_any_thread_and_twice_the_same(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = write(tmp_path / "log.parquet", [row(number) for number in range(50)], row_group_size=10)
    found = parts([path], now=NOW) * 4
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda part: part.read().exchanges, found))
    assert all(table.equals(tables[0]) for table in tables)


@pytest.mark.shared
def test_real_users_are_read_whole() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "real_users.parquet"
    if not path.is_file():
        pytest.skip("the real material is not beside the project")
    rows, rejected = read(path, assume_utc=True)
    assert len(rows) + len(rejected) == pq.ParquetFile(path).metadata.num_rows
    assert len(rows) > 4_000
    assert {each.reason for each in rejected} <= {"prompt is blank", "account_id is missing"}
    assert dict(absent_columns([path])).keys() >= {"tls_ja4", "client_address"}
