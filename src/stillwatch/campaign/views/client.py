"""Client: units that run the same rare software with the same settings and system instructions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.common_values import log_e_common_values
from stillwatch.campaign.view import Groups, View


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean of the e-values for clients, settings and system instructions, a unit counting once a value."""
    population = groups.population
    return log_e_common_values(groups, population.client, population.settings, population.system)


view = View(
    name="client",
    null="The firms, households and persons in the group chose their software and settings as everyone does.",
    source="Harness strings and request metadata as disclosed by Anthropic (2026).",
    needs=("user_agent", "tls_ja4", "temperature", "max_tokens", "system_instructions"),
    cap_nats=1.5,
    strong=False,
    ties=True,
    weigh=weigh,
)
