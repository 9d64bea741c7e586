"""The linkage bench's own parts: records, components, rows; and both contestants on one small traffic."""

from __future__ import annotations

import numpy as np
import pytest
from bench.by_rings import COMMUNITIES, components, link_by_rings
from bench.by_splink import FIELDS_ALL, LOUVAIN, WEIGHTS, link_by_splink
from bench.folded import footprints_of, records_of
from bench.labelled import Labelled
from bench.linkage import Spent, group_row, plain
from bench.linked import Linked
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.linkage import ACCOUNTS_MOST, Links
from stillwatch.campaign.population import Population
from stillwatch.range.simulation import Simulation, simulate

SEED = 3


@pytest.fixture(scope="module")
def population(tmp_path_factory) -> Population:
    folder = tmp_path_factory.mktemp("linkage") / f"seed-{SEED}"
    simulate(Simulation(benign=120, scale=0.002, days=6, seed=SEED), folder)
    return Population(footprints_of(Labelled(folder)))


def test_every_exchange_of_the_folder_is_folded(tmp_path):
    folder = tmp_path / f"seed-{SEED}"
    made = simulate(Simulation(benign=60, scale=0.002, days=4, seed=SEED), folder)
    footprints = footprints_of(Labelled(folder))
    assert footprints.integers("exchanges").sum() == made.exchanges
    assert footprints.profile is not None
    assert footprints.profile["mail_domain"].null_count == 0


def test_records_hold_what_the_views_hold(population):
    records = records_of(population).to_pydict()
    assert records["unique_id"] == list(range(len(population)))
    network, card = population.network, population.payment
    for account in range(0, len(population), 7):
        mine = network.account == account
        held = {str(label) for label in network.label[network.value[mine]]}
        assert set(records["addresses"][account] or []) == held
        if held:
            used = dict(zip(network.label[network.value[mine]], network.weight[mine], strict=True))
            assert used[np.uint64(records["main_address"][account])] == max(used.values())
        cards = [str(label) for label in card.label[card.value[card.account == account]]]
        assert records["card"][account] == (cards[0] if cards else None)


def test_popular_values_are_no_keys(population):
    records = records_of(population).to_pydict()
    popular = 0
    for mail, key in zip(records["mail"], records["mail_key"], strict=True):
        many = records["mail"].count(mail) > ACCOUNTS_MOST
        popular += many
        assert key == (None if many else mail)
    keys = {key for keys in records["address_keys"] if keys for key in keys}
    holders = [address for addresses in records["addresses"] if addresses for address in set(addresses)]
    assert all(holders.count(key) <= ACCOUNTS_MOST for key in sorted(keys)[:50])


def test_both_contestants_link_and_group_the_same_accounts(population):
    ours = link_by_rings(population.footprints)
    theirs = link_by_splink(records_of(population), FIELDS_ALL, SEED)
    assert list(theirs.groups) == [*(f"{weight:g}" for weight in WEIGHTS), LOUVAIN]
    assert COMMUNITIES in ours.groups
    for linked in (ours, theirs):
        assert len(linked.left) > 0
        assert all(len(group) == len(population) for group in linked.groups.values())
        pairs = set(zip(np.minimum(linked.left, linked.right), np.maximum(linked.left, linked.right), strict=True))
        assert len(pairs) == len(linked.left)
    for above, below in zip(WEIGHTS[1:], WEIGHTS[:-1], strict=True):  # A higher threshold only breaks groups up.
        assert len(np.unique(theirs.groups[f"{above:g}"])) >= len(np.unique(theirs.groups[f"{below:g}"]))


ties = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.5, 1.0, 2.0])), max_size=12)


@given(ties, st.sampled_from([0.5, 1.0, 2.0]))
def test_components_are_what_walking_along_the_ties_reaches(drawn, weight):
    left, right, weights = (np.array([tie[k] for tie in drawn], np.float64) for k in range(3))
    found = components(Links(left.astype(np.int64), right.astype(np.int64), weights), weight, 10)
    kin = {account: {account} for account in range(10)}
    for a, b, tied in drawn:
        if tied >= weight:
            both = kin[a] | kin[b]
            for account in both:
                kin[account] = both
    for account in range(10):
        assert set(np.flatnonzero(found == found[account])) == kin[account]


def test_a_row_counts_large_groups_and_those_that_the_test_kept():
    campaign = np.array([0] * 5 + [-1] * 6)
    group = np.array([0, 0, 0, 0, 1, 0, 2, 2, 2, 2, 1])
    tested = np.where(group == 0, 0, -1)
    row = group_row("someone", "7", campaign, group, tested)
    assert (row.groups, row.tested_groups) == (2, 1)
    assert row.covered == row.tested_covered == pytest.approx(4 / 5)
    assert row.tested_benign == 1
    assert row.b_cubed_f1 == row.tested_f1 == pytest.approx(2 * 0.64 * 0.64 / 1.28)
    assert row.recall == pytest.approx(6 / 10)
    assert row.contamination == pytest.approx((4 + 1) / (6 + 4 + 1))


def test_only_one_clustering_counts_towards_the_time():
    steps = {"train": 2.0, "score": 1.0, "cluster at 0": 0.25, "cluster at 4": 0.5}
    assert Spent("someone", steps, 9.0, 1.0).seconds == pytest.approx(3.5)


def test_what_was_linked_survives_the_file(tmp_path):
    linked = Linked(np.array([0]), np.array([2]), np.array([1.5]), {"-4": np.array([0, -1, 0])})
    linked.save(tmp_path / "linked.npz")
    again = Linked.load(tmp_path / "linked.npz", {"train": 1.0})
    assert again.groups["-4"].tolist() == [0, -1, 0]
    assert (again.left[0], again.right[0], again.weight[0]) == (0, 2, 1.5)
    assert again.seconds == {"train": 1.0}


def test_json_gets_no_nan():
    assert plain({"a": float("nan"), "b": 0.0, "c": "x"}) == {"a": None, "b": 0.0, "c": "x"}
