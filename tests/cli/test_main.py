"""The command itself: what it offers, and that it is installed under its name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stillwatch import __version__
from stillwatch.__main__ import COMMANDS as MEMBERS
from stillwatch.__main__ import application, main
from stillwatch.cli.lazy import Lazy

COMMANDS = tuple(member.name for member in MEMBERS)
NEEDING = {"lab": "torch"}  # What the environment of the tests may lack.


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application, list(arguments), env={"COLUMNS": "160", "TERM": "dumb"})
    return result.exit_code, result.output


def test_the_installed_command_is_this_one() -> None:
    (command,) = entry_points(group="console_scripts", name="stillwatch")
    assert command.load() is main


def test_help_names_every_command_and_loads_none() -> None:
    code, text = said("--help")
    assert code == 0
    for member in MEMBERS:
        assert member.name in text and member.help[:40] in text
    before = "import sys; from stillwatch.__main__ import application; "
    after = "import typer.testing as t; t.CliRunner().invoke(application, ['--help']); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", before + after], capture_output=True, text=True, check=True).stdout
    assert not {"numba", "pyarrow", "aiohttp", "torch", "cryptography"} & set(loaded.split())


def commands_under(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every command line that ends in a command, groups left out."""
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    if not names:
        yield words
    for name in names:
        yield from commands_under(command.get_command(None, name), (*words, name))


@pytest.mark.parametrize("member", MEMBERS, ids=COMMANDS)
def test_every_option_is_explained(member: Lazy) -> None:
    if find_spec(NEEDING.get(member.name, "typer")) is None:
        pytest.skip(f"{NEEDING[member.name]} is not installed")
    for words in commands_under(member.load(), (member.name,)):
        code, text = said(*words, "--help")
        assert code == 0 and text.strip(), words
        for line in text.splitlines():
            told = line.strip("│ ").split()
            if told and told[0].startswith("--"):
                assert len(told) >= 4, f"{' '.join(words)} {told[0]} is not explained"


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        Lazy("fly", "wings_that_nobody_has:flap", "Flies.", "air").load()
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        "stillwatch: `fly` needs wings_that_nobody_has, which is not installed; pip install 'stillwatch[air]'\n"
    )
    with pytest.raises(ModuleNotFoundError):
        Lazy("fly", "wings_that_nobody_has:flap", "Flies.").load()


def test_the_version_is_the_packages() -> None:
    assert said("--version") == (0, f"stillwatch {__version__}\n")


def test_without_a_command_help_is_shown() -> None:
    _, text = said()
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("arguments", [("scam",), ("scan",), ("scan", "x"), ("scan", "--no-such-option")])
def test_misuse_ends_with_code_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    code, text = said(*arguments)
    assert code == 2 and "Usage" in text and "Traceback" not in text
