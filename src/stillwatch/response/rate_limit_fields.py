"""The RateLimit header fields: what a client may know of the limits that it is held to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from stillwatch.response.counters import Charge, Limit


def rate_limit_fields(limits: Sequence[Limit], charge: Charge) -> tuple[tuple[str, str], ...]:
    """Return the fields ``ratelimit-policy`` and ``ratelimit`` for the disclosed ones of ``limits``; none without any.

    The window is the time in which an empty bucket fills, and the reset the time until it is full.

    Args:
        limits: Those of ``charge``, in its order.
        charge: Of the same request.

    Source:
        draft-ietf-httpapi-ratelimit-headers-10; Structured Fields, RFC 9651.
    """
    policies = []
    states = []
    for limit, remaining, reset_s in zip(limits, charge.remaining, charge.reset_s, strict=False):
        if limit.disclosed:
            policies.append(_policy_item(limit.name, limit.burst, limit.rate_per_s, limit.in_tokens))
            states.append(f'"{limit.name}";r={max(0, int(remaining))};t={math.ceil(reset_s)}')
    if not policies:
        return ()
    return ("ratelimit-policy", ", ".join(policies)), ("ratelimit", ", ".join(states))


@lru_cache(maxsize=1024)
def _policy_item(name: str, burst: float, rate_per_s: float, in_tokens: bool) -> str:
    unit = ';qu="tokens"' if in_tokens else ""  # Requests are what the draft takes for granted.
    return f'"{name}";q={int(burst)};w={max(1, math.ceil(burst / rate_per_s))}{unit}'
