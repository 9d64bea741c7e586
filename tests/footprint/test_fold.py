"""Folding: every count and sample against plain Python over the rows, and not a word of text in the result."""

from __future__ import annotations

import runpy
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.exchange.pseudonym import address_prefix
from stillwatch.footprint.fold import fold, fold_footprints
from stillwatch.footprint.footprints import FIELDS, HOUR_US, HOURS, SETTINGS, Footprints

HERE = Path(__file__).parent
SLOW: Any = SimpleNamespace(**runpy.run_path(str(HERE / "slow_reference.py")))
TABLES: Any = SimpleNamespace(**runpy.run_path(str(HERE / "exchange_tables.py")))
KEY = b"a key for the tests only"
FOLDING = TABLES.folding_with(KEY)
SAMPLES = [field for field in FIELDS if field.rule in ("distinct", "sample")]


def keyed(field: str, value: str | None) -> Any:
    return SLOW.EMPTY if value is None else int(FOLDING.hashes(field, pa.array([value]))[0])


def settings_bucket(row: dict[str, Any]) -> int:
    value = 0
    for name, step in (("temperature", 1000), ("max_tokens", 1), ("choice_count", 1)):
        known = -1 if row[name] is None else round(max(-(2**40), min(2**40, float(row[name]))) * step)
        value = value * 1_000_003 + known & SLOW.MASK
    return int(SLOW.mixed(value) % SETTINGS)


def client(row: dict[str, Any]) -> Any:
    sides = [keyed(name, row[name]) for name in ("user_agent", "tls_ja4")]
    return SLOW.EMPTY if sides == [SLOW.EMPTY] * 2 else SLOW.chained(*sides)


def system(row: dict[str, Any]) -> Any:
    phrase = SLOW.phrase(SLOW.words((row["system_instructions"] or "").encode()))
    return SLOW.keyed(phrase, tuple(map(int, FOLDING.text_key))) if phrase else SLOW.EMPTY


def signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def address_labels(row: dict[str, Any]) -> list[int]:
    prefix = address_prefix(pa.array([row["client_address"]], pa.string()))[0].as_py()
    country = row["client_country"] or ""
    packed = 256 * ord(country[0]) + ord(country[1]) if len(country) == 2 and country.isascii() else 0
    return [
        signed(keyed("prefix", prefix)) if prefix else 0,
        -1 if row["client_asn"] is None else row["client_asn"],
        packed,
    ]


def sample_of(rows: list[dict[str, Any]], name: str) -> tuple[list[int], list[int], list[list[int]]]:
    """The smallest distinct hashes of a sample, their counts, and the greatest of each label."""
    hash_and_labels: dict[str, Callable[[dict[str, Any]], tuple[Any, list[int]]]] = {
        "models": lambda row: (keyed("request_model", row["request_model"]), [-row["timestamp"]]),
        "clients": lambda row: (client(row), []),
        "systems": lambda row: (system(row), []),
        "addresses": lambda row: (keyed("client_address", row["client_address"]), address_labels(row)),
    }
    seen: dict[int, list[list[int]]] = defaultdict(list)
    for row in rows:
        value, labels = hash_and_labels[name](row)
        if value != SLOW.EMPTY:
            seen[value].append(labels)
    width = next(field.width for field in FIELDS if field.name == name)
    kept = sorted(seen)[:width]
    greatest = [[max(of) for of in zip(*seen[value], strict=True)] for value in kept]
    return kept, [len(seen[value]) for value in kept], greatest


def counts_of(rows: list[dict[str, Any]]) -> dict[str, int]:
    def known(name: str) -> list[Any]:
        return [row[name] for row in rows if row[name] is not None]

    return {
        "exchanges": len(rows),
        "refused": known("status").count(429),
        "blocked": known("status").count(401) + known("status").count(403),
        "status_known": len(known("status")),
        "turn_known": len(known("turn")),
        "turn_zero": known("turn").count(0),
        "turn_sum": sum(known("turn")),
        "input_known": len(known("input_tokens")),
        "input_tokens": sum(known("input_tokens")),
        "output_known": len(known("output_tokens")),
        "output_tokens": sum(known("output_tokens")),
        "choice_known": len(known("choice_count")),
        "choice_sum": sum(known("choice_count")),
        "reasoning_known": len(known("reasoning")),
        "reasoning_asked": sum(known("reasoning")),
        "prompts": len(known("prompt")),
        "prompt_bytes": sum(len(prompt.encode()) for prompt in known("prompt")),
        "first_us": min(row["timestamp"] for row in rows),
        "last_us": max(row["timestamp"] for row in rows),
    }


def check_account(footprints: Footprints, at: int, rows: list[dict[str, Any]]) -> None:
    for name, count in counts_of(rows).items():
        assert footprints.arrays[name][at] == count, name
    hours = np.zeros(HOURS, np.int64)
    for row in rows:
        hour = (row["timestamp"] - footprints.origin_us) // HOUR_US
        if 0 <= hour < HOURS:
            hours[hour] += 1
    assert np.array_equal(footprints.hours[at], hours)
    set_rows = [row for row in rows if any(row[n] is not None for n in ("temperature", "max_tokens", "choice_count"))]
    buckets = np.bincount([settings_bucket(row) for row in set_rows] or [0], minlength=SETTINGS) * bool(set_rows)
    assert footprints.arrays["settings"][at].tolist() == buckets.tolist()
    assert footprints.arrays["settings_known"][at] == len(set_rows)
    for name in ("models", "clients", "systems", "addresses"):
        kept, counts, labels = sample_of(rows, name)
        used = len(kept)
        assert footprints.arrays[name][at].tolist() == kept + [SLOW.EMPTY] * (footprints.arrays[name].shape[1] - used)
        assert footprints.arrays[f"{name}_exchanges"][at][:used].tolist() == counts
        beside = [field.name for field in FIELDS if field.sample == name and not field.adds]
        assert [[int(footprints.arrays[b][at][k]) for b in beside] for k in range(used)] == labels


@given(TABLES.contents(), st.integers(0, 2**32 - 1))
def test_every_count_and_sample_is_that_of_plain_python(content: dict[str, list[Any]], seed: int) -> None:
    rows = range(len(content["timestamp"]))
    footprints = fold_footprints(TABLES.laid_out(content, rows, np.random.default_rng(seed)), FOLDING)
    by_account: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_account[content["account_id"][row]].append({name: values[row] for name, values in content.items()})
    assert sorted(footprints.account_id.to_pylist()) == sorted(by_account)
    for at, account in enumerate(footprints.account_id.to_pylist()):
        check_account(footprints, at, by_account[account])


@given(TABLES.contents(), st.integers(0, 2**32 - 1))
def test_the_layout_of_the_table_leaves_no_trace(content: dict[str, list[Any]], seed: int) -> None:
    """Dictionaries, chunks, slices and absent columns in place of null ones: the same bytes, prompts included."""
    rows = range(len(content["timestamp"]))
    other = fold(TABLES.laid_out(content, rows, np.random.default_rng(seed)), FOLDING).sort_by("account_id")
    assert other.equals(fold(TABLES.plain(content), FOLDING).sort_by("account_id"), check_metadata=True)


def many(rows: int, **columns: Any) -> pa.Table:
    table = {"timestamp": pa.array([TABLES.ORIGIN_US] * rows, pa.timestamp("us", "UTC")), "account_id": ["a"] * rows}
    return pa.table({**table, **columns})


@pytest.mark.parametrize("rows", [65_534, 65_535, 65_536, 66_000])
def test_hours_saturate_and_nothing_else_does(rows: int) -> None:
    footprints = fold_footprints(many(rows), FOLDING)
    assert footprints.hours[0, 0] == min(rows, 65_535) and footprints.hours[0, 1:].sum() == 0
    assert footprints.arrays["exchanges"][0] == rows


def test_hours_outside_the_window_are_counted_as_exchanges_only() -> None:
    edges = [-1, 0, HOUR_US - 1, HOUR_US, HOURS * HOUR_US - 1, HOURS * HOUR_US]
    when = pa.array([TABLES.ORIGIN_US + edge for edge in edges], pa.timestamp("us", "UTC"))
    footprints = fold_footprints(pa.table({"timestamp": when, "account_id": ["a"] * len(edges)}), FOLDING)
    assert np.flatnonzero(footprints.hours[0]).tolist() == [0, 1, HOURS - 1]
    assert footprints.hours[0, [0, 1, HOURS - 1]].tolist() == [2, 1, 1]
    assert footprints.arrays["exchanges"][0] == len(edges)


def test_accounts_stand_in_order_of_first_appearance_and_a_null_is_no_value() -> None:
    model = pa.array([None, "m", None, "m"], pa.string()).dictionary_encode(null_encoding="encode")
    when = pa.array([TABLES.ORIGIN_US] * 4, pa.timestamp("us", "UTC"))
    table = pa.table({"timestamp": when, "account_id": ["z", "a", "a", "k"], "request_model": model})
    footprints = fold_footprints(table, FOLDING)
    assert footprints.account_id.to_pylist() == ["z", "a", "k"]
    assert (footprints.hashes("models") != np.uint64(SLOW.EMPTY)).sum(axis=1).tolist() == [0, 1, 1]


def test_a_setting_is_the_same_setting_at_any_width() -> None:
    wide = fold(many(3, temperature=pa.array([0.7, 0.1, 0.3], pa.float64())), FOLDING)
    narrow = fold(many(3, temperature=pa.array([0.7, 0.1, 0.3], pa.float32())), FOLDING)
    assert wide.equals(narrow)
    assert np.count_nonzero(Footprints.from_arrow(wide).arrays["settings"]) > 1


def test_unlimited_tokens_and_other_absurd_numbers_do_no_harm() -> None:
    """A limit of 2**63 - 1 means none; sums of such numbers must still not depend on the order of the rows."""
    tokens = np.array([2**63 - 1, 1, 2**53, 3, 5, 2**62], np.int64)
    forth = fold(many(6, max_tokens=pa.array(tokens), output_tokens=pa.array(tokens)), FOLDING)
    back = fold(many(6, max_tokens=pa.array(tokens[::-1]), output_tokens=pa.array(tokens[::-1])), FOLDING)
    assert forth.equals(back)
    assert Footprints.from_arrow(forth).arrays["output_tokens"][0] >= 2**41


SECRETS = {
    "prompt": "Weshalb verschweigt Rechtsanwältin Brunnhilde Katzenellenbogen die Erbschaft 一二三四五六七八",
    "system_instructions": "Confidential: pretend to be Persephone, concierge of Grandhotel Miramar",
    "user_agent": "SecretiveHarvester/31.4 (Unannounced)",
    "tls_ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "client_address": "203.0.113.177",
    "request_model": "unreleased-colossus-9000",
}


def serialised(footprints: pa.Table) -> bytes:
    """The whole as a file, with columns named by number so that their names match no word."""
    sink = pa.BufferOutputStream()
    numbered = footprints.rename_columns([str(k) for k in range(footprints.num_columns)])
    with pa.ipc.new_stream(sink, numbered.schema) as writer:
        writer.write_table(numbered)
    return bytes(sink.getvalue())


def test_no_text_survives() -> None:
    secrets = {name: pa.array([text] * 3, pa.large_string()) for name, text in SECRETS.items()}
    found = serialised(fold(many(3, **secrets).set_column(1, "account_id", [["findable"] * 3]), FOLDING)).lower()
    assert b"findable" in found
    words = {word for text in SECRETS.values() for word in text.lower().split() if len(word.encode()) >= 6}
    assert len(words) >= 15
    for word in words:
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            assert word.encode(encoding) not in found, word


@settings(max_examples=30)
@given(TABLES.contents(rows_max=15))
def test_no_word_of_random_prompts_survives(content: dict[str, list[Any]]) -> None:
    found = serialised(fold(TABLES.plain(content), FOLDING)).lower()
    texts = [text for name in ("prompt", "system_instructions", "client_address") for text in content[name] if text]
    for word in {word for text in texts for word in text.lower().split() if len(word.encode()) >= 6}:
        assert word.encode() not in found, word


def test_hashes_change_with_the_key_and_counts_do_not() -> None:
    table = many(4, **{name: pa.array([f"{text} {kind}" for kind in "abcd"]) for name, text in SECRETS.items()})
    table = table.set_column(
        table.column_names.index("client_address"), "client_address", [[f"192.0.{k}.1" for k in range(4)]]
    )
    mine, theirs = (fold_footprints(table, TABLES.folding_with(key)) for key in (KEY, KEY[::-1]))
    for field in SAMPLES:
        here, there = (set(side.hashes(field.name)[0].tolist()) - {SLOW.EMPTY} for side in (mine, theirs))
        assert min(len(here), len(there)) >= 2 and not here & there, field.name
        # Which shingles stand for a prompt is the key's choice too; of all else there is as much under any key.
        assert field.name == "shingles" or len(here) == len(there), field.name
    assert not set(mine.arrays["address_prefix"][0, :4].tolist()) & set(theirs.arrays["address_prefix"][0, :4].tolist())
    for field in FIELDS:
        if field.rule in ("sum", "saturate", "least", "greatest") and field.name != "templates":
            assert np.array_equal(mine.arrays[field.name], theirs.arrays[field.name]), field.name


def test_fields_do_not_share_hashes() -> None:
    """One string in two columns must not betray that it is the same."""
    same = pa.array(["10.1.2.3"])
    footprints = fold_footprints(many(1, client_address=same, user_agent=same, request_model=same), FOLDING)
    firsts = {int(footprints.hashes(name)[0, 0]) for name in ("addresses", "clients", "models")}
    assert len(firsts) == 3 and SLOW.EMPTY not in firsts


@pytest.mark.parametrize("chunks", [0, 1])
def test_no_exchanges_leave_no_footprints(chunks: int) -> None:
    empty = TABLES.plain({name: [] for name in ["timestamp", "account_id", *TABLES.OPTIONAL]})
    table = pa.table(
        [pa.chunked_array(column.chunks[:chunks], column.type) for column in empty.columns], schema=empty.schema
    )
    footprints = fold(table, FOLDING)
    assert footprints.num_rows == 0 and len(Footprints.from_arrow(footprints)) == 0
