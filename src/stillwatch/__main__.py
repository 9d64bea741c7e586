"""Where the doors come together: the command ``stillwatch`` with what each door adds to it."""

from __future__ import annotations

from stillwatch.cli.main import application
from stillwatch.gateway.commands import serve

application.command()(serve)


def main() -> None:
    """Run the command line."""
    application()


if __name__ == "__main__":
    main()
