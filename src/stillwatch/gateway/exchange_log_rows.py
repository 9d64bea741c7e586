"""One row of the log: the values of an exchange's columns, fitted to their types. Made at every request."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from stillwatch.exchange.schema import EXCHANGE_COLUMNS
from stillwatch.exchange.table_check import PROMPT_BYTES_MAX

Row = tuple[Any, ...]  # In the order of EXCHANGE_COLUMNS; the timestamp in microseconds since 1970.
NAMES = tuple(column.name for column in EXCHANGE_COLUMNS)
PROMPT = NAMES.index("prompt")
TEXTS = (PROMPT, NAMES.index("system_instructions"))
_FIXED = 3  # exchange_id, timestamp, account_id


def checked(columns: Mapping[str, Any]) -> Row:
    """Return the values of all columns but the first three; what does not fit its column's type is null.

    Clients write what they like into requests. A row is never lost for it.
    """
    get = columns.get
    return tuple([None if (value := get(name)) is None else fitting(value) for name, fitting in _FITTING])


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(bits: int) -> Callable[[Any], int | None]:
    bound = 1 << (bits - 1)
    return lambda value: value if type(value) is int and -bound <= value < bound else None


def _number(value: Any) -> float | None:
    if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
        return None
    return float(value)


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value or value.isspace():
        return None
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()  # Half a surrogate pair, which only an escape can spell.
    return value if len(value) <= PROMPT_BYTES_MAX // 4 or len(value.encode()) <= PROMPT_BYTES_MAX else None


def _fitting(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_boolean(kind):
        return _truth
    if pa.types.is_integer(kind):
        return _whole(kind.bit_width)
    return _number if pa.types.is_floating(kind) else _text


_FITTING = tuple((column.name, _fitting(column.type)) for column in EXCHANGE_COLUMNS[_FIXED:])
