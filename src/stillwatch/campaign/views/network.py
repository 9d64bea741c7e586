"""Network: a pool that takes its addresses in turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.chance import expected_repeats
from stillwatch.campaign.sharing import cycles
from stillwatch.campaign.view import Groups, View
from stillwatch.statistics.rarity import log_e_more_than_expected


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Compare the cycles of units and addresses with those that chance and couples make.

    A firm that leaves by two addresses is one unit with two, and has no cycle; its accounts would have many.
    """
    network = groups.population.network
    if network.empty:
        return np.full(len(groups), np.nan)
    rows = groups.network
    found = cycles(rows.community, groups.unit[rows.account], rows.pair, len(groups))
    return log_e_more_than_expected(found, expected_repeats(network, groups.partition, len(groups)))


view = View(
    name="network",
    null="The accounts meet on one address, or in a few places of which each belongs to its own people, or by chance "
    "on exit nodes and carriers as often as strangers in the same networks do.",
    source="Beutel et al., CopyCatch (WWW 2013), and Hooi et al., FRAUDAR (KDD 2016), for dense sharing; counting "
    "only what closes a cycle, so that offices count nothing, is ours.",
    needs=("client_address",),
    cap_nats=8.0,
    strong=True,
    ties=True,
    weigh=weigh,
)
