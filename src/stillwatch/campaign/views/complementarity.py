"""Complementarity: one prompt set dealt out, so that no two of the units ask the same thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Population, incidence
from stillwatch.campaign.view import Groups, View
from stillwatch.footprint.footprints import EMPTY
from stillwatch.statistics.dealt_out import Holdings, Repeats, holdings, log_e_dealt_out, repeats

HONEST_SHARE = 0.5  # Tastes within one pool keep honest units from at most half of what they would repeat.
OUTSIDERS_MOST = 64  # What more accounts outside a group ask is small talk.
DUE_LEAST = 0.05  # A group that asked less of what others know than this has hardly anything to repeat.


def _held(population: Population) -> Holdings | None:
    hashes = population.footprints.hashes("whole_prompts")
    account, place = np.nonzero(hashes != EMPTY)
    if len(account) == 0:
        return None
    return holdings(account, incidence(account, hashes[account, place]).value, len(population))


def overlap(groups: Groups) -> Repeats | None:
    """Return what each unit repeats of its group's earlier units' prompts, and should; None where there are none.

    Units stand in the order of their first account's name, which says nothing of what they ask.
    """
    held = groups.population.once(_held)
    if held is None:
        return None
    first = np.full(int(groups.unit.max(initial=0)) + 1, len(groups.population))
    np.minimum.at(first, groups.unit, groups.population.place)
    return repeats(held, groups.partition, first[groups.unit], OUTSIDERS_MOST, DUE_LEAST)


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare the share of each unit's prompts that earlier units sent with their share in what outsiders send.

    Only prompts that somebody outside the group sends too are looked at: private wording says nothing. Nor are those
    that independent units would hardly repeat. Repeats within a unit, such as a retry, do not count.
    """
    found = overlap(groups)
    if found is None:
        return np.full(len(groups), np.nan)
    return log_e_dealt_out(found, len(groups), HONEST_SHARE)


view = View(
    name="complementarity",
    null="The group's firms, households and persons choose prompts independently: of those that others send too, each "
    "repeats at least half of what the group's share in these others' prompts lets expect.",
    source="Load spread over coordinated accounts: Anthropic (Feb 2026); that nothing is asked twice is our inference. "
    "Sources that take turns coincide less than independent ones can: Clauser (1974), of light.",
    needs=("prompt",),
    cap_nats=4.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
