"""What the accounts file says of each account, with its identifiers as keyed hashes."""

from __future__ import annotations

import pyarrow as pa

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.footprint.footprints import PROFILE

_HASHED = {"card": "payment_fingerprint", "organization": "organization_id", "mail_domain": "email_domain"}


def profiles(accounts: pa.Table, pseudonyms: Pseudonyms) -> pa.Table:
    """Return ``account_id`` and those of PROFILE's columns that ``accounts`` has data for, one row an account.

    Args:
        accounts: Columns as in ``ACCOUNT_SCHEMA``, all but ``account_id`` optional.
        pseudonyms: The operator's key, the same as for the footprints.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {"account_id": accounts["account_id"].cast(pa.large_string())}
    for name, kind, _ in PROFILE:
        source = _HASHED.get(name, "created_at" if name == "created_us" else name)
        if source not in accounts.column_names:
            continue
        if name in _HASHED:
            hashes, known = pseudonyms.hashes(source, accounts[source])
            columns[name] = pa.array(hashes, pa.uint64(), mask=~known)
        elif name == "created_us":
            columns[name] = accounts[source].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        else:
            columns[name] = accounts[source].cast(kind)
    return pa.table(columns)
