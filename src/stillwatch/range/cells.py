"""Results of many small simulations, kept one by one, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from stillwatch.store.atomic import atomic_file


def code_digest() -> str:
    """Return a digest of the package's own source, so that results of other code are never taken for this code's."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in ("cli", "gateway", "lab", "provenance", "response"):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Cells:
    """A folder with one file a result. A result is found again only under the very same specification.

    Attributes:
        folder: Made when the first result is kept.
    """

    folder: Path

    def kept(self, specification: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the result that was kept for ``specification``, None if there is none.

        Raises:
            ValueError: If the file is not what was written, with a hint.
        """
        path = self._path(specification)
        if not path.exists():
            return None
        try:
            held = orjson.loads(path.read_bytes())
            result = held["result"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no kept result ({error}); remove it, and it is made again") from error
        if not isinstance(result, dict):
            raise ValueError(f"{path} holds no result; remove it, and it is made again")
        return result

    def keep(self, specification: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keep a result; it is there whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        said = orjson.dumps({"specification": specification, "result": result}, option=orjson.OPT_INDENT_2)
        with atomic_file(self._path(specification)) as stream:
            stream.write(said)

    def _path(self, specification: Mapping[str, Any]) -> Path:
        said = orjson.dumps(specification, option=orjson.OPT_SORT_KEYS)
        return self.folder / f"{hashlib.blake2b(said, digest_size=12).hexdigest()}.json"
