"""The served log: which token ids left the house under which key. Without it wide marks cannot be traced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.exchange.discovery import SourceError
from stillwatch.store.atomic import atomic_file

VERSION = 1
SCHEMA = pa.schema(
    [
        pa.field("exchange_id", pa.string(), nullable=False),
        pa.field("served_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("key_id", pa.string(), nullable=False),
        pa.field("scheme", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("engine", pa.string(), nullable=False),
        pa.field("engine_version", pa.string(), nullable=False),
        pa.field("function_version", pa.string(), nullable=False),
        pa.field("tokenizer", pa.string(), nullable=False),
        pa.field("temperature", pa.float32(), nullable=True),
        pa.field("prompt_tokens", pa.list_(pa.int32()), nullable=False),
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),
    ],
    metadata={b"stillwatch.served_log": str(VERSION).encode()},
)
ROWS_A_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Served:
    """One answer that was served, as the engine made it.

    Attributes:
        exchange_id: That of the exchange log.
        served_at: With a zone.
        key_id: ``CohortKey.id``; empty where the answer went out unmarked.
        scheme: Id of the scheme in ``schemes.registry``.
        width: Tokens of context in force.
        engine: Such as ``vllm``.
        engine_version: Such as ``0.33.0``.
        function_version: What the scheme calls its pseudo-random function.
        tokenizer: Name or hash of the tokenizer; token ids mean nothing without it.
        temperature: 0 means that no mark could be set.
        prompt_tokens: The last tokens of the prompt, at least ``width`` of them; they may be all that is kept.
        tokens: What was generated, without padding.
    """

    exchange_id: str
    served_at: datetime
    key_id: str
    scheme: str
    width: int
    engine: str
    engine_version: str
    function_version: str
    tokenizer: str
    temperature: float | None
    prompt_tokens: NDArray[np.int32]
    tokens: NDArray[np.int32]


def write_served_log(path: Path, served: Sequence[Served]) -> None:
    """Write one file of the log, whole or not at all.

    Args:
        path: In a folder that exists; a file of this name is replaced. A log is a folder of such files.

    Raises:
        ValueError: If a time has no zone.
        FileNotFoundError: If the folder does not exist.
    """
    if any(each.served_at.tzinfo is None for each in served):
        raise ValueError("a served log needs times with a zone")
    columns = {
        field.name: pa.array([getattr(each, field.name) for each in served], field.type, from_pandas=False)
        for field in SCHEMA
        if not pa.types.is_list(field.type)
    }
    for name in ("prompt_tokens", "tokens"):
        rows = [np.asarray(getattr(each, name), np.int32) for each in served]
        offsets = np.cumsum([0, *map(len, rows)]).astype(np.int32)
        flat = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    table = pa.table([columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names], schema=SCHEMA)
    with atomic_file(path) as stream:
        pq.write_table(table, stream, compression="zstd")


def read_served_log(path: Path, key_id: str | None = None) -> Iterator[Served]:
    """Yield the answers of a log, file by file in the order of their names, a batch at a time.

    Args:
        path: One file, or a folder of ``*.parquet``.
        key_id: Only answers marked by this key.

    Raises:
        SourceError: If there is no file, or one is not a served log of a version that this code reads.
    """
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise SourceError(f"{path}: no served log", "name a Parquet file, or a folder of them")
    for file in files:
        try:
            source = pq.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{file}: cannot be read as Parquet", "write it with write_served_log") from error
        with source:
            found = (source.schema_arrow.metadata or {}).get(b"stillwatch.served_log", b"").decode()
            if found != str(VERSION) or source.schema_arrow.names != SCHEMA.names:
                raise SourceError(f"{file}: not a served log of version {VERSION}", "see docs/provenance.md")
            for batch in source.iter_batches(ROWS_A_BATCH):
                yield from _rows(batch, key_id)


def _rows(batch: pa.RecordBatch, key_id: str | None) -> Iterator[Served]:
    for row in batch.to_pylist():
        if key_id is not None and row["key_id"] != key_id:
            continue
        for name in ("prompt_tokens", "tokens"):
            row[name] = np.array(row[name], np.int32)
        yield Served(**row)
