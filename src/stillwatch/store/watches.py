"""What a watch remembers, on disk: one Arrow file, replaced in one step, so that a restart goes on where it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from stillwatch.engine.watch import KnownCampaign, Remembered
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.footprint.footprints import Footprints, blank
from stillwatch.store.atomic import atomic_file

_VERSION = 2  # Of the footprints, too: 2 knows whole prompts.
_COLUMNS = ("campaign", "flagged_at_us", "membership_nats")


def save_watch(path: Path, remembered: Remembered, pseudonyms: Pseudonyms) -> None:
    """Write ``remembered`` to ``path``, in place of what is there.

    Raises:
        OSError: If it cannot be written; what was there stays.
    """
    footprints = remembered.footprints
    table = (blank(pa.array([], pa.large_string()), 0) if footprints is None else footprints).to_arrow()
    for name in _COLUMNS:
        table = table.append_column(name, pa.array(getattr(remembered, name)))
    held = {
        "version": _VERSION,
        "key": _key_check(pseudonyms),
        "done": dict(remembered.done),
        "campaigns": [[each.name, each.first_flagged_us, each.nats] for each in remembered.campaigns],
    }
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"watch": orjson.dumps(held)})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with atomic_file(path) as stream, pa.ipc.new_file(stream, table.schema, options=options) as writer:
        writer.write_table(table)


def load_watch(path: Path, pseudonyms: Pseudonyms) -> Remembered | None:
    """Return what ``save_watch`` wrote, or None if there is no file.

    Raises:
        SourceError: If the file cannot be used, or was written under another key, whose footprints would not fit.
    """
    if not path.exists():
        return None
    try:
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        held: dict[str, Any] = orjson.loads((table.schema.metadata or {})[b"watch"])
        version, key = held["version"], held["key"]
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path}: is no state of a watch: {error}", "name another file, or remove it") from error
    if version != _VERSION:
        raise SourceError(f"{path}: was written by another version", "remove it to begin anew")
    if key != _key_check(pseudonyms):
        raise SourceError(f"{path}: was written under another key of the pseudonyms", "name that key with --key-file")
    beside = {name: table[name].to_numpy() for name in _COLUMNS}
    footprints = Footprints.from_arrow(table.drop_columns(list(_COLUMNS)))
    return Remembered(
        done=held["done"],
        footprints=footprints if len(footprints) else None,
        campaigns=tuple(KnownCampaign(name, int(at_us), float(nats)) for name, at_us, nats in held["campaigns"]),
        campaign=beside["campaign"].astype(np.int64),
        flagged_at_us=beside["flagged_at_us"].astype(np.int64),
        membership_nats=beside["membership_nats"].astype(np.float64),
    )


def _key_check(pseudonyms: Pseudonyms) -> str:
    """Return what tells keys apart and says nothing else of them."""
    return f"{pseudonyms.hash_one('watch', 'key check'):016x}"
