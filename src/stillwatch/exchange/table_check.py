"""From a source's columns to canonical ones: types, then the checks that decide which rows are kept.

All of it is vectorised. A column is looked at value by value only when Arrow cannot convert it, and a list of bad
rows is made only where there are any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.blankness import blank
from stillwatch.exchange.schema import TIMESTAMP, Column
from stillwatch.exchange.values import (
    EARLIEST_S,
    NO_ZONE,
    NOT_A_TIME,
    TOO_EARLY,
    UNITS_PER_S,
    UnusableError,
    converter,
    lowest,
    not_utf8,
)

PROMPT_BYTES_MAX = 1 << 20
FUTURE_TOLERANCE_US = 24 * 3_600_000_000
# Where an empty text says no more than a null.
_EMPTY_IS_NULL = frozenset(
    {"exchange_id", "conversation_id", "request_model", "system_instructions", "client_address", "client_country"}
    | {"user_agent", "tls_ja4", "plan", "email_domain", "payment_fingerprint", "organization_id", "billing_country"}
    | {"verification_level"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row is judged by.

    Attributes:
        now_us: Microseconds since 1970; a later timestamp by more than a day is refused.
        assume_utc: Take timestamps without a zone as UTC.
    """

    now_us: int
    assume_utc: bool = False


@dataclass(slots=True)
class Verdicts:
    """Which rows are still good, and the first fault of each that is not."""

    good: NDArray[np.bool_]
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)

    def refuse(self, rows: NDArray[np.int64], reason: str, hint: str) -> None:
        """Refuse ``rows``; a row that was refused before keeps its first fault."""
        for row in rows[self.good[rows]]:
            self.faults[int(row)] = (reason, hint)
        self.good[rows] = False

    def refuse_where(self, mask: pa.Array | pa.ChunkedArray, reason: str, hint: str) -> None:
        """Refuse the rows where ``mask`` is true; a null is not."""
        flags = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
        self.refuse(np.flatnonzero(flags), reason, hint)

    def rejected(self, file: str, rows: NDArray[np.int64]) -> tuple[Rejected, ...]:
        """Return the refused rows in order, numbered by ``rows``."""
        return tuple(Rejected(file, int(rows[row]), *self.faults[row]) for row in sorted(self.faults))


def canonical(
    raw: Mapping[str, pa.ChunkedArray], columns: tuple[Column, ...], rules: Rules, verdicts: Verdicts
) -> dict[str, pa.ChunkedArray]:
    """Return the columns of ``raw`` in their canonical types, and refuse the rows where that fails.

    Strings stay as they are encoded; numbers are cast where their type differs.

    Args:
        raw: By canonical name, equally long.
        columns: The columns to take, in the order wanted.
        rules: How to judge.
        verdicts: Is told of the refused rows.
    """
    found: dict[str, pa.ChunkedArray] = {}
    for column in columns:
        if column.name in raw:
            found[column.name] = _converted(raw[column.name], column, rules, verdicts)
    return found


def _converted(values: pa.ChunkedArray, column: Column, rules: Rules, verdicts: Verdicts) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
        values, kind = values.cast(kind.value_type), kind.value_type
    if _is_text(column.type):
        if _is_text(kind) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type)):
            return _checked_text(values, column, verdicts)
        if pa.types.is_integer(kind):
            return values.cast(column.type)
        return _one_by_one(values, column, rules, verdicts)
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(values), column.type)])
    if column.type == TIMESTAMP:
        return _instants(values, column, rules, verdicts)
    if _is_text(kind):  # CSV: numbers and truths are text.
        try:
            values = values.cast(column.type)
            kind = values.type
        except pa.ArrowInvalid:
            return _one_by_one(values, column, rules, verdicts)
    if pa.types.is_integer(column.type):
        return _integers(values, column, rules, verdicts)
    if pa.types.is_floating(column.type) and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return _finite(values.cast(column.type, safe=False))
    if pa.types.is_boolean(kind):
        return values
    return _one_by_one(values, column, rules, verdicts)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _one_by_one(values: pa.ChunkedArray, column: Column, rules: Rules, verdicts: Verdicts) -> pa.ChunkedArray:
    """Convert a column that Arrow cannot, refusing the rows whose values fit no reading."""
    convert = converter(column, assume_utc=rules.assume_utc)
    kept: list[object] = []
    faults: dict[tuple[str, str], list[int]] = {}
    for row, value in enumerate(values.to_pylist()):
        try:
            kept.append(convert(value))
        except UnusableError as error:
            kept.append(None)
            faults.setdefault((error.reason, error.hint), []).append(row)
    for (reason, hint), rows in faults.items():
        verdicts.refuse(np.array(rows, np.int64), reason, hint)
    if column.type == TIMESTAMP:
        return pa.chunked_array([pa.array(kept, pa.int64())]).cast(TIMESTAMP)
    return pa.chunked_array([pa.array(kept, column.type)])


def _integers(values: pa.ChunkedArray, column: Column, rules: Rules, verdicts: Verdicts) -> pa.ChunkedArray:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return _one_by_one(values, column, rules, verdicts)
    try:
        whole = values if values.type == column.type else values.cast(column.type)
    except pa.ArrowInvalid:
        return _one_by_one(values, column, rules, verdicts)
    low = lowest(column)
    least = pc.min(whole).as_py()
    if least is not None and least < low:
        verdicts.refuse_where(pc.less(whole, low), f"{column.name} is out of range", f"{column.name} is at least {low}")
    return whole


def _finite(values: pa.ChunkedArray) -> pa.ChunkedArray:
    extremes = pc.min_max(values)  # Skips nothing that is not a number: NaN shows in neither, so look for it too.
    unusual = pc.any(pc.is_nan(values)).as_py() or any(
        abs(extreme.as_py() or 0.0) == float("inf") for extreme in extremes.values()
    )
    if not unusual:
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _instants(values: pa.ChunkedArray, column: Column, rules: Rules, verdicts: Verdicts) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us"))
        kind = values.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None and not rules.assume_utc:
            verdicts.refuse_where(values.is_valid(), *_named(NO_ZONE, column))
            return pa.chunked_array([pa.nulls(len(values), TIMESTAMP)])
        return values if kind == TIMESTAMP else values.cast(TIMESTAMP, safe=False)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _epochs(values, column, verdicts)
    if _is_text(kind):
        try:
            return values.cast(TIMESTAMP)
        except pa.ArrowInvalid:
            pass
        if rules.assume_utc:
            try:
                return values.cast(pa.timestamp("us")).cast(TIMESTAMP)
            except pa.ArrowInvalid:
                pass
    return _one_by_one(values, column, rules, verdicts)


def _epochs(values: pa.ChunkedArray, column: Column, verdicts: Verdicts) -> pa.ChunkedArray:
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type):
        numbers = pc.fill_null(values.cast(pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)
    else:
        numbers = np.nan_to_num(values.to_numpy(zero_copy_only=False).astype(np.float64), posinf=-1, neginf=-1)
    us = np.full(len(numbers), -1, np.int64)
    for units_per_s in UNITS_PER_S:
        fits = (numbers >= EARLIEST_S * units_per_s) & (numbers < 100 * EARLIEST_S * units_per_s)
        if units_per_s <= 1_000_000:
            us[fits] = (numbers[fits] * (1_000_000 // units_per_s)).astype(np.int64)
        else:
            us[fits] = (numbers[fits] // (units_per_s // 1_000_000)).astype(np.int64)
    unread = valid & (us < 0)
    early = unread & (numbers >= 0) & (numbers < EARLIEST_S)
    verdicts.refuse(np.flatnonzero(early), *_named(TOO_EARLY, column))
    verdicts.refuse(np.flatnonzero(unread & ~early), *_named(NOT_A_TIME, column))
    return pa.chunked_array([pa.array(us, mask=~valid | unread)]).cast(TIMESTAMP)


def _named(fault: tuple[str, str], column: Column) -> tuple[str, str]:
    return fault[0].replace("timestamp", column.name, 1), fault[1]


def _checked_text(values: pa.ChunkedArray, column: Column, verdicts: Verdicts) -> pa.ChunkedArray:
    """Refuse rows that are not UTF-8, and make empty texts null where that means the same."""
    chunks = []
    begin = 0
    for chunk in values.chunks:
        checked = chunk
        try:
            checked.validate(full=True)
        except pa.ArrowInvalid:
            checked = _without_bad_bytes(chunk, column, begin, verdicts)
        if column.name in _EMPTY_IS_NULL:
            checked = _empty_to_null(checked)
        chunks.append(checked)
        begin += len(chunk)
    return pa.chunked_array(chunks, values.type) if all(c.type == values.type for c in chunks) else _plain(chunks)


def _plain(chunks: list[pa.Array]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.cast(pa.large_string()) for chunk in chunks])


def _without_bad_bytes(chunk: pa.Array, column: Column, begin: int, verdicts: Verdicts) -> pa.Array:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.cast(chunk.type.value_type)
    kept: list[str | None] = []
    bad: list[int] = []
    binary = pa.large_binary() if pa.types.is_large_string(chunk.type) else pa.binary()
    for row, value in enumerate(chunk.view(binary).to_pylist()):
        try:
            kept.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            kept.append(None)
            bad.append(begin + row)
    verdicts.refuse(np.array(bad, np.int64), *not_utf8(column.name))
    return pa.array(kept, chunk.type)


def _empty_to_null(chunk: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(chunk.type):
        distinct = chunk.dictionary
        if pc.min(pc.binary_length(distinct)).as_py() != 0:
            return chunk
        empty = pc.index(distinct, "").as_py()  # The text stays in the dictionary, and no row points to it.
        indices = pc.if_else(pc.equal(chunk.indices, empty), pa.scalar(None, chunk.indices.type), chunk.indices)
        return pa.DictionaryArray.from_arrays(indices, distinct)
    if pc.min(pc.binary_length(chunk)).as_py() != 0:
        return chunk
    return pc.if_else(pc.equal(chunk, ""), pa.scalar(None, chunk.type), chunk)


def check_exchanges(found: Mapping[str, pa.ChunkedArray], rules: Rules, verdicts: Verdicts) -> None:
    """Refuse the exchanges that no scan can use: no account, no or a future time, a blank or endless prompt."""
    refuse_missing(found["account_id"], "account_id", verdicts)
    _check_times(found["timestamp"], rules, verdicts)
    if "prompt" in found:
        _check_prompts(found["prompt"], verdicts)


def refuse_missing(values: pa.ChunkedArray, name: str, verdicts: Verdicts) -> None:
    """Refuse the rows where a required column is null or blank."""
    hint = f"every row needs an {name}" if name[0] in "aeiou" else f"every row needs a {name}"
    if values.null_count:
        verdicts.refuse_where(values.is_null(), f"{name} is missing", hint)
    if pa.types.is_timestamp(values.type):
        return
    begin = 0
    for chunk in values.chunks:
        if pa.types.is_dictionary(chunk.type):
            empty = blank(chunk.dictionary)
            if empty.any():
                flags = pa.array(empty).take(chunk.indices)
                rows = np.flatnonzero(pc.fill_null(flags, False).to_numpy(zero_copy_only=False))
                verdicts.refuse(begin + rows, f"{name} is blank", hint)
        else:
            verdicts.refuse(begin + np.flatnonzero(blank(chunk)), f"{name} is blank", hint)
        begin += len(chunk)


def _check_times(values: pa.ChunkedArray, rules: Rules, verdicts: Verdicts) -> None:
    refuse_missing(values, "timestamp", verdicts)
    extremes = pc.min_max(values.cast(pa.int64()))
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    if low is None:
        return
    latest_us = rules.now_us + FUTURE_TOLERANCE_US
    if high > latest_us:
        late = pc.greater(values.cast(pa.int64()), latest_us)
        day = (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=latest_us)).date()
        verdicts.refuse_where(late, "timestamp lies in the future", f"check the clock and the unit: it is after {day}")
    if low < EARLIEST_S * 1_000_000:
        verdicts.refuse_where(pc.less(values.cast(pa.int64()), EARLIEST_S * 1_000_000), *TOO_EARLY)


def _check_prompts(values: pa.ChunkedArray, verdicts: Verdicts) -> None:
    begin = 0
    for chunk in values.chunks:
        if pa.types.is_dictionary(chunk.type):
            chunk = chunk.cast(chunk.type.value_type)
        if len(chunk):
            rows = np.flatnonzero(blank(chunk))
            verdicts.refuse(begin + rows, "prompt is blank", "log the user's text, or null where it is not kept")
            length = pc.binary_length(chunk)
            if (pc.max(length).as_py() or 0) > PROMPT_BYTES_MAX:
                long = pc.fill_null(pc.greater(length, PROMPT_BYTES_MAX), False).to_numpy(zero_copy_only=False)
                verdicts.refuse(
                    begin + np.flatnonzero(long),
                    f"prompt is longer than {PROMPT_BYTES_MAX >> 20} MiB",
                    "log the user's text, not attached files",
                )
        begin += len(chunk)
