from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from stillwatch.range.limits.theory import (
    bernoulli_divergence,
    community_margin,
    least_members,
    local_margin,
    pooled_exchanges,
    wald_exchanges,
)

chance = st.floats(0.001, 0.999)
SEED = 11


@given(chance, chance)
def test_divergence_is_that_of_the_definition(p: float, q: float) -> None:
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert bernoulli_divergence(p, q) == pytest.approx(expected, abs=1e-12)
    assert bernoulli_divergence(p, q) >= -1e-12


def test_divergence_at_the_edges() -> None:
    assert bernoulli_divergence(0.5, 0.0) == math.inf
    assert bernoulli_divergence(0.0, 0.5) == pytest.approx(math.log(2))
    assert bernoulli_divergence(0.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="chances"):
        bernoulli_divergence(1.5, 0.5)


@pytest.mark.parametrize(("p", "q", "error"), [(0.5, 0.1, 1e-3), (0.3, 0.05, 1e-4), (0.9, 0.4, 1e-2)])
def test_no_sequential_test_is_faster_on_average_than_wald(p: float, q: float, error: float) -> None:
    """The mean stopping time of the likelihood ratio test, by exact recursion over its paths."""
    up, down = math.log(p / q), math.log((1 - p) / (1 - q))
    threshold = math.log(1 / error)
    alive = {0: 1.0}  # Marks seen so far: chance, among paths that have not stopped.
    mean, n = 0.0, 0
    while sum(alive.values()) > 1e-10 and n < 5000:
        mean += sum(alive.values())
        n += 1
        further: dict[int, float] = {}
        for marks, weight in alive.items():
            for seen, part in ((marks + 1, p), (marks, 1 - p)):
                if seen * up + (n - seen) * down < threshold:
                    further[seen] = further.get(seen, 0.0) + weight * part
        alive = further
    bound = wald_exchanges(bernoulli_divergence(p, q), error)
    assert bound <= mean <= bound + up / bernoulli_divergence(p, q)  # Past the threshold by one step at most.


def test_the_figures_of_the_field_are_met() -> None:
    """At an error of 1e-4: 184, 92, 18 and 9 exchanges at 0.05, 0.1, 0.5 and 1 nats each."""
    assert [round(wald_exchanges(nats, 1e-4)) for nats in (0.05, 0.1, 0.5, 1.0)] == [184, 92, 18, 9]
    assert wald_exchanges(0.0, 1e-4) == math.inf
    with pytest.raises(ValueError, match="error"):
        wald_exchanges(0.1, 0.0)


def test_below_the_community_bound_the_best_test_is_lost() -> None:
    """Exact: among all sets of accounts, the planted one is likeliest more often, the greater the margin."""
    print(f"seed {SEED}")  # noqa: T201
    accounts, members, outside = 8, 3, 0.2

    def recovered(inside: float) -> float:
        rng = np.random.default_rng(SEED)
        hits = 0
        pairs = list(itertools.combinations(range(accounts), 2))
        groups = [set(group) for group in itertools.combinations(range(accounts), members)]
        for _ in range(300):
            tied = {pair: rng.random() < (inside if pair[1] < members else outside) for pair in pairs}
            ties = [sum(tied[pair] for pair in pairs if set(pair) <= group) for group in groups]
            hits += ties[0] == max(ties) and ties.count(max(ties)) == 1
        return hits / 300

    weak, strong = 0.3, 0.98
    assert community_margin(accounts, members, weak, outside) < 0.1
    assert community_margin(accounts, members, strong, outside) > 1
    assert recovered(weak) < 0.2 < 0.4 < recovered(strong)


@given(st.integers(200, 5000), st.integers(3, 100), chance, chance)
def test_margins_are_those_of_the_sources(accounts: int, members: int, inside: float, outside: float) -> None:
    low, high = min(inside, outside), max(inside, outside)
    if high - low < 1e-6:
        return
    expected = (members - 1) * bernoulli_divergence(high, low) / (2 * math.log(accounts / members))
    assert community_margin(accounts, members, high, low) == pytest.approx(expected)
    snr = members**2 * (high - low) ** 2 / ((accounts - members) * low)
    assert local_margin(accounts, members, high, low) == pytest.approx(math.e * snr)
    # Accounts that are tied less than strangers are no dense community.
    assert community_margin(accounts, members, low, high) == local_margin(accounts, members, low, high) == 0.0


def test_members_must_be_some_and_not_all() -> None:
    for members in (1, 10, 11):
        with pytest.raises(ValueError, match="members"):
            community_margin(10, members, 0.5, 0.1)


@pytest.mark.parametrize(("share", "marked", "honest"), [(0.1, 0.5, 0.05), (0.02, 0.9, 0.3), (0.3, 0.4, 0.1)])
def test_the_square_root_law_has_the_power_it_says(share: float, marked: float, honest: float) -> None:
    """Against the exact binomial test of so many exchanges."""
    n = math.ceil(pooled_exchanges(share, marked, honest, 1e-3, power=0.9))
    alarm = int(binom.isf(1e-3, n, honest))
    power = binom.sf(alarm, n, honest + share * (marked - honest))
    assert power == pytest.approx(0.9, abs=0.06)


def test_ten_times_the_cover_hides_in_a_hundred_times_the_traffic() -> None:
    """The share falls by ten; marks are as frequent as before but for that share."""
    one, tenth = (pooled_exchanges(share, 0.55, 0.5, 1e-3) for share in (0.1, 0.01))
    assert tenth / one == pytest.approx(100, rel=0.01)
    assert pooled_exchanges(0.5, 0.02, 0.05, 1e-3) == math.inf  # It asks less than honest people do.


def test_the_least_size_lies_between_the_sizes_that_miss_and_meet() -> None:
    assert least_members([(10, 0.5), (40, 2.0)]) == pytest.approx(20.0)
    assert least_members([(10, 1.5), (40, 2.0)]) == 10.0
    assert least_members([(10, 0.0), (40, 2.0)]) == 40.0
    assert least_members([(10, 0.5), (40, 0.9)]) == math.inf
