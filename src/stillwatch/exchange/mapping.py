"""A provider's own column names: a small file that says which source column holds which canonical one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

import yaml

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.schema import EXCHANGE_COLUMNS

ColumnMap = Mapping[str, str]


def load_mapping(path: Path) -> ColumnMap:
    """Read a YAML or JSON file of ``canonical name: source column`` pairs.

    Raises:
        SourceError: If the file cannot be read or is not such a mapping, names a column that a scan does not know,
            or gives one source column to two.
    """
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))  # JSON is YAML too.
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}", "check the path given to --map") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: is neither YAML nor JSON", "write one `canonical: source` pair a line") from error
    if not isinstance(loaded, dict) or not loaded:
        raise SourceError(f"{path}: holds no mapping", "write one `canonical: source` pair a line")
    known = [column.name for column in EXCHANGE_COLUMNS]
    pairs: dict[str, str] = {}
    for canonical, source in loaded.items():
        if not isinstance(canonical, str) or canonical not in known:
            near = get_close_matches(str(canonical), known, 1)
            raise SourceError(
                f"{path}: {str(canonical)!r} is not a column of an exchange",
                f"did you mean {near[0]!r}?" if near else "the columns are " + ", ".join(known),
            )
        if not isinstance(source, str) or not source:
            raise SourceError(f"{path}: the source of {canonical!r} is not a column name", "give one name in quotes")
        if source in pairs.values():
            raise SourceError(f"{path}: two columns are read from {source!r}", "map each source column once")
        pairs[canonical] = source
    return pairs


def check_mapping(mapping: ColumnMap, present: Iterable[str]) -> None:
    """Check that every source column of ``mapping`` is among ``present``, the columns that any file has.

    Raises:
        SourceError: If one is not.
    """
    columns = sorted(set(present))
    for canonical, source in mapping.items():
        if source not in columns:
            near = get_close_matches(source, columns, 1)
            raise SourceError(
                f"no file has the column {source!r}, mapped to {canonical!r}",
                f"did you mean {near[0]!r}?" if near else "the files have " + ", ".join(columns[:40]),
            )
