"""Logged exchanges as a replay needs them: a few whole numbers a row, in order of time, and no text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TEXTS = {"account_id": "account", "client_country": "country", "request_model": "model"}
_NUMBERS = (  # Column, name here, what stands for unknown.
    ("client_asn", "asn", 0),
    ("input_tokens", "input_tokens", -1),
    ("output_tokens", "output_tokens", -1),
    ("max_tokens", "max_output_tokens", 0),
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Exchanges in order of time; arrays of shape (exchanges,).

    Attributes:
        at_us: Microseconds since 1970, never falling.
        codes: ``account``, ``country`` and ``model`` as places in ``names``.
        names: For each of these, the names; ``country`` and ``model`` begin with an empty one for unknown.
        numbers: ``asn`` (0 for unknown), ``input_tokens`` and ``output_tokens`` (-1), ``max_output_tokens`` (0).
        reasoning: Whether a reasoning trace was asked for; False for unknown.
        temperature: -1 for unknown.
    """

    at_us: NDArray[np.int64]
    codes: dict[str, NDArray[np.int64]]
    names: dict[str, list[str]]
    numbers: dict[str, NDArray[np.int64]]
    reasoning: NDArray[np.bool_]
    temperature: NDArray[np.float64]

    def __len__(self) -> int:
        """Count the exchanges."""
        return len(self.at_us)


class TrafficGathering:
    """Takes tables of exchanges in any order and keeps what a replay needs: some 80 bytes a row."""

    def __init__(self) -> None:
        """Begin empty."""
        self._places: dict[str, dict[str, int]] = {"account": {}, "country": {"": 0}, "model": {"": 0}}
        self._parts: list[dict[str, NDArray[np.generic]]] = []

    def add(self, exchanges: pa.Table) -> None:
        """Take a table whose columns are as in ``EXCHANGE_SCHEMA``; all but time and account may be absent."""
        rows = exchanges.num_rows
        part: dict[str, NDArray[np.generic]] = {
            "at_us": exchanges["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        }
        for column, name in _TEXTS.items():
            part[name] = self._coded(name, exchanges, column, rows)
        for column, name, unknown in _NUMBERS:
            part[name] = _filled(exchanges, column, unknown, np.int64, rows)
        part["reasoning"] = _filled(exchanges, "reasoning", False, np.bool_, rows)
        part["temperature"] = _filled(exchanges, "temperature", -1.0, np.float64, rows)
        self._parts.append(part)

    def traffic(self) -> Traffic:
        """Return all that was taken, in order of time; of equal times, in the order taken.

        Raises:
            ValueError: If nothing was taken.
        """
        if not self._parts:
            raise ValueError("there are no exchanges")
        joined = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        order = np.argsort(joined["at_us"], kind="stable")
        sorted_ = {name: column[order] for name, column in joined.items()}
        return Traffic(
            at_us=sorted_["at_us"].astype(np.int64),
            codes={name: sorted_[name].astype(np.int64) for name in self._places},
            names={name: list(places) for name, places in self._places.items()},
            numbers={name: sorted_[name].astype(np.int64) for _, name, _ in _NUMBERS},
            reasoning=sorted_["reasoning"].astype(np.bool_),
            temperature=sorted_["temperature"].astype(np.float64),
        )

    def _coded(self, name: str, exchanges: pa.Table, column: str, rows: int) -> NDArray[np.generic]:
        if column not in exchanges.column_names:
            return np.zeros(rows, np.int32)
        places = self._places[name]
        out = np.zeros(rows, np.int32)
        begin = 0
        for chunk in exchanges[column].chunks:
            held = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
            table = [places.setdefault(value or "", len(places)) for value in held.dictionary.to_pylist()]
            index = held.indices.fill_null(len(table)).to_numpy(zero_copy_only=False)
            out[begin : begin + len(chunk)] = np.array([*table, 0], np.int32)[index]
            begin += len(chunk)
        return out


def _filled(exchanges: pa.Table, column: str, unknown: object, kind: type, rows: int) -> NDArray[np.generic]:
    if column not in exchanges.column_names:
        return np.full(rows, unknown, kind)
    filled = exchanges[column].fill_null(pa.scalar(unknown, exchanges[column].type))
    return np.asarray(filled.to_numpy(), kind)
