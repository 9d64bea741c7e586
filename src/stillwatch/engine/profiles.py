"""What the accounts file says of each account, with its identifiers as keyed hashes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.footprint.footprints import BANNED, PROFILE

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


def with_bans(profile: pa.Table | None, bans: pa.Table) -> pa.Table:
    """Return the profiles with a column of bans, and a row for each banned account that had none.

    Args:
        profile: As from ``profiles``, or None.
        bans: ``account_id`` and ``banned_at``, one row an account.
    """
    banned = pa.table(
        {
            "account_id": bans["account_id"].cast(pa.large_string()),
            BANNED: bans["banned_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()),
        }
    )
    if profile is None:
        return banned
    place = pc.index_in(profile["account_id"], value_set=banned["account_id"].combine_chunks())
    known = profile.append_column(BANNED, banned[BANNED].take(place))
    unknown = pc.invert(pc.is_in(banned["account_id"], value_set=profile["account_id"].combine_chunks()))
    return pa.concat_tables([known, banned.filter(unknown)], promote_options="default").combine_chunks()


def as_known_at(profile: pa.Table | None, instant_us: int) -> pa.Table | None:
    """Return the profiles as they were known at an instant: bans that came later are taken out.

    A look must not know of them, or a flag would be dated by what nobody had seen.
    """
    if profile is None or BANNED not in profile.column_names:
        return profile
    banned = profile[BANNED]
    past = pc.less(banned, pa.scalar(instant_us, pa.int64()))
    held = pc.if_else(past, banned, pa.scalar(None, pa.int64()))
    return profile.set_column(profile.column_names.index(BANNED), BANNED, held)
