"""What chance allows, against simulated strangers in networks of known size."""

from __future__ import annotations

from itertools import combinations
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.campaign.chance import ADDRESSES_LEAST, effective_addresses, expected_repeats, expected_strangers
from stillwatch.campaign.population import Incidence, incidence
from stillwatch.campaign.sharing import cycles, shared

GROUPS, SIZE, OTHERS = 8, 25, 800
ACCOUNTS = GROUPS * SIZE + OTHERS
PARTITION = np.append(np.repeat(np.arange(GROUPS), SIZE), np.full(OTHERS, -1))


def popularity(kind: str, addresses: int) -> NDArray[np.float64]:
    weight = np.ones(addresses) if kind == "even" else 1.0 / np.arange(1, addresses + 1)
    return np.asarray(weight / weight.sum())


def strangers(generator: np.random.Generator, kind: str, addresses: tuple[int, ...], places: int) -> Incidence:
    """Accounts that hold ``places`` addresses each in every one of several networks, by chance."""
    rows: set[tuple[int, int, int]] = set()
    for network, size in enumerate(addresses):
        drawn = generator.choice(size, (ACCOUNTS, places), p=popularity(kind, size))
        rows |= {(a, network, int(address)) for a in range(ACCOUNTS) for address in drawn[a]}
    table = np.array(sorted(rows))
    return incidence(table[:, 0], (table[:, 1] * 1_000_000 + table[:, 2]).astype(np.uint64), network=table[:, 1])


@pytest.mark.parametrize("first_seed", [100])
@pytest.mark.parametrize("kind", ["even", "skewed"])
@pytest.mark.parametrize("addresses", [(60,), (400,), (3000,), (200, 2000)])
def test_strangers_repeat_no_more_than_expected(kind: str, addresses: tuple[int, ...], first_seed: int) -> None:
    found, repeated, expected = [], [], []
    for seed in range(first_seed, first_seed + 12):
        view = strangers(np.random.default_rng(seed), kind, addresses, 2)
        rows = shared(view, PARTITION)
        found.append(cycles(rows.community, rows.account, rows.pair, GROUPS))
        distinct = len(np.unique(rows.pair))
        repeated.append((len(rows.pair) - distinct) / GROUPS)
        expected.append(expected_repeats(view, PARTITION, GROUPS))
    count = np.concatenate(found)
    allowed = np.concatenate(expected)
    error = 4 * count.std() / np.sqrt(len(count))
    assert (allowed > 0).all()
    assert count.mean() <= allowed.mean() + error
    # Conservative, but not without power: where the network's size shows, the expectation is that of its repeats.
    assert allowed.mean() <= 2 * np.mean(repeated) + 2


@pytest.mark.parametrize("first_seed", [200])
@pytest.mark.parametrize("kind", ["even", "skewed"])
@pytest.mark.parametrize("addresses", [20, 300, 1500])
def test_effective_addresses_are_one_over_the_chance_to_meet(kind: str, addresses: int, first_seed: int) -> None:
    truth = 1 / np.square(popularity(kind, addresses)).sum()
    estimates = [
        effective_addresses(strangers(np.random.default_rng(seed), kind, (addresses,), 1), PARTITION)[0]
        for seed in range(first_seed, first_seed + 5)
    ]
    assert truth / 1.7 <= np.median(estimates) <= 1.7 * truth


@given(
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40),
    st.lists(st.integers(-1, 2), min_size=8, max_size=8),
)
def test_pairs_of_strangers_are_counted_like_a_double_loop(
    holdings: set[tuple[int, int, int]], partition: list[int]
) -> None:
    rows = sorted(holdings)
    table = np.array(rows)
    view = incidence(table[:, 0], (table[:, 1] * 10 + table[:, 2]).astype(np.uint64), network=table[:, 1])
    group = [of if of >= 0 else 100 + account for account, of in enumerate(partition)]
    found = effective_addresses(view, np.array(partition))
    for network in {network for _, network, _ in rows}:
        here = [(account, address) for account, of, address in rows if of == network]
        pairs = [(one, other) for one, other in combinations(here, 2) if group[one[0]] != group[other[0]]]
        met = sum(one[1] == other[1] for one, other in pairs)
        seen = max(len({address for _, address in here}), ADDRESSES_LEAST)
        assert found[network] == pytest.approx(max((len(pairs) + seen) / (met + 1), 1.5))


def test_meetings_within_a_group_say_nothing_of_the_network() -> None:
    view = strangers(np.random.default_rng(3), "even", (500,), 1)
    crowded = view.label[view.value].copy()
    crowded[PARTITION[view.account] == 0] = 7
    gathered = incidence(view.account, crowded, network=view.network)
    one_group = effective_addresses(gathered, PARTITION)[0]
    assert one_group == pytest.approx(effective_addresses(view, PARTITION)[0], rel=0.3)
    # As strangers to one another the same accounts make the network look small, which only takes away evidence.
    assert effective_addresses(gathered, np.full(ACCOUNTS, -1))[0] < 0.85 * one_group


@pytest.mark.parametrize("addresses", [100, 1000])
def test_expected_strangers_are_the_crowd_of_an_address(addresses: int) -> None:
    view = strangers(np.random.default_rng(4), "even", (addresses,), 2)
    crowd = expected_strangers(view, ACCOUNTS)
    assert crowd.shape == view.label.shape
    assert view.frequency.mean() / 1.7 <= crowd.mean() <= 1.7 * view.frequency.mean()


def test_no_addresses_leave_what_honest_people_repeat_anyway(builder: ModuleType) -> None:
    population, _ = builder.population_of([])
    assert expected_strangers(population.network, 0).shape == (0,)
    nobody = expected_repeats(population.network, PARTITION, GROUPS)
    assert nobody.shape == (GROUPS,) and (nobody > 0).all() and (nobody < SIZE / 4).all()
