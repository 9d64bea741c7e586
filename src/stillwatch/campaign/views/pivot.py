"""Pivot: within a day of a model's release the group goes over to it, while others take their time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

from stillwatch.campaign.population import Population, incidence
from stillwatch.campaign.view import Groups, View
from stillwatch.footprint.footprints import DAY_US, EMPTY, HOUR_US
from stillwatch.statistics.e_value import combine_mean

SETTLED_DAYS = 2  # What is first seen sooner may have been there before the log began.
USERS_LEAST, USERS_SHARE = 10, 0.01  # A name that fewer accounts ever used is no release.
RELEASES_MOST = 4  # The most used ones.
UNITS_LEAST = 6  # Of fewer units a few keen ones make a group.
CONCENTRATION = 20.0  # Honest groups differ like a Beta law whose parameters sum to this: some are twice as eager.
ODDS = (3.0, 8.0, 30.0)  # How much higher the odds of the alternatives are; each is as likely beforehand.


@dataclass(frozen=True, slots=True)
class Release:
    """A model that came out while the logs were kept.

    Attributes:
        label: The hash of its name.
        at_us: When anyone used it first.
        active: Shape (accounts,). Whether the account was there before, and sent anything in the day that followed.
        early: Shape (accounts,). Whether an active account used the model within that day.
    """

    label: int
    at_us: int
    active: NDArray[np.bool_]
    early: NDArray[np.bool_]


def releases(population: Population) -> list[Release]:
    """Return the releases that can be told from the logs, the most used one first."""
    footprints = population.footprints
    hashes = footprints.hashes("models")
    account, place = np.nonzero(hashes != EMPTY)
    if not len(account):
        return []
    used_us = -footprints.integers("model_first_us")[account, place]
    models = incidence(account, hashes[account, place])
    model, labels, users = models.value, models.label, models.frequency
    at_us = np.full(len(labels), np.iinfo(np.int64).max)
    np.minimum.at(at_us, model, used_us)
    first = footprints.integers("first_us")
    low = int(first.min()) + SETTLED_DAYS * DAY_US
    high = int(footprints.integers("last_us").max()) - DAY_US
    enough = users >= max(USERS_LEAST, USERS_SHARE * len(population))
    new = np.flatnonzero(enough & (at_us >= low) & (at_us <= high) & (at_us >= footprints.origin_us))
    found = []
    for k in new[np.lexsort((labels[new], -users[new]))][:RELEASES_MOST]:
        hour = (int(at_us[k]) - footprints.origin_us) // HOUR_US
        # The hour of the release and the 24 that follow: whoever is early is active.
        active = footprints.hours[:, hour : hour + 25].any(axis=1) & (first < at_us[k])
        early = np.zeros(len(population), bool)
        early[account[(model == k) & (used_us <= at_us[k] + DAY_US)]] = True
        found.append(Release(int(labels[k]), int(at_us[k]), active, early & active))
    return found


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean over releases of the evidence that more of the group's units go over within a day than outside.

    Only who was there before and was active on that day is counted. A unit counts once, and went over where more than
    half of its active accounts did. Outside the share is that of accounts.
    """
    found = groups.population.once(releases)
    if not found:
        return np.full(len(groups), np.nan)
    return combine_mean(np.stack([_log_e(groups, release) for release in found]))


def _log_e(groups: Groups, release: Release) -> NDArray[np.float64]:
    rows = np.flatnonzero(release.active & (groups.partition >= 0))
    group, early = groups.partition[rows], release.early[rows]
    inside = np.bincount(group, minlength=len(groups))
    inside_early = np.bincount(group[early], minlength=len(groups))
    outside = release.active.sum() - inside
    usual = (release.early.sum() - inside_early + 1) / (outside + 2)
    spread = int(groups.unit.max(initial=0)) + 1
    units, unit, size = np.unique(group * spread + groups.unit[rows], return_inverse=True, return_counts=True)
    over = 2 * np.bincount(unit[early], minlength=len(units)) > size
    of = np.bincount(units // spread, minlength=len(groups))
    count = np.bincount(units[over] // spread, minlength=len(groups))
    honest = _log_beta_binomial(count, of, usual)
    odds = usual / (1 - usual)
    parts = [_log_beta_binomial(count, of, factor * odds / (1 + factor * odds)) - honest for factor in ODDS]
    log_e = logsumexp(np.stack(parts), axis=0) - np.log(len(ODDS))
    return np.where(of >= UNITS_LEAST, log_e, 0.0)


def _log_beta_binomial(
    count: NDArray[np.int64], of: NDArray[np.int64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the log chance of ``count``, less the binomial coefficient.

    Laws of one concentration have ratios that rise with the count: what is an e-value for a mean is one for all
    smaller means too.
    """
    a, b = CONCENTRATION * mean, CONCENTRATION * (1 - mean)
    return np.asarray(betaln(count + a, of - count + b) - betaln(a, b))


view = View(
    name="pivot",
    null="The group's firms, households and persons go over to a new model as everyone else does who is active on the "
    "day of its release; groups differ, and one in a dozen is twice as eager.",
    source="Half of the traffic moved within 24 hours of a release: Anthropic (Feb 2026); retargeting within 24 hours: "
    "US advisory AA26-251A (Sept 2026). The tolerance of honest groups, beta-binomial, is ours.",
    needs=("request_model",),
    cap_nats=3.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
