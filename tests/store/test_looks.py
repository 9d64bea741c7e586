"""looks.jsonl: a line a step, there only when all went well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillwatch.engine.steps import Step
from stillwatch.store.looks import looks_file

STEP = Step(1_772_409_600_000_000, 12, 3, 40, 7, 1, 5, ("a", "b"), 0.25, 0.5, 0.375, 1.0)


def test_a_line_a_step(tmp_path: Path) -> None:
    path = tmp_path / "looks.jsonl"
    with looks_file(path) as write:
        write(STEP)
        write(STEP)
        assert not path.exists()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0] == {
        "at": "2026-03-02T00:00:00Z",
        "exchanges": 12,
        "accounts_active": 3,
        "accounts_seen": 40,
        "groups_tested": 7,
        "campaigns": 1,
        "accounts_flagged": 5,
        "newly_flagged": ["a", "b"],
        "merge_seconds": 0.25,
        "look_seconds": 0.5,
        "look_processor_seconds": 0.375,
        "seconds": 1.0,
    }


def test_a_replay_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with looks_file(tmp_path / "made later" / "looks.jsonl") as write:
            write(STEP)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
