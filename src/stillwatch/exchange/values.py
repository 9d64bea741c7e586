"""One value at a time: what a log says of a column becomes the column's type, or a reason why it cannot."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable

import pyarrow as pa

from stillwatch.exchange.schema import TIMESTAMP, Column

EARLIEST_S = 1_000_000_000  # September 2001. Nothing logged an exchange before; an unset clock reads 1970.
_LATEST_S = 100 * EARLIEST_S
UNITS_PER_S = (1, 1_000, 1_000_000, 1_000_000_000)  # Epoch numbers by unit; their ranges do not overlap.


_DIGITS = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\Z")
_TRUE = frozenset({"true", "t", "1", "yes"})
_FALSE = frozenset({"false", "f", "0", "no"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ONE_US = dt.timedelta(microseconds=1)


class UnusableError(ValueError):
    """A value that cannot be used, told without the value.

    Args:
        reason: One sentence without the value.
        hint: What would make it usable.
    """

    def __init__(self, reason: str, hint: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


NO_ZONE = ("timestamp has no time zone", "log times with a zone, or pass --assume-utc if they are UTC")
NOT_A_TIME = ("timestamp cannot be read", "use ISO 8601 with a zone, or seconds or milliseconds since 1970")
TOO_EARLY = ("timestamp is before September 2001", "check the clock or the unit: an unset clock reads 1970")


def not_utf8(name: str) -> tuple[str, str]:
    """Return the reason and hint of a text in another encoding."""
    return f"{name} is not UTF-8", "write the log in UTF-8"


def text(name: str, value: object) -> str | None:
    """Return a string; whole numbers count as strings, as some logs number their accounts."""
    if value is None:
        return None
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except (
                UnicodeEncodeError
            ):  # Half a surrogate pair: JSON can spell it, and bytes in another encoding become it.
                raise UnusableError(*not_utf8(name)) from None
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UnusableError(f"{name} is not text", f"write {name} as a string")


def integer(name: str, value: object, low: int, high: int) -> int | None:
    """Return a whole number from ``low`` to ``high``; numbers in text are read."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if not _DIGITS.match(value):
            raise UnusableError(f"{name} is not a whole number", f"write {name} as a whole number")
        value = int(value) if value.lstrip("+-").isdecimal() else float(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, float) and value % 1):
        raise UnusableError(f"{name} is not a whole number", f"write {name} as a whole number")
    if not low <= value <= high:
        raise UnusableError(f"{name} is out of range", f"{name} lies between {low} and {high}")
    return int(value)


def number(name: str, value: object) -> float | None:
    """Return a finite number, or None for one that is not finite; numbers in text are read."""
    if isinstance(value, str):
        value = value.strip()
        if not value or value.lower() in ("nan", "null"):
            return None
        if not _DIGITS.match(value):
            raise UnusableError(f"{name} is not a number", f"write {name} as a number")
        value = float(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableError(f"{name} is not a number", f"write {name} as a number")
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def truth(name: str, value: object) -> bool | None:
    """Return true or false; 0, 1 and the usual words are read."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else "?"
    if not word:
        return None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise UnusableError(f"{name} is neither true nor false", f"write {name} as true or false")


def instant_us(value: object, *, assume_utc: bool) -> int | None:
    """Return microseconds since 1970 of an instant.

    Read are datetimes, ISO 8601 text with a zone, and numbers, or text of digits, of seconds, milliseconds,
    microseconds or nanoseconds since 1970: between 2001 and 5138 the unit follows from the size alone.

    Args:
        value: What the log says.
        assume_utc: Take an instant without a zone as UTC; otherwise it is unusable.

    Raises:
        UnusableError: If it is no instant, has no zone, or lies before September 2001.
    """
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        value = _number_or_datetime(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            if not assume_utc:
                raise UnusableError(*NO_ZONE)
            value = value.replace(tzinfo=dt.UTC)
        found = (value - _EPOCH) // _ONE_US
        if found < EARLIEST_S * 1_000_000:
            raise UnusableError(*TOO_EARLY)
        return found
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableError(*NOT_A_TIME)
    return _epoch_us(value)


def _number_or_datetime(value: str) -> int | float | dt.datetime:
    if _DIGITS.match(value):
        return int(value) if value.isdecimal() else float(value)
    if value.endswith(" UTC"):
        value = value[:-4] + "+00:00"
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError:
        raise UnusableError(*NOT_A_TIME) from None


def _epoch_us(value: int | float) -> int:
    for units_per_s in UNITS_PER_S:
        if EARLIEST_S * units_per_s <= value < _LATEST_S * units_per_s:
            if isinstance(value, int):
                return value * 1_000_000 // units_per_s
            return int(value * (1_000_000 / units_per_s))
    if 0 <= value < EARLIEST_S:
        raise UnusableError(*TOO_EARLY)
    raise UnusableError(*NOT_A_TIME)


_NEVER_NEGATIVE = frozenset({"turn", "input_tokens", "output_tokens", "status", "client_asn"})


def lowest(column: Column) -> int:
    """Return the least value of an integer column: 0 for counts, the type's own for settings."""
    return 0 if column.name in _NEVER_NEGATIVE else -(1 << (column.type.bit_width - 1))


def converter(column: Column, *, assume_utc: bool) -> Callable[[object], object]:
    """Return the function that turns a logged value into one of ``column``'s type, or raises ``UnusableError``."""
    name = column.name
    if column.type == TIMESTAMP:
        if name != "timestamp":
            return lambda value: _instant_of(name, value, assume_utc)
        return lambda value: instant_us(value, assume_utc=assume_utc)
    if pa.types.is_integer(column.type):
        low, high = lowest(column), (1 << (column.type.bit_width - 1)) - 1
        return lambda value: integer(name, value, low, high)
    if pa.types.is_floating(column.type):
        return lambda value: number(name, value)
    if pa.types.is_boolean(column.type):
        return lambda value: truth(name, value)
    return lambda value: text(name, value)


def _instant_of(name: str, value: object, assume_utc: bool) -> int | None:
    try:
        return instant_us(value, assume_utc=assume_utc)
    except UnusableError as error:
        raise UnusableError(error.reason.replace("timestamp", name, 1), error.hint) from None
