"""All views, in the order of reports."""

from __future__ import annotations

from stillwatch.campaign.view import View
from stillwatch.campaign.views import (
    client,
    coercion,
    complementarity,
    elicitation,
    failover,
    network,
    payment,
    pivot,
    round_the_clock,
    sign_up,
    template,
    timing,
    topic,
)

VIEWS: tuple[View, ...] = (
    payment.view,
    network.view,
    template.view,
    timing.view,
    round_the_clock.view,
    sign_up.view,
    client.view,
    failover.view,
    pivot.view,
    topic.view,
    complementarity.view,
    coercion.view,
    elicitation.view,
)
