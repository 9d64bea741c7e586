"""Where the doors come together: the command ``stillwatch`` with what each door adds to it."""

from __future__ import annotations

import typer

from stillwatch import __version__
from stillwatch.cli.lazy import Lazy, lazy_group

COMMANDS: tuple[Lazy, ...] = (
    Lazy("scan", "stillwatch.cli.scan:scan", "Scan logs for accounts that act as one to extract the model."),
    Lazy("columns", "stillwatch.cli.columns:columns", "Show which columns the logs have, and what each absence costs."),
    Lazy("simulate", "stillwatch.cli.simulate:simulate", "Simulate a provider's traffic, with campaigns as disclosed."),
    Lazy("baseline", "stillwatch.cli.baseline:baseline", "Learn from history what honest accounts do here."),
    Lazy("replay", "stillwatch.cli.replay:replay", "Replay logs as time went by, a look at the end of every step."),
    Lazy("range", "stillwatch.cli.range:application", "Play campaigns against the detector: duels and limits."),
    Lazy("policy", "stillwatch.cli.policy:policy", "Check a policy, and replay it before it is enforced.", "wall"),
    Lazy("standings", "stillwatch.cli.standings:standings", "Make and change the table of accounts on rungs.", "wall"),
    Lazy("serve", "stillwatch.gateway.commands:serve", "Stand before a model server: decide, respond, log.", "wall"),
    Lazy("watch", "stillwatch.cli.watch:watch", "Fold a gateway's log as it grows, and renew the standings.", "wall"),
    Lazy("demo-wall", "stillwatch.cli.demo_wall:demo_wall", "Show the closed loop on loopback.", "wall"),
    Lazy("authorize", "stillwatch.gateway.door_commands:authorize", "Decide for nginx, Envoy and LiteLLM.", "wall"),
    Lazy("verify", "stillwatch.gateway.door_commands:verify", "Let holders of accounts prove who they are.", "wall"),
    Lazy("push", "stillwatch.gateway.door_commands:push", "Write verdicts into what a gateway already has.", "wall"),
    Lazy("watermark", "stillwatch.cli.watermark:watermark", "Keys of marks, and whether texts bear one."),
    Lazy("provenance", "stillwatch.cli.provenance:provenance", "Was this model taught by ours? The tests."),
    Lazy("lab", "stillwatch.cli.lab:application", "Distil models of your own; what each defence takes.", "lab"),
)

application = typer.Typer(
    name="stillwatch",
    cls=lazy_group(COMMANDS),
    help="Finds, proves and stops adversarial distillation of a language model in its provider's own traffic.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillwatch {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show it and leave."),
) -> None:
    """Finds, proves and stops adversarial distillation of a language model in its provider's own traffic."""


def main() -> None:
    """Run the command line."""
    application()


if __name__ == "__main__":
    main()
