"""The pages of the duel and of the limits have their places, and what is written there goes nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # Benches are run as modules from the root and belong to no package.

from bench.limits import between  # noqa: E402


@pytest.mark.parametrize(("page", "name"), [("limits", "limits"), ("range", "duel"), ("range", "adaptive duel")])
def test_each_page_has_its_places(page: str, name: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    written = between(text, name, "| a | table |")
    assert written.count("| a | table |") == 1
    head, _, _ = text.partition(f"<!-- {name}:")
    _, _, tail = text.partition(f"<!-- end of {name} -->")
    assert written.startswith(head) and written.endswith(tail)
    assert between(written, name, "| a | table |") == written


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        between("# A page\n", "limits", "")
