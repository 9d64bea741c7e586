"""Units that ask for one thing, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.marked_units import CROWD_ACCOUNTS, CROWD_PROMPTS, log_e_marked_units
from stillwatch.campaign.view import Groups

BENIGN, CAMPAIGN = (0.9, 0.08, 0.015, 0.005), (0.4, 0.3, 0.2, 0.1)
STEP = np.log(np.array(CAMPAIGN) / np.array(BENIGN))
EACH = 2 * CROWD_PROMPTS


@pytest.fixture(scope="module")
def households(builder: ModuleType) -> Groups:
    """Three groups: five at one address, five at home each, and nobody who sent a prompt."""
    draw = builder.Builder(7)
    hours = np.zeros_like(draw.strangers(1)[0].hours)
    hours[:100] = EACH // 100
    place = draw.at_home()
    people = [replace(person, card=None, mail=None, hours=hours) for person in draw.strangers(12)]
    together = [replace(person, addresses={place: EACH}) for person in people[:5]]
    apart = [replace(person, addresses={(k, 1000 + k): EACH}) for k, person in enumerate(people[5:10])]
    silent = [replace(person, hours=np.zeros_like(hours)) for person in people[10:]]
    groups: Groups = builder.groups_of(draw.strangers(60), together, apart, silent)
    return groups


def weighed(groups: Groups, asked: list[int], levels: int = 4) -> list[float]:
    """What the first two groups say where their accounts asked so often."""
    count = np.zeros(len(groups.population), np.int64)
    count[60:70] = asked
    nats = log_e_marked_units(groups, count, 20, BENIGN[:levels], CAMPAIGN[:levels])
    return [float(each) for each in nats[:2]]


@pytest.mark.parametrize(
    ("asked", "together", "apart"),
    [
        ([0] * 10, STEP[0], 5 * STEP[0]),
        ([19, 0, 0, 0, 0] * 2, STEP[0], 5 * STEP[0]),  # Tried it.
        ([EACH // 5, 0, 0, 0, 0] * 2, STEP[0], STEP[1] + 4 * STEP[0]),  # A fifth of one's own, a 25th of the unit's.
        ([EACH // 5] * 10, STEP[1], 5 * STEP[1]),
        ([EACH] * 2 + [EACH // 2 - 1] * 3 + [EACH] * 5, STEP[2], 5 * STEP[2]),  # Half of all, by two accounts.
        ([EACH] * CROWD_ACCOUNTS + [0, 0] + [EACH] * 5, STEP[3], 5 * STEP[2]),  # Three are a crowd at one address only.
        ([EACH] * 10, STEP[3], 5 * STEP[2]),
    ],
)
def test_each_unit_counts_once_by_its_level(
    households: Groups, asked: list[int], together: float, apart: float
) -> None:
    assert weighed(households, asked) == pytest.approx([together, apart])
    # Where no crowds are told apart, a crowd is a strongly marked unit.
    assert weighed(households, asked, 3) == pytest.approx([min(together, STEP[2]), apart])


def test_who_sent_no_prompt_says_nothing_and_no_prompts_at_all_are_no_data(
    households: Groups, builder: ModuleType
) -> None:
    count = np.full(len(households.population), EACH, np.int64)
    assert log_e_marked_units(households, count, 20, BENIGN, CAMPAIGN)[2] == 0
    silent = [replace(a, hours=np.zeros_like(a.hours)) for a in builder.Builder(8).strangers(4)]
    population, number = builder.population_of(silent)
    assert np.isnan(log_e_marked_units(Groups(population, number), np.ones(4, np.int64), 20, BENIGN, CAMPAIGN)).all()


def test_other_units_than_the_groups_own_can_be_asked(households: Groups) -> None:
    count = np.full(len(households.population), EACH, np.int64)
    nobodys = np.arange(len(count))
    found = log_e_marked_units(households, count, 20, BENIGN, CAMPAIGN, nobodys)
    assert found[:2] == pytest.approx([5 * STEP[2], 5 * STEP[2]])


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_units_that_are_no_crowd_can_be_held_down_together(households: Groups, most: float) -> None:
    count = np.full(len(households.population), EACH, np.int64)
    found = log_e_marked_units(households, count, 20, BENIGN, CAMPAIGN, few_nats_most=most)
    assert found[:2] == pytest.approx([STEP[3], min(5 * STEP[2], most)])
