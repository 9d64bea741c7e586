"""The result of a scan in a terminal."""

from __future__ import annotations

import datetime as dt

from rich import box
from rich.table import Table
from rich.text import Text

from stillwatch.case.campaign_case import Scan
from stillwatch.case.sentences import scan_sentence, top_views
from stillwatch.case.wording import count, nats, plural, printable


def campaign_table(scan: Scan) -> Table:
    """Return a table of one row a campaign, readable from 80 columns on.

    Text from the logs is set as plain text: neither markup nor escape sequences in it reach the terminal.
    """
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False, expand=False
    )
    table.add_column("campaign", overflow="fold", min_width=8, max_width=24)
    for name in ("accounts", "exchanges"):
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    table.add_column("first seen", no_wrap=True, min_width=10)
    table.add_column("flagged", no_wrap=True, min_width=10)
    table.add_column("nats", justify="right", no_wrap=True, min_width=5)
    table.add_column("views", overflow="fold", min_width=9)
    for campaign in scan.campaigns:
        table.add_row(
            Text(printable(campaign.campaign_id), style="bold"),
            count(len(campaign.accounts)),
            count(campaign.exchanges),
            _date(campaign.first_seen),
            _date(campaign.flagged_at),
            nats(campaign.log_e),
            Text(printable(", ".join(top_views(campaign)).replace("_", "-"))),
        )
    return table


def headline(scan: Scan) -> str:
    """Return the result in a few plain lines: what was found, what was spared, what the logs lacked."""
    lines = [scan_sentence(scan)]
    if scan.look_alikes:
        lines.append(
            f"{plural(len(scan.look_alikes), 'group')} looked alike and "
            f"{'was' if len(scan.look_alikes) == 1 else 'were'} not flagged; the report says why."
        )
    if scan.absent_columns:
        named = ", ".join(printable(column) for column, _ in scan.absent_columns)
        lines.append(f"Not in the logs: {named}. The report says what each absence costs.")
    if scan.rejected:
        verb = "was" if scan.rejected == 1 else "were"
        lines.append(f"{plural(scan.rejected, 'row').capitalize()} could not be used and {verb} left out.")
    return "\n".join(lines)


def _date(instant: dt.datetime) -> str:
    return f"{instant.astimezone(dt.UTC):%Y-%m-%d}"
