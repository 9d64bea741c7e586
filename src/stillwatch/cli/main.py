"""The command ``stillwatch``."""

from __future__ import annotations

import typer

from stillwatch import __version__
from stillwatch.cli.columns import columns
from stillwatch.cli.policy import policy
from stillwatch.cli.scan import scan
from stillwatch.cli.simulate import simulate
from stillwatch.cli.standings import standings

application = typer.Typer(
    name="stillwatch",
    help="Finds, proves and stops adversarial distillation of a language model in its provider's own traffic.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command()(scan)
application.command()(columns)
application.command()(simulate)
application.add_typer(policy)
application.add_typer(standings)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillwatch {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show it and leave."),
) -> None:
    """Finds, proves and stops adversarial distillation of a language model in its provider's own traffic."""
