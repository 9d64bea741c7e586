"""Sign-up: units that were opened in the same days, or first used in the same hours, under rare mail domains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.common_values import log_e_common_values
from stillwatch.campaign.view import Groups, View


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the mean of the e-values for opening, first use and mail domains, a unit counting once a value."""
    population = groups.population
    return log_e_common_values(groups, *population.cohorts, population.mail)


view = View(
    name="sign_up",
    null="The firms, households and persons in the group opened their accounts and began to use them independently.",
    source="Sign-up cohorts and disposable mail as disclosed by Anthropic (Sept 2026).",
    needs=("created_at", "email_domain"),
    cap_nats=4.0,
    strong=False,
    ties=True,
    weigh=weigh,
)
