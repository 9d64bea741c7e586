"""``stillwatch columns``: what a scan would find in some logs, before it reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stillwatch.exchange.discovery import SourceError, discover
from stillwatch.exchange.mapping import ColumnMap, load_mapping
from stillwatch.exchange.reading import Surveyed, survey
from stillwatch.exchange.schema import EXCHANGE_COLUMNS


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """What the sources have of one column.

    Attributes:
        column: Its canonical name.
        found_as: The sources' fields that it is read from, the commonest first; none where it is absent.
        null_share: Share of the sampled exchanges without a value, from 0 to 1, or None without a sample.
        absence: What a scan loses without it.
    """

    column: str
    meaning: str
    found_as: tuple[str, ...]
    null_share: float | None
    absence: str


def columns(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns with a provider's logs.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML or JSON file: canonical column: source column.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show which columns of an exchange the logs have, where each comes from, and what its absence costs."""
    try:
        mapping = load_mapping(map_file) if map_file else {}
        surveyed = survey(discover(paths), mapping)
    except SourceError as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    formats = Counter(_title(each) for each in surveyed)
    reports = column_reports(surveyed, mapping)
    if as_json:
        held = {"formats": dict(formats), "columns": [asdict(report) for report in reports]}
        typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(formats, reports)


def column_reports(surveyed: list[Surveyed], mapping: ColumnMap) -> list[ColumnReport]:
    """Return what the sampled rows of the sources have of each column, in canonical order."""
    fields: dict[str, Counter[str]] = {column.name: Counter() for column in EXCHANGE_COLUMNS}
    known: Counter[str] = Counter()
    sampled = 0
    for each in surveyed:
        for name, field in each.columns(mapping).items():
            fields[name][field] += 1
        exchanges = each.exchanges(mapping)
        sampled += len(exchanges)
        known.update(name for exchange in exchanges for name, value in exchange.items() if value not in (None, ""))
    return [
        ColumnReport(
            column=column.name,
            meaning=column.meaning,
            found_as=tuple(field for field, _ in fields[column.name].most_common()),
            null_share=round(1 - known[column.name] / sampled, 4) if sampled and fields[column.name] else None,
            absence=column.absence,
        )
        for column in EXCHANGE_COLUMNS
    ]


def _title(each: Surveyed) -> str:
    if each.form is None:
        return "damaged file" if each.seen.shape == "damaged" else "file without rows"
    return each.form.title


def _show(formats: Counter[str], reports: list[ColumnReport]) -> None:
    console = Console()
    for title, files in formats.most_common():
        console.print(f"{files} file{'s' * (files != 1)}: {escape(title)}")
    table = Table("column", "read from", "no value", "without it")
    for report in reports:
        absent = not report.found_as
        share = "–" if report.null_share is None else f"{report.null_share:.1%}"
        table.add_row(
            report.column,
            "absent" if absent else escape("; ".join(report.found_as)),
            share,
            escape(report.absence) if absent or report.null_share == 1 else "",
            style="yellow" if absent else None,
        )
    console.print(table)
