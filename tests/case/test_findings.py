"""What each view found, told in sentences whose figures are those of the group."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from syrupy.assertion import SnapshotAssertion

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.case.findings import findings
from stillwatch.footprint.footprints import blank

SEED = 71


@pytest.fixture(scope="module")
def drawn(builder: ModuleType) -> tuple[list[Any], Groups, NDArray[np.int64]]:
    """A campaign of thirty among strangers, and communities of content that cut through it."""
    draw = builder.Builder(SEED)
    strangers, campaign = draw.strangers(150), draw.campaign(30, cards=6, addresses=10)
    population, number = builder.population_of(strangers, campaign)
    content = np.full(len(population), -1)
    content[150:175] = 0
    content[140:150] = 0
    content[175:180] = 1
    return campaign, Groups(population, np.where(number == 1, 0, -1)), content


def test_sentences_read_as_before(
    drawn: tuple[list[Any], Groups, NDArray[np.int64]], snapshot: SnapshotAssertion
) -> None:
    _, groups, content = drawn
    assert "\n".join(f"{view}: {sentence}" for view, sentence in findings(groups, content).items()) == snapshot


def test_every_view_has_one_sentence(drawn: tuple[list[Any], Groups, NDArray[np.int64]]) -> None:
    _, groups, content = drawn
    said = findings(groups, content)
    assert set(said) == {view.name for view in VIEWS}
    for sentence in said.values():
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".") and "{" not in sentence and "_" not in sentence and "nan" not in sentence


def test_figures_are_those_of_the_group(drawn: tuple[list[Any], Groups, NDArray[np.int64]]) -> None:
    campaign, groups, content = drawn
    said = findings(groups, content)
    cards = Counter(account.card for account in campaign)
    shared = {card: n for card, n in cards.items() if n > 1}
    assert said["payment"] == (
        f"{sum(shared.values())} of 30 accounts share {len(shared)} cards; the most used one serves "
        f"{max(shared.values())} of them."
    )
    places = Counter(place for account in campaign for place in account.addresses)
    met = {place for place, n in places.items() if n > 1}
    there = sum(bool(met & set(account.addresses)) for account in campaign)
    assert said["network"] == (
        f"{there} of 30 accounts share {len(met)} addresses; the most used one serves {max(places.values())} of them."
    )
    assert said["template"].startswith("25 of 30 accounts are among the 35 that send this kind of prompt, of 180 ")
    asked = sum(round(account.eliciting_share * int(account.hours.sum())) for account in campaign)
    prompts = sum(int(account.hours.sum()) for account in campaign)
    assert said["elicitation"].endswith(f"and {asked / prompts:.0%} for training-style answers.")
    assert said["elicitation"].startswith(f"Of {prompts:,} prompts ")
    assert said["coercion"] == "0% of prompts demand hidden reasoning; of 0 accounts half or more."
    born = sorted(account.created_us for account in campaign)
    least = min(late - early for early, late in zip(born, born[14:], strict=False))
    assert f"within {least / 86_400_000_000:.1f} days" in said["sign_up"]
    assert "30 of 30 accounts use its commonest client" in said["client"]


def test_a_group_that_shares_nothing_is_told_so(builder: ModuleType) -> None:
    population, _ = builder.population_of(builder.Builder(SEED).strangers(40))
    apart = np.full(40, -1)
    apart[[3, 17]] = 0
    said = findings(Groups(population, apart), np.full(40, -1))
    assert said["payment"] == "No two of its 2 accounts share any cards."
    assert said["network"] == "No two of its 2 accounts share any addresses."
    assert "none that other accounts send too" in said["template"]


def test_crowds_at_one_address_that_never_sleep_are_counted(builder: ModuleType) -> None:
    draw = builder.Builder(SEED)
    place, never = draw.at_home(), np.full(builder.DAYS * 24, 2)
    people = [replace(a, card=None, mail=None, addresses={place: 9}) for a in draw.strangers(5)]
    people[:3] = [replace(a, hours=never) for a in people[:3]]
    said = findings(builder.groups_of(draw.strangers(60), people), np.full(65, -1))
    assert said["round_the_clock"].startswith("At 1 of its 1 firms, places and persons 3 accounts or more, joined by ")
    people[0] = replace(people[0], hours=people[4].hours)
    said = findings(builder.groups_of(draw.strangers(60), people), np.full(65, -1))
    assert said["round_the_clock"].startswith("At 0 of its 1 ")


def test_where_the_logs_lack_a_thing_the_sentence_says_so() -> None:
    bare = blank(pa.array([f"account {k}" for k in range(6)], pa.large_string()), 0)
    bare.arrays["exchanges"][:] = 5
    bare.arrays["first_us"][:] = np.arange(6) * 3_600_000_000
    bare.arrays["last_us"][:] = bare.arrays["first_us"] + 1
    said = findings(Groups(Population(bare), np.array([0, 0, 0, -1, -1, -1])), np.full(6, -1))
    assert said["payment"] == "The logs name no cards." and said["network"] == "The logs name no addresses."
    assert said["timing"] == "There are no whole days of data."
    assert said["round_the_clock"] == "The logs name no addresses."
    assert said["client"] == "The logs name neither clients nor settings."
    assert said["elicitation"] == "The logs hold no prompts."
    assert "no model" in said["pivot"] and "none" in said["template"]
    assert set(said) == {view.name for view in VIEWS}
