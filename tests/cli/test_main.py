"""The command itself: what it offers, and that it is installed under its name."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from typer.testing import CliRunner

from stillwatch import __version__
from stillwatch.__main__ import main
from stillwatch.cli.main import application

COMMANDS = ("scan", "columns", "simulate")


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application, list(arguments), env={"COLUMNS": "160", "TERM": "dumb"})
    return result.exit_code, result.output


def test_the_installed_command_is_this_one() -> None:
    (command,) = entry_points(group="console_scripts", name="stillwatch")
    assert command.load() is main


def test_help_names_every_command_and_no_other() -> None:
    code, text = said("--help")
    assert code == 0 and all(name in text for name in COMMANDS)
    assert {command.callback.__name__ for command in application.registered_commands if command.callback} == set(
        COMMANDS
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    code, text = said(command, "--help")
    assert code == 0 and text.strip()
    for line in text.splitlines():
        words = line.strip("│ ").split()
        if words and words[0].startswith("--"):
            assert len(words) >= 4, f"{command} {words[0]} is not explained"


def test_the_version_is_the_packages() -> None:
    assert said("--version") == (0, f"stillwatch {__version__}\n")


def test_without_a_command_help_is_shown() -> None:
    _, text = said()
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("arguments", [("scam",), ("scan",), ("scan", "x"), ("scan", "--no-such-option")])
def test_misuse_ends_with_code_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    code, text = said(*arguments)
    assert code == 2 and "Usage" in text and "Traceback" not in text
