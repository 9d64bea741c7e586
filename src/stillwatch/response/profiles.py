"""What a provider knows of accounts besides their traffic, as standings and replays need it."""

from __future__ import annotations

import csv
from pathlib import Path

from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.discovery import SourceError
from stillwatch.response.replay import Profile


def read_profiles(accounts: Path | None, owners: Path | None = None, *, assume_utc: bool = False) -> dict[str, Profile]:
    """Return profiles by account id.

    Args:
        accounts: A table of accounts, in any form that a scan reads; None for none.
        owners: CSV with the columns ``account_id`` and ``owner_country``, an ISO 3166 code: who an account belongs to
            in the end, which is no column of a table of accounts.
        assume_utc: Take times without a zone as UTC.

    Raises:
        SourceError: If a file cannot be read.
    """
    found: dict[str, Profile] = {}
    if accounts is not None:
        table = read_accounts(accounts, assume_utc=assume_utc)
        rows = table.num_rows

        def column(name: str) -> list[str]:
            return [value or "" for value in table[name].to_pylist()] if name in table.column_names else [""] * rows

        created = table["created_at"].cast("int64").to_pylist() if "created_at" in table.column_names else [None] * rows
        for name, plan, level, opened, billing in zip(
            table["account_id"].to_pylist(),
            column("plan"),
            column("verification_level"),
            created,
            column("billing_country"),
            strict=True,
        ):
            found[name] = Profile(plan, level, -1 if opened is None else opened, billing.upper())
    for name, country in _owners(owners).items() if owners is not None else ():
        known = found.get(name, Profile())
        found[name] = Profile(known.plan, known.verification, known.created_us, known.billing_country, country)
    return found


def _owners(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"account_id", "owner_country"} <= set(rows.fieldnames or ()):
                raise SourceError(f"{path}: names no owners", "write CSV with the columns account_id,owner_country")
            return {
                row["account_id"]: (row["owner_country"] or "").strip().upper() for row in rows if row["account_id"]
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV: {error}", "check the file") from error
