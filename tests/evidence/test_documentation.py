"""The pages under docs/detectors are what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stillwatch.evidence.documentation import pages, write

DOCS = Path(__file__).parents[2] / "docs" / "detectors"


def test_pages_are_up_to_date() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert found == pages(), "run: python -m stillwatch.evidence.documentation docs/detectors"


def test_writing_removes_pages_of_detectors_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(pages())


def test_the_command_wants_a_folder() -> None:
    command = [sys.executable, "-m", "stillwatch.evidence.documentation"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "usage" in done.stderr
