"""``fold``: exchanges in, footprints out, without a Python loop over exchanges and without keeping a word of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.footprint.footprints import (
    EMPTY,
    FIELDS,
    HOUR_US,
    HOURS,
    SETTINGS,
    Footprints,
    blank,
)
from stillwatch.footprint.prompts import PromptSums, add_prompts
from stillwatch.footprint.samples import add_counted
from stillwatch.footprint.words import chained, keyed, mixed, phrase_hash
from stillwatch.statistics.compiled import compiled

_GREATEST = 2.0**40  # Absurd numbers count as this, so that sums stay exact and 2**63 - 1 ("no limit") fits.

Hash = Callable[[str, pa.Array], NDArray[np.uint64]]
"""Keyed 64-bit hashes of distinct non-null strings of a named field; never EMPTY."""


@dataclass(frozen=True)
class Folding:
    """What ``fold`` needs beside the exchanges.

    Attributes:
        hashes: The operator's keyed hash. Footprints made with different keys cannot be merged.
        prefixes: The /24 or /48 of each of some distinct addresses, as strings.
        origin_us: The instant at which the window of hours begins, a multiple of an hour.
    """

    hashes: Hash
    prefixes: Callable[[pa.Array], pa.Array]
    origin_us: int

    @property
    def text_key(self) -> NDArray[np.uint64]:
        """The key of the hashes of texts, two words."""
        return np.asarray(self.hashes("text", pa.array(["first", "second"])), np.uint64)


def fold(exchanges: pa.Table, folding: Folding) -> pa.Table:
    """Return the footprints of the accounts in ``exchanges``, one row each, in order of first appearance.

    Args:
        exchanges: Columns as in ``exchange.schema``; ``timestamp`` and ``account_id`` without nulls, any other
            column absent or with nulls where there is no data.
        folding: The key and the window.

    Returns:
        A table of ``FOOTPRINT_SCHEMA``. Folding any split of the rows in any order and merging the parts gives the
        same footprints.
    """
    return fold_footprints(exchanges, folding).to_arrow()


def fold_footprints(exchanges: pa.Table, folding: Folding) -> Footprints:
    """Return ``fold``'s result as numpy views."""
    owner, ids = _codes(exchanges["account_id"])
    footprints = blank(ids, folding.origin_us)
    arrays = footprints.arrays
    when = (
        _chunk(exchanges["timestamp"]).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )
    arrays["exchanges"] += np.bincount(owner, minlength=len(ids))
    np.minimum.at(arrays["first_us"], owner, when)
    np.maximum.at(arrays["last_us"], owner, when)
    _add_hours(footprints.hours, owner, (when - folding.origin_us) // HOUR_US)
    _fold_numbers(arrays, exchanges, owner)
    _fold_settings(arrays, exchanges, owner)
    _fold_prompts(arrays, exchanges, owner, folding)
    _fold_samples(arrays, exchanges, owner, when, folding)
    return footprints


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without copying where it is one already."""
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks()


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return each row's place among the distinct values, and the values; -1 where the column is null."""
    array = _chunk(column)
    if pa.types.is_dictionary(array.type) and array.dictionary.null_count:
        array = array.cast(array.type.value_type)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    used = np.zeros(len(array.dictionary) + 1, bool)
    used[codes] = True
    used = used[:-1]
    if used.all():
        return codes, array.dictionary.cast(pa.large_string())
    place = np.append(np.cumsum(used) - 1, -1)
    return place[codes], array.dictionary.filter(pa.array(used)).cast(pa.large_string())


@compiled
def _add_hours(hours: NDArray[np.uint16], owner: NDArray[np.int64], hour: NDArray[np.int64]) -> None:
    for row in range(len(owner)):
        if 0 <= hour[row] < HOURS and hours[owner[row], hour[row]] < np.uint16(65535):
            hours[owner[row], hour[row]] += np.uint16(1)


def _sums(owner: NDArray[np.int64], values: NDArray[np.float64], accounts: int) -> NDArray[np.int64]:
    """Sum whole ``values`` by account; exact below 2**53."""
    return np.bincount(owner, weights=values, minlength=accounts).astype(np.int64)


def _numbers(exchanges: pa.Table, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return a column's values, 0 for null, and where it is known; None where the column is absent."""
    if name not in exchanges.column_names:
        return None
    array = _chunk(exchanges[name])
    known = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    values = array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.clip(values, -_GREATEST, _GREATEST, out=values), known


def _fold_numbers(arrays: dict[str, NDArray[Any]], exchanges: pa.Table, owner: NDArray[np.int64]) -> None:
    accounts = len(arrays["exchanges"])
    for column, known_name, sum_name in (
        ("turn", "turn_known", "turn_sum"),
        ("input_tokens", "input_known", "input_tokens"),
        ("output_tokens", "output_known", "output_tokens"),
        ("choice_count", "choice_known", "choice_sum"),
        ("reasoning", "reasoning_known", "reasoning_asked"),
        ("status", "status_known", ""),
    ):
        found = _numbers(exchanges, column)
        if found is None:
            continue
        values, known = found
        arrays[known_name] = arrays[known_name] + _sums(owner, known.astype(np.float64), accounts)
        if sum_name:
            arrays[sum_name] = arrays[sum_name] + _sums(owner, values, accounts)
        if column == "turn":
            arrays["turn_zero"] = arrays["turn_zero"] + _sums(owner, ((values == 0) & known).astype(float), accounts)
        if column == "status":
            for name, codes in (("refused", (429,)), ("blocked", (401, 403))):
                arrays[name] = arrays[name] + _sums(owner, np.isin(values, codes).astype(np.float64), accounts)


def _fold_settings(arrays: dict[str, NDArray[Any]], exchanges: pa.Table, owner: NDArray[np.int64]) -> None:
    accounts = len(arrays["exchanges"])
    value = np.zeros(len(owner), np.int64)
    known_any = np.zeros(len(owner), bool)
    for step, name in ((1_000, "temperature"), (1, "max_tokens"), (1, "choice_count")):
        found = _numbers(exchanges, name)
        value = value * 1_000_003
        if found is None:
            value -= 1  # As a null: of two parts of one log, one may lack a column that is null throughout.
        else:
            # Integers from here on: 0.7 as 32-bit and as 64-bit number must fall into one bucket.
            value += np.where(found[1], np.rint(found[0] * step), -1).astype(np.int64)
            known_any |= found[1]
    with np.errstate(over="ignore"):
        bucket = (mixed_array(value.astype(np.uint64)) % np.uint64(SETTINGS)).astype(np.int64)
    flat = np.bincount((owner * SETTINGS + bucket)[known_any], minlength=accounts * SETTINGS)
    arrays["settings"] = arrays["settings"] + flat.reshape(accounts, SETTINGS)
    arrays["settings_known"] = arrays["settings_known"] + _sums(owner, known_any.astype(np.float64), accounts)


@compiled
def mixed_array(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter the bits of each value."""
    out = np.empty_like(values)
    for k in range(len(values)):
        out[k] = mixed(values[k])
    return out


def _text(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes and offsets of a string array."""
    if not pa.types.is_large_string(array.type):
        array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    begin = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    return np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8), begin


def _fold_prompts(
    arrays: dict[str, NDArray[Any]], exchanges: pa.Table, owner: NDArray[np.int64], folding: Folding
) -> None:
    if "prompt" not in exchanges.column_names:
        return
    counts = np.zeros((len(arrays["exchanges"]), 7), np.int64)
    kept = ("templates", "topic", "shingles", "shingles_exchanges", "whole_prompts")
    sums = PromptSums(counts, *(arrays[name] for name in kept))
    column = exchanges["prompt"]
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.large_string())
    row = 0
    for chunk in column.chunks:
        data, offsets = _text(chunk)
        present = chunk.is_valid().to_numpy(zero_copy_only=False)
        add_prompts(sums, owner[row : row + len(chunk)], data, offsets, present, folding.text_key)
        row += len(chunk)
    for k, name in enumerate(("prompts", "prompt_bytes", "coercion", "reasoning", "grading", "training", "eliciting")):
        arrays[name] = arrays[name] + counts[:, k]


def _hashed(
    exchanges: pa.Table, name: str, hashes: Callable[[pa.Array], NDArray[np.uint64]]
) -> tuple[NDArray[np.int64], NDArray[np.uint64], pa.Array] | None:
    """Return each row's code (-1 null), the codes' hashes with EMPTY at the end, and the codes' values."""
    if name not in exchanges.column_names:
        return None
    codes, values = _codes(exchanges[name])
    return codes, np.append(hashes(values), EMPTY), values


def _fold_samples(
    arrays: dict[str, NDArray[Any]],
    exchanges: pa.Table,
    owner: NDArray[np.int64],
    when: NDArray[np.int64],
    folding: Folding,
) -> None:
    def keyed(field: str) -> Callable[[pa.Array], NDArray[np.uint64]]:
        return lambda values: folding.hashes(field, values)

    model = _hashed(exchanges, "request_model", keyed("request_model"))
    if model is not None:
        _add(arrays, "models", owner, model[1][model[0]], -when[None, :])
    system = _hashed(exchanges, "system_instructions", lambda values: _masked_hashes(values, folding.text_key))
    if system is not None:
        _add(arrays, "systems", owner, system[1][system[0]], np.zeros((0, len(owner)), np.int64))
    agent = _hashed(exchanges, "user_agent", keyed("user_agent"))
    ja4 = _hashed(exchanges, "tls_ja4", keyed("tls_ja4"))
    if agent is not None or ja4 is not None:
        sides = [np.full(len(owner), EMPTY) if side is None else side[1][side[0]] for side in (agent, ja4)]
        _add(arrays, "clients", owner, _paired(sides[0], sides[1]), np.zeros((0, len(owner)), np.int64))
    address = _hashed(exchanges, "client_address", keyed("client_address"))
    if address is not None:
        codes, hashes, values = address
        prefix = np.append(folding.hashes("prefix", folding.prefixes(values)), np.uint64(0)).view(np.int64)
        labels = np.stack([prefix[codes], _asn(exchanges, len(owner)), _country(exchanges, len(owner))])
        _add(arrays, "addresses", owner, hashes[codes], labels)


def _add(
    arrays: dict[str, NDArray[Any]],
    name: str,
    owner: NDArray[np.int64],
    values: NDArray[np.uint64],
    labels: NDArray[np.int64],
) -> None:
    """Add each row's value to the sample ``name``; rows with the value EMPTY have none."""
    beside = [field.name for field in FIELDS if field.sample == name and not field.adds]
    width = arrays[name].shape[1]
    greatest = np.zeros((len(beside), len(arrays[name]), width), np.int64)
    for k, label in enumerate(beside):
        greatest[k] = arrays[label]
    ones = np.ones(len(owner), np.int64)
    add_counted(arrays[name], arrays[f"{name}_exchanges"], greatest, owner, values, ones, labels)
    for k, label in enumerate(beside):
        arrays[label] = greatest[k]


@compiled
def _paired(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.empty_like(left)
    for k in range(len(left)):
        if left[k] == EMPTY and right[k] == EMPTY:
            out[k] = EMPTY
        else:
            out[k] = min(chained(left[k], right[k]), EMPTY - np.uint64(1))
    return out


def _masked_hashes(values: pa.Array, key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    data, offsets = _text(values)
    return _phrase_hashes(data, offsets, key)


@compiled
def _phrase_hashes(data: NDArray[np.uint8], offsets: NDArray[np.int64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(out)):
        phrase = phrase_hash(data, offsets[k], offsets[k + 1])
        out[k] = EMPTY if phrase == np.uint64(0) else keyed(phrase, key)
    return out


def _asn(exchanges: pa.Table, rows: int) -> NDArray[np.int64]:
    found = _numbers(exchanges, "client_asn")
    return np.full(rows, -1, np.int64) if found is None else np.where(found[1], found[0], -1).astype(np.int64)


def _country(exchanges: pa.Table, rows: int) -> NDArray[np.int64]:
    """Return 256 * first + second letter of each row's country, 0 where unknown."""
    if "client_country" not in exchanges.column_names:
        return np.zeros(rows, np.int64)
    codes, values = _codes(exchanges["client_country"])
    packed = [256 * ord(v[0]) + ord(v[1]) if len(v) == 2 and v.isascii() else 0 for v in values.to_pylist()]
    return np.array([*packed, 0], np.int64)[codes]
