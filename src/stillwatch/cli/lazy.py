"""A group of commands whose modules are imported when they are asked for: a scan need not load a gateway or a lab."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Lazy:
    """One command, or group of commands, that is not loaded yet.

    Attributes:
        name: As typed.
        target: ``module:attribute``, a function or a ``typer.Typer``.
        help: One line for the list of commands.
        extra: The extra of the package that its module needs; empty for none.
    """

    name: str
    target: str
    help: str
    extra: str = ""

    def load(self) -> Any:
        """Import the module and return the command.

        Raises:
            typer.Exit: With code 2, after a word on standard error, if the extra is not installed.
        """
        module, _, attribute = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not self.extra or (error.name or "").startswith("stillwatch"):
                raise
            hint = f"pip install 'stillwatch[{self.extra}]'"
            typer.echo(f"stillwatch: `{self.name}` needs {error.name}, which is not installed; {hint}", err=True)
            raise typer.Exit(2) from error
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return typer.main.get_command(alone)


def lazy_group(members: tuple[Lazy, ...]) -> type[TyperGroup]:
    """Return a class of groups that offers ``members`` in this order."""
    by_name = {member.name: member for member in members}

    class LazyGroup(TyperGroup):
        """Loads a command when it is run or explained; a list of all needs none of them."""

        _listing = False

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - The group's signature.
            return list(by_name)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
            member = by_name.get(cmd_name)
            if member is None:
                return None
            if self._listing:
                return TyperCommand(member.name, help=member.help)
            command = member.load()
            command.name = member.name
            return command

        def format_help(self, ctx: Any, formatter: Any) -> None:
            self._listing = True
            try:
                super().format_help(ctx, formatter)
            finally:
                self._listing = False

    return LazyGroup
