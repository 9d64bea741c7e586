"""What a reader of one format is: how it knows its records, and how it reads the exchanges in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Record = Mapping[str, Any]
Exchange = dict[str, object]  # By canonical column; a value may be of any type, a later check converts or refuses it.
References = Mapping[str, Exchange]  # Columns that other records supply, by the id that a record names.


def refers_to_nothing(record: Record) -> tuple[str, Exchange] | None:  # noqa: ARG001 (formats without references)
    """Say that no record of the format supplies columns of another."""
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """A reader of one format.

    Attributes:
        name: The file's name, and the name in reports and documentation.
        title: What an operator calls it.
        source: The document that its field names were taken from.
        fields: Where each canonical column is found, in words that name the source's fields.
        recognises: Whether a record is of this format.
        exchanges: The exchanges in a record, none to many; records that are no exchange give none.
        references: The id and columns that a record supplies to others, as a trace does to its observations.
        naive_is_utc: Whether the source documents that its times without a zone are UTC.
    """

    name: str
    title: str
    source: str
    fields: Mapping[str, str]
    recognises: Callable[[Record], bool]
    exchanges: Callable[[Record, References], Iterator[Exchange]]
    references: Callable[[Record], tuple[str, Exchange] | None] = refers_to_nothing
    naive_is_utc: bool = False


def first_of(record: Mapping[str, Any], *names: str) -> Any:
    """Return the first value under ``names`` that is neither missing, null nor an empty text."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def as_json(value: Any) -> Any:
    """Return ``value``, parsed where it is text of a JSON object or list; other text stays as it is."""
    if isinstance(value, str) and value[:1] in "{[" and value:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def as_object(value: Any) -> Mapping[str, Any]:
    """Return ``value`` as an object, or an empty one where it is none."""
    value = as_json(value)
    return value if isinstance(value, Mapping) else {}


def http_status(value: Any) -> int | None:
    """Return an HTTP status from a number or its text, or None for other words."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else None
