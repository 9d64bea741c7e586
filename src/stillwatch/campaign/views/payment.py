"""Payment: many cards, interleaved with one another over the same addresses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln

from stillwatch.campaign.chance import expected_repeats
from stillwatch.campaign.sharing import cycles
from stillwatch.campaign.view import Groups, View
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.rarity import log_e_more_than_expected

SHARING_CAP_NATS = 4.0  # Firms that have nothing to do with each other can make a whole group by chance.


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean of two e-values: interleaved cards, and more sharing of cards than others do."""
    if groups.population.payment.empty:
        return np.full(len(groups), np.nan)
    sharing = np.minimum(_sharing(groups), SHARING_CAP_NATS)
    if groups.population.network.empty:
        return sharing
    return combine_mean([_interleaved(groups), sharing])


def _interleaved(groups: Groups) -> NDArray[np.float64]:
    """Count the cycles of shared cards and shared addresses: a firm, or several in one house, have none."""
    card = np.full(len(groups.population), -1, np.int64)
    card[groups.payment.account] = groups.payment.pair
    rows = groups.network.keep(card[groups.network.account] >= 0)
    found = cycles(rows.community, card[rows.account], rows.pair, len(groups))
    chance = expected_repeats(groups.population.network, groups.partition, len(groups))
    return log_e_more_than_expected(found, chance)


def _sharing(groups: Groups) -> NDArray[np.float64]:
    """Compare the share of members on shared cards with that of everyone else, a card counting once."""
    rows, view = groups.payment, groups.population.payment
    hub, on_hub = groups.hub(rows)
    beyond = rows.value != hub[rows.community]
    cards = np.bincount(rows.community, beyond / rows.holders, minlength=len(groups))
    on_cards = np.bincount(rows.community[beyond], minlength=len(groups))
    each = np.where(cards > 0, on_cards / np.maximum(cards, 1), 1.0)
    trials = np.maximum((groups.sizes - on_hub) / each, cards)
    outside = len(groups.population) - groups.sizes
    shared_by = view.frequency[view.value] >= 2
    inside = np.bincount(groups.partition[view.account[shared_by]] + 1, minlength=len(groups) + 1)[1:]
    usual = np.clip((shared_by.sum() - inside + 1) / (outside + 2), 0.02, 0.9)
    left = np.log(np.maximum(betaincc(cards + 1, trials - cards + 1, usual), 1e-300))
    marginal = betaln(cards + 1, trials - cards + 1) + left - np.log1p(-usual)
    return np.asarray(marginal - cards * np.log(usual) - (trials - cards) * np.log1p(-usual))


view = View(
    name="payment",
    null="Each card pays for one household, firm or agency; where several of them are in one group, each has its own "
    "addresses or all share one house, and they share cards as often as everyone else does.",
    source="Anthropic, Detecting and preventing distillation attacks (Feb 2026), for shared payment; Shin et al., "
    "SliceNDice (arXiv:1908.07087), for agreement of several attribute views.",
    needs=("payment_fingerprint",),
    cap_nats=8.0,
    strong=True,
    ties=True,
    weigh=weigh,
)
