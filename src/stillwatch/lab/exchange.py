"""The lab's exchange: a problem's prompt and the text that a teacher answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from stillwatch.store.atomic import atomic_file


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and its answer, as a client of the teacher sees them."""

    prompt: str
    answer: str


def write_exchanges(path: Path, exchanges: Sequence[Exchange]) -> None:
    """Write exchanges as JSON lines, whole or not at all.

    Raises:
        FileNotFoundError: If the folder does not exist.
    """
    with atomic_file(path) as stream:
        for exchange in exchanges:
            stream.write(orjson.dumps({"prompt": exchange.prompt, "answer": exchange.answer}) + b"\n")


def read_exchanges(path: Path) -> list[Exchange]:
    """Read what ``write_exchanges`` wrote, or any JSON lines with these two fields.

    Raises:
        ValueError: If a line is no such object; the message names file and line.
    """
    exchanges = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                held = orjson.loads(line)
                exchanges.append(Exchange(str(held["prompt"]), str(held["answer"])))
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise ValueError(f'{path}, line {number}: not an object with "prompt" and "answer"') from error
    return exchanges
