"""What the pages say exists: links, files, modules, commands and their options; tables are what the code says.

Run this file as a script to write the tables and values of docs/how_it_works.md anew.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.evidence.registry import DETECTORS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MATHEMATICS = ROOT / "docs" / "how_it_works.md"
TOOLS = {"python", "stillwatch", "pytest", "ruff", "mypy", "lint-imports"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"(?<=\n\n)(?:    .*\n+)+", "", text)


def inline(page: Path) -> list[str]:
    """What the page sets as code within a line."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def blocks(page: Path) -> list[str]:
    """The lines of the page's blocks of code, continued lines joined and comments taken off."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", text, flags=re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    indented = re.findall(r"(?<=\n\n)((?:    .*\n)+)", rest)
    lines = "".join([*fenced, *indented]).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+#.*$", "", line.strip()).removeprefix("$ ") for line in lines]


def commands(page: Path) -> list[str]:
    """The project's own commands that the page tells its reader to run."""
    begins = re.compile(r"(stillwatch|make|pip install|(\.venv/bin/)?python -m|\.venv/bin/\S+)( |$)")
    return [line for line in [*blocks(page), *inline(page)] if begins.match(line) and line != "stillwatch"]


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


@cache
def help_of(*words: str) -> str:
    """What ``stillwatch`` with these words, or a module of ``bench``, says to --help."""
    if words[0] == "stillwatch":
        shown = CliRunner().invoke(application, [*words[1:], "--help"], env={"COLUMNS": "240", "NO_COLOR": "1"})
        assert shown.exit_code == 0, f"{' '.join(words)} --help: {shown.output}"
        return re.sub(r"\x1b\[[0-9;]*m", "", shown.output)
    done = subprocess.run(
        [sys.executable, "-m", *words, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "240"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def subcommands() -> tuple[tuple[str, ...], ...]:
    """The words of every command, and of the groups that they stand in."""

    context = typer.Context(typer.main.get_command(application))

    def under(command: Any, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = [words] if words else []
        for name in getattr(command, "list_commands", lambda _: ())(context):
            found += under(command.get_command(context, name), (*words, name))
        return found

    return tuple(under(typer.main.get_command(application), ()))


def command_words(words: list[str]) -> tuple[str, ...]:
    """The longest beginning of a command line that is a command of ours."""
    return max((each for each in subcommands() if tuple(words[: len(each)]) == each), key=len, default=())


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as the great hosts of Git repositories make them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), flags=re.M)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "").lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def links(page: Path) -> list[tuple[Path, str]]:
    """The page's links into the repository: file and anchor."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    local = [target for target in found if not re.match(r"[a-z]+:", target)]
    pairs = [target.partition("#")[::2] for target in local]
    return [((page.parent / path).resolve() if path else page, anchor) for path, anchor in pairs]


@each_page
def test_links_resolve(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in headings(target), f"{page.name} links to #{anchor}, which {target.name} lacks"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [target for target, _ in links(page)]
    assert set(PAGES) <= reached


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    places = (ROOT, ROOT / "src" / "stillwatch", page.parent)
    # With a placeholder in it, or above the repository, it is the reader's own.
    names = [name for name in inline(page) if re.fullmatch(r"[a-z_.][\w./-]*(\.(py|md|toml|sh|lock|j2)|/)", name)]
    for name in names:
        if (not name.startswith("..") and "/" in name.rstrip("/")) or name.endswith((".toml", ".lock")):
            assert any((place / name).exists() for place in places), f"{page.name} names {name}, which is not there"


@each_page
def test_modules_and_names_in_them_exist(page: Path) -> None:
    for name in inline(page):
        if not re.fullmatch(r"(stillwatch|bench)(\.\w+)+", name):
            continue
        module, _, last = name.rpartition(".")
        there = _is_module(name) or (_is_module(module) and hasattr(importlib.import_module(module), last))
        assert there, f"{page.name} names {name}, which is not there"


def _is_module(name: str) -> bool:
    path = ROOT.joinpath("src" if name.startswith("stillwatch") else "", *name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@each_page
def test_commands_exist_with_the_options_that_are_named(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line.replace("…", " ").replace("[", " ").replace("]", " "))
        program = Path(words[0]).name
        if program == "make":
            targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
            assert set(words[1:]) <= targets, f"{page.name}: {line}"
        elif program == "stillwatch":
            named = command_words(words[1:])
            assert named or not words[1:] or words[1].startswith("-"), f"{page.name}: {line}"
            assert options(line) - {"--help"} <= options(help_of("stillwatch", *named)), f"{page.name}: {line}"
        elif words[1:2] == ["-m"]:
            assert _is_module(words[2]), f"{page.name}: {line}"
            if words[2].startswith("bench."):
                assert options(line) <= options(help_of(words[2])), f"{page.name}: {line}"
        elif program == "pip":
            assert {word.split()[0] for word in words[2:]} <= {".", "stillwatch", "--no-deps"} and (
                ROOT / "pyproject.toml"
            ).exists()
        else:
            assert program in TOOLS, f"{page.name}: {line}"


@each_page
def test_options_that_are_named_alone_exist(page: Path) -> None:
    known = {"--hypothesis-seed"}.union(*(options(help_of("stillwatch", *words)) for words in subcommands()))
    alone = {found.group() for name in inline(page) if (found := re.match(r"--[a-z][a-z-]+", name))}
    assert alone <= known


def test_the_first_screen_has_both_commands() -> None:
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:60]
    text = "\n".join(screen)
    assert "make demo" in text and "make test" in text


def test_every_detector_and_view_is_linked() -> None:
    linked = {target for target, _ in links(MATHEMATICS)}
    for detector in DETECTORS:
        assert ROOT / "docs" / "detectors" / f"{detector.claim.detector}.md" in linked
    for view in VIEWS:
        assert ROOT / "src" / "stillwatch" / "campaign" / "views" / f"{view.name}.py" in linked


def views() -> str:
    """The table of views."""
    rows = ["| View | Benign claim | Cap | Strong | Ties |", "|---|---|---|---|---|"]
    for view in VIEWS:
        marks = " | ".join("yes" if mark else "no" for mark in (view.strong, view.ties))
        link = f"[{view.name}](../src/stillwatch/campaign/views/{view.name}.py)"
        rows.append(f"| {link} | {view.null} | {view.cap_nats:g} | {marks} |")
    return "\n".join(rows)


def explanations() -> str:
    """The table of benign explanations."""
    rows = ["| Explanation | Claim | Excuses |", "|---|---|---|"]
    for each in EXPLANATIONS:
        excused = ", ".join(f"`{view.name}`" for view in VIEWS if view.name in each.excuses)
        rows.append(f"| {each.name} | {each.claim} | {excused or 'nothing'} |")
    return "\n".join(rows)


def constants(table: str) -> str:
    """The table of constants with the values that the code has."""

    def value(row: re.Match[str]) -> str:
        module, _, name = row[1].rpartition(".")
        held: Any = getattr(importlib.import_module(f"stillwatch.{module}"), name)
        shown = ", ".join(f"{part:g}" for part in (held if isinstance(held, tuple) else (held,)))
        return f"| `{row[1]}` | {shown} |"

    return re.sub(r"^\| `([\w.]+)` \|[^|]*\|", value, table, flags=re.M)


def with_tables(page: str) -> str:
    """The page with all that is written from the code written anew."""

    def between(name: str, page: str, text: str | None) -> str:
        found = re.search(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- end of {name} -->)", page, flags=re.S)
        assert found is not None, f"the page has no place for {name}"
        held = found[2] if text is None else f"{text}\n"
        return page[: found.start()] + found[1] + (constants(held) if text is None else held) + page[found.start(3) :]

    page = between("views", page, views())
    page = between("explanations", page, explanations())
    return between("constants", page, None)


def test_the_tables_are_what_the_code_says() -> None:
    page = MATHEMATICS.read_text(encoding="utf-8")
    assert with_tables(page) == page, f"run: python {Path(__file__).relative_to(ROOT)}"


if __name__ == "__main__":
    MATHEMATICS.write_text(with_tables(MATHEMATICS.read_text(encoding="utf-8")), encoding="utf-8")
