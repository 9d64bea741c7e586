"""The steps of a replay on disk: looks.jsonl, one JSON object a step, there only when the replay ended well."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from stillwatch.engine.steps import Step
from stillwatch.store.atomic import atomic_file

LOOKS = "looks.jsonl"


def as_json(step: Step) -> dict[str, Any]:
    """Return a step as plain values: a line of the file. The instant is ISO 8601 in UTC."""
    at = dt.datetime.fromtimestamp(step.at_us / 1e6, dt.UTC)
    return {
        "at": at.isoformat().replace("+00:00", "Z"),
        "exchanges": step.exchanges,
        "accounts_active": step.accounts_active,
        "accounts_seen": step.accounts_seen,
        "groups_tested": step.groups_tested,
        "campaigns": step.campaigns,
        "accounts_flagged": step.accounts_flagged,
        "newly_flagged": list(step.newly_flagged),
        "merge_seconds": round(step.merge_s, 4),
        "look_seconds": round(step.look_s, 4),
        "look_processor_seconds": round(step.look_cpu_s, 4),
        "seconds": round(step.seconds, 4),
    }


@contextlib.contextmanager
def looks_file(path: Path) -> Iterator[Callable[[Step], None]]:
    """Take steps as they come, and put them at ``path`` when the block ends without an exception.

    Until then they wait in a file elsewhere, so that the folder of a result that never comes is not made.

    Args:
        path: In a folder that exists when the block ends.
    """
    with tempfile.TemporaryFile() as waiting:

        def write(step: Step) -> None:
            waiting.write(orjson.dumps(as_json(step), option=orjson.OPT_APPEND_NEWLINE))

        yield write
        waiting.seek(0)
        with atomic_file(path) as stream:
            while block := waiting.read(1 << 20):
                stream.write(block)
