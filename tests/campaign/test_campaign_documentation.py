"""The pages under docs/views are what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stillwatch.campaign.documentation import pages, write
from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.view import View
from stillwatch.campaign.views.registry import VIEWS

DOCS = Path(__file__).parents[2] / "docs" / "views"


def test_pages_are_up_to_date() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert found == pages(), "run: python -m stillwatch.campaign.documentation docs/views"


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_a_page_names_the_explanations_that_excuse_its_view_and_no_other(view: View) -> None:
    page = pages()[f"{view.name}.md"]
    for explanation in EXPLANATIONS:
        assert (f"**{explanation.name}**" in page) == (view.name in explanation.excuses)
    assert view.null in page and view.source in page and all(f"`{name}`" in page for name in view.needs)
    assert f"[{view.name}]({view.name}.md)" in pages()["README.md"]


def test_writing_removes_pages_of_views_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(pages())


def test_the_command_wants_a_folder() -> None:
    command = [sys.executable, "-m", "stillwatch.campaign.documentation"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "usage" in done.stderr
