import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.replay import Flag, Profile
from stillwatch.response.result_standings import standings_of
from stillwatch.response.standing import Standings

PSEUDONYMS = Pseudonyms(b"a test has no secret")


def hashes(field: str, values: pa.Array) -> NDArray[np.uint64]:
    return PSEUDONYMS.hashes(field, values)[0]


def made(campaigns: dict[str, list[str]], before: Standings | None = None) -> Standings:
    flags = {name: Flag(campaign, 7, 8.5, 1.5) for campaign, names in campaigns.items() for name in names}
    return standings_of(flags, {}, hashes, rung=Rung.CAP, made_us=2 if before else 1, until_us=9, before=before)


def actor(held: Standings, name: str) -> int:
    found = held.of(PSEUDONYMS.hash_one("account_id", name))
    assert found is not None
    return found.actor


def test_flagged_and_known_accounts_are_in_it() -> None:
    flags = {"a": Flag("c-1", 7, 8.5, 1.5), "b": Flag("c-1", 7, 8.5, -1.0)}
    profiles = {"b": Profile("pro", "id", 5, "DE", "IR"), "z": Profile("free")}
    held = standings_of(flags, profiles, hashes, rung=Rung.HIDE, made_us=1)
    assert len(held) == 3
    b, z = (held.of(PSEUDONYMS.hash_one("account_id", name)) for name in "bz")
    assert b is not None
    assert z is not None
    assert (b.rung, b.campaign_id, b.evidence_nats, b.membership_nats, b.since_us) == (Rung.HIDE, "c-1", 8.5, -1.0, 7)
    assert (b.plan, b.verification, b.created_us, b.billing_country, b.owner_country) == ("pro", "id", 5, "DE", "IR")
    assert (z.rung, z.campaign_id, z.plan, z.actor) == (Rung.NONE, "", "free", PSEUDONYMS.hash_one("account_id", "z"))
    assert b.actor == actor(held, "a")
    assert b.actor_accounts == 2


def test_a_campaign_that_is_named_anew_keeps_its_actor() -> None:
    first = made({"c-1": ["a", "b", "c", "d"], "c-2": ["x", "y"]})
    second = made({"c-9": ["a", "b", "c", "e"], "c-1": ["x", "w", "v"]}, first)
    assert actor(second, "e") == actor(first, "a")
    assert actor(second, "x") not in (actor(first, "x"), actor(first, "a"))  # One of three is no majority.


def test_a_campaign_that_fell_apart_keeps_one_actor() -> None:
    first = made({"c-1": ["a", "b", "c", "d", "e"]})
    second = made({"c-2": ["a", "b"], "c-3": ["c", "d", "e"]}, first)
    assert actor(second, "c") == actor(first, "a")
    assert actor(second, "a") != actor(first, "a")


def test_two_accounts_with_one_pseudonym_are_refused() -> None:
    with pytest.raises(ValueError, match="one pseudonym"):
        standings_of(
            {"a": Flag("c", 1, 1.0, 1.0), "b": Flag("c", 1, 1.0, 1.0)},
            {},
            lambda _, values: np.ones(len(values), np.uint64),
            rung=Rung.CAP,
            made_us=1,
        )
