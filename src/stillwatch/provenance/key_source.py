"""Where a scheme's key comes from: a master with a cohort, or a file with the engine's own key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.keys import cohort_key, load_master
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Scheme, Settings

COHORTS_MOST = 64


def numbers_in(path: Path) -> tuple[int, ...]:
    """Return the engine's key numbers in a file.

    The file holds one decimal or 0x number, a JSON list of them (SynthID, two keys), or an engine's configuration as
    ``engine_files`` writes it.

    Raises:
        SourceError: If the file cannot be read or holds something else. What it holds is never repeated.
    """
    try:
        held = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: the key cannot be read", "name a readable text file") from error
    try:
        values = json.loads(held) if held[:1] in ("[", "{") else [held]
        if isinstance(values, dict):
            return _configured(values)
        return tuple(each if isinstance(each, int) else int(str(each), 0) for each in values)
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path}: not a key",
            "write a decimal number, a hexadecimal one that begins with 0x, or a JSON list of them",
        ) from error


def _configured(held: dict[str, Any]) -> tuple[int, ...]:
    if "keys" in held:
        return tuple(int(each) for each in held["keys"])
    if "hashing_key" in held:
        return (int(held["hashing_key"]),)
    # SGLang writes hexadecimal digits as text, vLLM a number.
    found = [held["key"], *([held["key_b"]] if held.get("key_b") is not None else [])]
    return tuple(int(each, 16) if isinstance(each, str) else int(each) for each in found)


def keyed_schemes(
    scheme: str, settings: Settings, key: Path | None, master: Path | None, cohorts: Sequence[str], period: str
) -> dict[str, Scheme]:
    """Return the scheme under each key that was asked for, by public id; a key from a file goes by the file's name.

    Raises:
        SourceError: If the sources of keys contradict each other or cannot be read.
    """
    if (key is None) == (master is None):
        raise SourceError("no key, or two sources of it", "give either --key FILE, or --master FILE with --cohort")
    try:
        maker = scheme_maker(scheme)
        if key is not None:
            return {f"file {key.name}": maker.make(numbers_in(key), settings)}
        assert master is not None
        if not cohorts or not period:
            raise SourceError("a master without --cohort or --period", "name at least one cohort, and the period")
        if len(cohorts) > COHORTS_MOST:
            raise SourceError(f"{len(cohorts)} cohorts", f"at most {COHORTS_MOST} in one test")
        secret = load_master(master)
        keys = [cohort_key(secret, cohort, period) for cohort in dict.fromkeys(cohorts)]
        return {each.id: maker.of(each, settings) for each in keys}
    except ValueError as error:
        raise SourceError(f"{scheme}: {error}", "see stillwatch watermark schemes") from error
