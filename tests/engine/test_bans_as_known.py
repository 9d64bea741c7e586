"""Bans beside the profiles: every banned account is there, and no look knows of a ban that came later."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from stillwatch.engine.profiles import as_known_at, with_bans
from stillwatch.footprint.footprints import BANNED

WHEN = dt.datetime(2026, 3, 4, 10, tzinfo=dt.UTC)
WHEN_US = int(WHEN.timestamp()) * 1_000_000
BANS = pa.table({"account_id": ["a", "z"], "banned_at": pa.array([WHEN, WHEN], pa.timestamp("us", "UTC"))})
PROFILE = pa.table({"account_id": pa.array(["a", "b"], pa.large_string()), "plan": ["pro", "free"]})


def rows(table: pa.Table | None) -> dict[str, tuple[str | None, int | None]]:
    assert table is not None
    plans = table["plan"].to_pylist() if "plan" in table.column_names else [None] * len(table)
    held = zip(table["account_id"].to_pylist(), plans, table[BANNED].to_pylist(), strict=True)
    return {name: (plan, banned) for name, plan, banned in held}


def test_banned_accounts_without_a_profile_get_a_row() -> None:
    assert rows(with_bans(PROFILE, BANS)) == {"a": ("pro", WHEN_US), "b": ("free", None), "z": (None, WHEN_US)}
    assert rows(with_bans(None, BANS)) == {"a": (None, WHEN_US), "z": (None, WHEN_US)}


def test_a_later_ban_is_not_known_yet() -> None:
    held = with_bans(PROFILE, BANS)
    assert rows(as_known_at(held, WHEN_US)) == {"a": ("pro", None), "b": ("free", None), "z": (None, None)}
    assert rows(as_known_at(held, WHEN_US + 1)) == rows(held)


def test_without_bans_profiles_stay_as_they_are() -> None:
    assert as_known_at(PROFILE, 0) is PROFILE
    assert as_known_at(None, 0) is None
