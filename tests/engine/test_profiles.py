from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from stillwatch.engine.profiles import profiles
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.schema import ACCOUNT_SCHEMA
from stillwatch.footprint.footprints import PROFILE

PSEUDONYMS = Pseudonyms(b"0123456789abcdef")
OPENED = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
ACCOUNTS = pa.table(
    {
        "account_id": ["a", "b", "c"],
        "created_at": pa.array([OPENED, None, OPENED], pa.timestamp("us", "UTC")),
        "plan": ["pro", None, "free"],
        "email_domain": ["mail.example", "mail.example", None],
        "payment_fingerprint": ["4111", None, "mail.example"],
        "organization_id": pa.array([None, None, None], pa.string()),
        "billing_country": ["DE", "BR", None],
        "verification_level": ["id", None, "none"],
    },
    schema=ACCOUNT_SCHEMA,
)


def test_identifiers_are_hashed_with_the_key_and_the_rest_stays() -> None:
    table = profiles(ACCOUNTS, PSEUDONYMS)
    assert table.column_names == ["account_id", *(name for name, _, _ in PROFILE)]
    for name, kind, _ in PROFILE:
        assert table[name].type == kind, name
    assert table["account_id"].to_pylist() == ["a", "b", "c"]
    mail, card = PSEUDONYMS.hash_one("email_domain", "mail.example"), PSEUDONYMS.hash_one("payment_fingerprint", "4111")
    assert table["mail_domain"].to_pylist() == [mail, mail, None]
    # One string in two fields has two hashes.
    assert table["card"].to_pylist()[:2] == [card, None] and table["card"][2].as_py() not in (mail, None)
    assert table["organization"].null_count == 3
    opened = int(OPENED.timestamp()) * 1_000_000
    assert table["created_us"].to_pylist() == [opened, None, opened]
    assert table["plan"].to_pylist() == ["pro", None, "free"]
    assert "4111" not in str(table.to_pydict()) and "mail.example" not in str(table.to_pydict())
    other = profiles(ACCOUNTS, Pseudonyms(b"another key of some bytes"))
    assert other["card"].to_pylist() != table["card"].to_pylist()


@pytest.mark.parametrize("missing", ACCOUNT_SCHEMA.names[1:])
def test_a_column_that_is_not_there_is_left_out(missing: str) -> None:
    whole, without = profiles(ACCOUNTS, PSEUDONYMS), profiles(ACCOUNTS.drop_columns([missing]), PSEUDONYMS)
    assert len(without.column_names) == len(whole.column_names) - 1
    assert all(without[name].equals(whole[name]) for name in without.column_names)


def test_strings_may_be_large_or_coded() -> None:
    for kind in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        coded = pa.table(
            {
                name: ACCOUNTS[name].cast(kind) if ACCOUNTS[name].type == pa.string() else ACCOUNTS[name]
                for name in ACCOUNTS.column_names
            }
        )
        assert profiles(coded, PSEUDONYMS).to_pydict() == profiles(ACCOUNTS, PSEUDONYMS).to_pydict()


def test_accounts_that_are_known_by_name_only_and_none_at_all() -> None:
    assert profiles(ACCOUNTS.select(["account_id"]), PSEUDONYMS).to_pydict() == {"account_id": ["a", "b", "c"]}
    assert profiles(ACCOUNTS.slice(0, 0), PSEUDONYMS).num_rows == 0
