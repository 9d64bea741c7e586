"""Template: accounts that other views tie send the same rare texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups, View

HONEST_EXCESS = 3.0  # A kind of people can be this much commoner among those who meet by chance than among all.


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare the group's units in one content community with that community's share of all accounts.

    Ties of identity can come by chance, and so can a taste in prompts; that the same accounts have both is what
    chance does not explain. Of a group with u units of which k are in a community with a share p of all accounts, the
    likelihood ratio is that of k successes of u against 3 p, every k being as likely beforehand, paid for by the number
    of communities. Groups that content alone drew have no evidence here.
    """
    content = groups.content
    if groups.population.template.empty:
        return np.full(len(groups), np.nan)
    if content is None or content.max(initial=-1) < 0:
        return np.zeros(len(groups))
    inside = np.flatnonzero(groups.partition >= 0)
    group, kind = groups.partition[inside], content[inside]
    spread = int(groups.unit.max()) + 1
    unit, first = np.unique(group * spread + groups.unit[inside], return_index=True)
    units = np.bincount(unit // spread, minlength=len(groups))
    group, kind = group[first], kind[first]
    kinds = int(content.max(initial=-1)) + 1
    share = np.bincount(content[content >= 0], minlength=kinds) / len(content)
    pair, count = np.unique((group * kinds + kind)[kind >= 0], return_counts=True)
    of, p = units[pair // kinds], np.minimum(HONEST_EXCESS * share[pair % kinds], 1 - 1e-9)
    most = np.clip(count / of, None, 1 - 1e-9)
    ratio = count * np.log(most / p) + np.where(count < of, (of - count) * np.log((1 - most) / (1 - p)), 0.0)
    ratio = np.where(most > p, ratio, 0.0) - np.log(of + 1.0) - np.log(kinds)
    log_e = np.full(len(groups), 0.0)
    np.maximum.at(log_e, pair // kinds, ratio)
    return log_e


view = View(
    name="template",
    null="What the accounts send has nothing to do with what ties them: of the group's firms, households and persons, "
    "at most three times as many send one kind of prompt as of everyone else.",
    source="Fixed and slotted prompts over many accounts: Anthropic (Feb and Sept 2026); bottom-k sketches: Cohen & "
    "Kaplan (PODC 2007).",
    needs=("prompt",),
    cap_nats=6.0,
    strong=True,
    ties=True,
    weigh=weigh,
)
