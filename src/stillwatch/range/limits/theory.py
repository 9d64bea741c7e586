"""What no detector can beat, or none that is known to be fast: bounds for one account, a community and a pool.

Each bound speaks of an idealised null that honest traffic only makes harder: real honest accounts differ from each
other, meet in groups and drift. So where a bound says no, it stays no; where it says yes, it need not be so.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm


def bernoulli_divergence(p: float, q: float) -> float:
    """Return the Kullback–Leibler divergence of Bernoulli(p) from Bernoulli(q), in nats.

    Args:
        p: In [0, 1].
        q: In [0, 1]; infinity where p has a chance that q lacks.

    Raises:
        ValueError: If one is not in its range.
    """
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise ValueError(f"chances must lie in [0, 1], not {p} and {q}")
    total = 0.0
    for mine, its in ((p, q), (1 - p, 1 - q)):
        if mine > 0:
            total += mine * math.log(mine / its) if its > 0 else math.inf
    return total


def wald_exchanges(divergence: float, error: float) -> float:
    """Return how many exchanges of one account a sequential test needs on average before it can flag.

    A test of a simple null that errs at most with chance ``error`` and flags surely under the alternative sees on
    average at least log(1 / error) / divergence exchanges.

    Args:
        divergence: Of what one exchange shows, alternative from null, in nats.
        error: In (0, 1).

    Source:
        Wald, "Sequential tests of statistical hypotheses" (1945): his identity for the mean of a stopped sum.
    """
    _check_error(error)
    return math.log(1 / error) / divergence if divergence > 0 else math.inf


def community_margin(accounts: int, members: int, inside: float, outside: float) -> float:
    """Return by what factor a planted community exceeds the least that lets anybody tell its members.

    Members are tied in pairs with chance ``inside``, others with ``outside``. All but a vanishing share of the members
    can be told only if (members − 1) D exceeds 2 log(accounts / members), where D is the divergence of the one chance
    from the other. The factor is the left side over the right: at 1 and below, no method tells them by ties alone.

    Args:
        accounts: All of them.
        members: Of the community, in [2, accounts).
        inside: In [0, 1].
        outside: In (0, 1).

    Source:
        Hajek, Wu & Xu, "Information limits for recovering a hidden community", arXiv:1509.07859.
    """
    _check_members(accounts, members)
    if inside <= outside:
        return 0.0
    return (members - 1) * bernoulli_divergence(inside, outside) / (2 * math.log(accounts / members))


def local_margin(accounts: int, members: int, inside: float, outside: float) -> float:
    """Return by what factor a planted community exceeds the least that lets fast local methods tell its members.

    With λ = members² (inside − outside)² / ((accounts − members) outside), belief propagation succeeds where λ
    exceeds 1/e, and no local method does below it; λ = 1 is the Kesten–Stigum threshold, where spectral methods
    begin. The factor is e λ.

    Args:
        accounts: All of them.
        members: Of the community, in [2, accounts).
        inside: In [0, 1].
        outside: In (0, 1).

    Source:
        Hajek, Wu & Xu, "Recovering a hidden community beyond the Kesten–Stigum threshold", arXiv:1510.02786.
    """
    _check_members(accounts, members)
    if inside <= outside:
        return 0.0
    return math.e * members**2 * (inside - outside) ** 2 / ((accounts - members) * outside)


def pooled_exchanges(share: float, marked: float, honest: float, error: float, power: float = 0.9) -> float:
    """Return how many pooled exchanges show that a share of them extracts: the square-root law.

    The mean of n marks moves by ``share`` × (marked − honest), against a standard deviation that falls as 1/√n. So n
    grows with 1 / share²: an operator that mixes in ten times the cover hides in a hundred times the traffic.

    Args:
        share: In [0, 1]. Of the pooled exchanges that extract.
        marked: In [0, 1]. Chance of a mark on one that extracts.
        honest: In (0, 1). Chance of a mark on any other.
        error: In (0, 1). Chance of a false alarm.
        power: In (0, 1). Chance of an alarm.

    Source:
        Normal approximation of the test of one share; the law's name is from Ker et al., "The square root law of
        steganographic capacity" (2008).
    """
    _check_error(error)
    shift = share * (marked - honest)
    if shift <= 0:
        return math.inf
    mixed = honest + shift
    spread = norm.isf(error) * math.sqrt(honest * (1 - honest)) + norm.ppf(power) * math.sqrt(mixed * (1 - mixed))
    return float((spread / shift) ** 2)


def _check_error(error: float) -> None:
    if not 0 < error < 1:
        raise ValueError(f"the error must lie in (0, 1), not {error}")


def _check_members(accounts: int, members: int) -> None:
    if not 2 <= members < accounts:
        raise ValueError(f"members must lie in [2, {accounts}), not {members}")


def least_members(margin: list[tuple[int, float]]) -> float:
    """Return the least number of members from which on the margin is at least 1, by ratio between the sizes tried.

    Args:
        margin: (members, factor) by rising members; infinity where it is never reached.
    """
    above = [place for place, (_, factor) in enumerate(margin) if factor >= 1]
    if not above:
        return math.inf
    place = above[0]
    if place == 0:
        return float(margin[0][0])
    (low, under), (high, over) = margin[place - 1], margin[place]
    if under <= 0 or not math.isfinite(over):
        return float(high)
    part = math.log(1 / under) / math.log(over / under)
    return float(np.exp(math.log(low) + part * math.log(high / low)))
