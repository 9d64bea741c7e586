"""The footprint: what an account leaves behind, in a fixed number of bytes and without a word of text.

A table of footprints holds one row an account. Each field says how two footprints of one account become one: sums add,
extremes extend, samples keep their smallest hashes. Every rule is associative and commutative to the last bit, so
that a stream, a batch and a cluster end with the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
HOURS = 42 * 24  # The window over which hours are kept: six weeks.
SHINGLES = 64  # Smallest shingle hashes kept: about one in eight of them differs by chance between looks, 1/sqrt(64).
WHOLE_PROMPTS = 32  # Smallest hashes of whole prompts kept: all that an account with no more distinct prompts sent.
TEMPLATES = 64  # Buckets of the template counts.
SETTINGS = 32  # Buckets of the request-setting counts.
TOPICS = 64  # Dimensions of the topic sketch.
TOPIC_SCALE = 127  # One exchange adds a vector of about this length.
EMPTY = np.uint64(0xFFFF_FFFF_FFFF_FFFF)  # An unused place in a sample; no hash takes this value.

Rule = Literal["sum", "saturate", "least", "greatest", "distinct", "sample", "beside"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a footprint.

    Attributes:
        name: Column name.
        dtype: Of one entry.
        width: Entries an account; 1 is a plain column.
        rule: How two footprints of one account merge. ``distinct`` keeps the smallest distinct hashes, in ascending
            order, filled up with EMPTY; so does ``sample``, whose hashes the sums and labels ``beside`` it follow.
        meaning: What an entry holds.
        sample: For ``beside``: the sample that the entries stand beside.
        adds: For ``beside``: whether entries of equal hashes add up (else they are equal, and the greater is kept).
    """

    name: str
    dtype: np.dtype[np.generic]
    width: int
    rule: Rule
    meaning: str
    sample: str = ""
    adds: bool = True


def _count(name: str, meaning: str) -> Field:
    return Field(name, np.dtype(np.int64), 1, "sum", meaning)


def _sample(name: str, width: int, meaning: str, *beside: Field) -> tuple[Field, ...]:
    head = Field(name, np.dtype(np.uint64), width, "sample", meaning)
    count = Field(f"{name}_exchanges", np.dtype(np.int64), width, "beside", f"exchanges of each of {name}", name)
    return (head, count, *beside)


FIELDS: tuple[Field, ...] = (
    _count("exchanges", "exchanges of any status"),
    _count("refused", "exchanges answered 429"),
    _count("blocked", "exchanges answered 401 or 403: the account was shut"),
    _count("status_known", "exchanges whose status is known"),
    _count("turn_known", "exchanges whose turn is known"),
    _count("turn_zero", "exchanges that open a conversation"),
    _count("turn_sum", "sum of turns"),
    _count("input_known", "exchanges whose input tokens are known"),
    _count("input_tokens", "tokens read"),
    _count("output_known", "exchanges whose output tokens are known"),
    _count("output_tokens", "tokens written"),
    _count("choice_known", "exchanges whose choice count is known"),
    _count("choice_sum", "answers asked for"),
    _count("reasoning_known", "exchanges that say whether reasoning was asked for"),
    _count("reasoning_asked", "exchanges that asked for a reasoning trace"),
    _count("settings_known", "exchanges with any of temperature, token limit and choice count"),
    _count("prompts", "exchanges with a prompt"),
    _count("prompt_bytes", "UTF-8 bytes of the prompts"),
    _count(
        "coercion",
        "prompts that coerce a reasoning trace out (verbatim, unsummarised, in tags, in a language)",
    ),
    _count("reasoning", "prompts that ask for worked reasoning"),
    _count("grading", "prompts that have the model grade or compare answers by a rubric"),
    _count("training", "prompts that ask for training-style answers"),
    _count("eliciting", "prompts with any of the four"),
    Field("first_us", np.dtype(np.int64), 1, "least", "earliest timestamp, microseconds since 1970"),
    Field("last_us", np.dtype(np.int64), 1, "greatest", "latest timestamp, microseconds since 1970"),
    Field(
        "hours",
        np.dtype(np.uint16),
        HOURS,
        "saturate",
        "exchanges in each hour of the window, at most 65,535 an hour",
    ),
    Field(
        "settings",
        np.dtype(np.int64),
        SETTINGS,
        "sum",
        "exchanges by a hash of (temperature, token limit, choice count)",
    ),
    Field("templates", np.dtype(np.int64), TEMPLATES, "sum", "prompts by a hash of their least shingle"),
    Field(
        "topic",
        np.dtype(np.int64),
        TOPICS,
        "sum",
        "sum of the prompts' embeddings, each scaled to length 127 and rounded",
    ),
    *_sample("shingles", SHINGLES, "least word-shingle hashes of the prompts (two a prompt, digits masked)"),
    Field(
        "whole_prompts",
        np.dtype(np.uint64),
        WHOLE_PROMPTS,
        "distinct",
        "least keyed hashes of whole prompts (the words, digits kept)",
    ),
    *_sample(
        "addresses",
        16,
        "keyed hashes of client addresses",
        Field(
            "address_prefix",
            np.dtype(np.int64),
            16,
            "beside",
            "keyed hash of each address's /24 or /48, as a signed number",
            "addresses",
            adds=False,
        ),
        Field(
            "address_asn",
            np.dtype(np.int64),
            16,
            "beside",
            "autonomous system of each address, -1 unknown",
            "addresses",
            adds=False,
        ),
        Field(
            "address_country",
            np.dtype(np.int64),
            16,
            "beside",
            "country of each address: 256*first+second letter, 0 unknown",
            "addresses",
            adds=False,
        ),
    ),
    *_sample("clients", 4, "keyed hashes of user agent and TLS fingerprint"),
    *_sample("systems", 4, "keyed hashes of system instructions, digits masked"),
    *_sample(
        "models",
        8,
        "keyed hashes of request models",
        Field(
            "model_first_us",
            np.dtype(np.int64),
            8,
            "beside",
            "first use, negated so that the greater is kept",
            "models",
            adds=False,
        ),
    ),
)
FIELD = {field.name: field for field in FIELDS}

# What the accounts file adds: one value an account, known once, joined and never merged.
PROFILE: tuple[tuple[str, pa.DataType, str], ...] = (
    ("created_us", pa.int64(), "when the account was opened, microseconds since 1970; null unknown"),
    ("plan", pa.string(), "free, pro, api, …; null unknown"),
    ("verification_level", pa.string(), "none, phone, id; null unknown"),
    ("billing_country", pa.string(), "null unknown"),
    ("card", pa.uint64(), "keyed hash of the means of payment; null none or unknown"),
    ("organization", pa.uint64(), "keyed hash of the organisation on file; null none or unknown"),
    ("mail_domain", pa.uint64(), "keyed hash of the mail domain; null unknown"),
)
# The bans file's part, in microseconds since 1970, null for not banned: the column is there only where bans are known.
BANNED = "banned_us"


def arrow_type(field: Field) -> pa.DataType:
    """Return the Arrow type of ``field``: a plain column or a fixed-size list."""
    value = pa.from_numpy_dtype(field.dtype)
    return value if field.width == 1 else pa.list_(value, field.width)


FOOTPRINT_SCHEMA = pa.schema(
    [pa.field("account_id", pa.large_string(), nullable=False)]
    + [pa.field(field.name, arrow_type(field), nullable=False) for field in FIELDS]
)


class Footprints:
    """Numpy views of a table of footprints; ``footprints["hours"]`` has shape (accounts, HOURS).

    Args:
        arrays: By field name; the first axis is the account.
        account_id: One an account, distinct.
        origin_us: The instant at which the first of ``hours`` begins, a multiple of an hour.
        profile: The accounts file's part, one row an account in the same order, columns as in PROFILE; or None.

    Raises:
        ValueError: If a field is missing or has another shape.
    """

    def __init__(
        self,
        arrays: dict[str, NDArray[Any]],
        account_id: pa.Array,
        origin_us: int,
        profile: pa.Table | None = None,
    ) -> None:
        """Check the shapes and keep the views."""
        self.account_id = account_id
        self.origin_us = origin_us
        self.profile = profile
        self.arrays = arrays
        for field in FIELDS:
            want = (len(account_id),) if field.width == 1 else (len(account_id), field.width)
            if field.name == "hours" and field.name in arrays:  # What is held for one day has the day's hours only.
                want = (len(account_id), arrays[field.name].shape[-1])
            if field.name not in arrays or arrays[field.name].shape != want:
                got = arrays[field.name].shape if field.name in arrays else "nothing"
                raise ValueError(f"footprint field {field.name!r} must have shape {want}, not {got}")

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.account_id)

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return a field of integers other than hashes as int64, shape (accounts,) or (accounts, width)."""
        return np.asarray(self.arrays[name]).astype(np.int64, copy=False)

    def hashes(self, name: str) -> NDArray[np.uint64]:
        """Return a sample's hashes, shape (accounts, width), ascending, EMPTY where unused."""
        array = self.arrays[name]
        if array.dtype != np.uint64:
            raise ValueError(f"footprint field {name!r} holds no hashes")
        return np.asarray(array, np.uint64)

    @cached_property
    def hours(self) -> NDArray[np.uint16]:
        """Exchanges in each hour from ``origin_us`` on, shape (accounts, HOURS), or fewer hours where narrowed."""
        return np.asarray(self.arrays["hours"], np.uint16)

    @classmethod
    def from_arrow(cls, table: pa.Table, profile: pa.Table | None = None) -> Footprints:
        """View a table of ``FOOTPRINT_SCHEMA``, whose metadata holds ``origin_us``.

        Raises:
            ValueError: If a column is missing or the metadata lacks the origin.
        """
        origin = (table.schema.metadata or {}).get(b"origin_us")
        if origin is None:
            raise ValueError("a table of footprints carries origin_us in its metadata; this one does not")
        table = table.combine_chunks()
        arrays: dict[str, NDArray[Any]] = {}
        for field in FIELDS:
            column = table[field.name]
            chunk = column.chunk(0) if column.num_chunks else pa.array([], arrow_type(field))
            if field.width == 1:
                arrays[field.name] = chunk.to_numpy(zero_copy_only=False)
            else:
                arrays[field.name] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, field.width)
        ids = table["account_id"]
        account_id = ids.chunk(0) if ids.num_chunks else pa.array([], pa.large_string())
        return cls(arrays, account_id, int(origin), profile)

    def to_arrow(self) -> pa.Table:
        """Return the table of ``FOOTPRINT_SCHEMA``, with ``origin_us`` in its metadata."""
        columns: list[pa.Array] = [self.account_id.cast(pa.large_string())]
        for field in FIELDS:
            values = pa.array(np.ascontiguousarray(self.arrays[field.name]).reshape(-1))
            columns.append(values if field.width == 1 else pa.FixedSizeListArray.from_arrays(values, field.width))
        schema = FOOTPRINT_SCHEMA.with_metadata({"origin_us": str(self.origin_us)})
        return pa.Table.from_arrays(columns, schema=schema)

    def take(self, rows: NDArray[np.int64]) -> Footprints:
        """Return the footprints of ``rows``, in that order."""
        index = pa.array(rows)
        profile = None if self.profile is None else self.profile.take(index)
        arrays = {name: array[rows] for name, array in self.arrays.items()}
        return Footprints(arrays, self.account_id.take(index), self.origin_us, profile)


def blank(account_id: pa.Array, origin_us: int) -> Footprints:
    """Return footprints of accounts that have done nothing: the neutral element of ``merge``."""
    n = len(account_id)
    arrays: dict[str, NDArray[Any]] = {}
    for field in FIELDS:
        shape = (n,) if field.width == 1 else (n, field.width)
        if field.rule in ("distinct", "sample"):
            arrays[field.name] = np.full(shape, EMPTY, np.uint64)
        elif field.rule == "least":
            arrays[field.name] = np.full(shape, np.iinfo(np.int64).max, np.int64)
        elif field.rule == "greatest" or (field.rule == "beside" and not field.adds and field.dtype == np.int64):
            arrays[field.name] = np.full(shape, np.iinfo(np.int64).min, np.int64)
        else:
            arrays[field.name] = np.zeros(shape, field.dtype)
    return Footprints(arrays, account_id, origin_us)
