"""The rules of the house that a machine can check: who imports whom, what is documented, what is too long."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillwatch.campaign.views.registry import VIEWS
from stillwatch.evidence.registry import DETECTORS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
NAMELESS = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "stuff"}
FUNCTION_LINES_MOST = 100
FILE_LINES_MOST = 500


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text("utf-8"), str(path))


def test_each_stage_imports_only_earlier_ones() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 kept, 0 broken" in ended.stdout


def test_every_module_says_what_it_is() -> None:
    assert len(SOURCES) > 100
    assert [place(path) for path, tree in parsed() if not ast.get_docstring(tree)] == []


def test_no_name_says_nothing() -> None:
    names = [*ROOT.glob("src/**/*"), *ROOT.glob("tests/**/*"), *ROOT.glob("bench/**/*"), *ROOT.glob("docs/**/*")]
    assert [place(path) for path in names if NAMELESS & set(path.stem.lower().split("_"))] == KEPT_NAMES


# "Values in common" is what this module is about: the word is the subject, not a drawer for odds and ends.
KEPT_NAMES = ["src/stillwatch/campaign/common_values.py"]


def test_no_function_and_no_file_is_too_long() -> None:
    long = [
        f"{place(path)}:{node.lineno} {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MOST
    ]
    for path in SOURCES:
        lines = path.read_text("utf-8").count("\n")
        if lines > FILE_LINES_MOST:
            long.append(f"{place(path)} has {lines} lines")
    assert long == []


@pytest.mark.parametrize(
    ("folder", "names"),
    [("detectors", [each.claim.detector for each in DETECTORS]), ("views", [each.name for each in VIEWS])],
)
def test_every_detector_and_view_has_its_page(folder: str, names: list[str]) -> None:
    pages = {path.stem for path in (ROOT / "docs" / folder).glob("*.md")} - {"README"}
    assert pages == set(names)
    index = (ROOT / "docs" / folder / "README.md").read_text("utf-8")
    assert all(f"{name}.md" in index for name in names)


def test_ci_runs_what_the_readme_tells_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    commands = [line.strip() for line in script if line.strip() and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_lock_names_no_host_and_pins_every_package() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock and "--index-url" not in lock and "--find-links" not in lock
    packages = re.findall(r"^([A-Za-z0-9][\w.\-]*)(.*)$", lock, re.MULTILINE)
    assert len(packages) > 30
    assert [name for name, rest in packages if not rest.startswith("==")] == []
    blocks = re.split(r"\n(?=\S)", lock.strip())
    assert [block.split()[0] for block in blocks if not block.startswith("#") and "--hash=sha256:" not in block] == []
