"""Incidences against dictionaries, and what a population reads out of footprints."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.population import Population, incidence
from stillwatch.footprint.footprints import DAY_US, HOUR_US, blank

LABELS = st.lists(st.one_of(st.integers(0, 6), st.sampled_from([0, 1, 2**63, 2**64 - 2])), max_size=60)


@given(LABELS)
def test_codes_number_the_distinct_labels_like_a_dictionary(labels: list[int]) -> None:
    view = incidence(np.arange(len(labels)), np.array(labels, np.uint64))
    coded: dict[int, int] = {}
    expected = [coded.setdefault(label, len(coded)) for label in labels]
    # Which number a label gets is free; that equal labels, and only those, share one is not.
    assert sorted(view.label.tolist()) == sorted(coded)
    assert view.label[view.value].tolist() == labels
    assert len(set(zip(expected, view.value.tolist(), strict=True))) == len(coded)
    assert view.frequency.tolist() == [labels.count(label) for label in view.label.tolist()]
    assert view.empty == (not labels)


def test_many_labels_that_agree_in_their_low_bits_stay_apart() -> None:
    labels = np.arange(5000, dtype=np.uint64) << np.uint64(40)
    view = incidence(np.arange(10_000), np.concatenate([labels, labels]))
    assert len(view.label) == 5000 and (view.frequency == 2).all()
    assert np.array_equal(view.value[:5000], view.value[5000:])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=40), st.data())
def test_taking_rows_keeps_codes_and_counts_the_frequency_anew(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    rows = sorted(rows)
    view = incidence(
        np.array([a for a, _ in rows], np.int64),
        np.array([v for _, v in rows], np.uint64),
        network=np.array([v % 2 for _, v in rows], np.int64),
        weight=np.arange(len(rows)),
    )
    picked = data.draw(st.lists(st.integers(0, max(len(rows) - 1, 0)), unique=True)) if rows else []
    part = view.take(np.array(picked, np.int64))
    expected = [rows[k] for k in sorted(picked)]
    assert list(zip(part.account.tolist(), part.label[part.value].tolist(), strict=True)) == expected
    assert part.weight.tolist() == sorted(picked) and part.network.tolist() == [v % 2 for _, v in expected]
    values = [v for _, v in expected]
    assert part.frequency.tolist() == [values.count(label) for label in part.label.tolist()]


def test_a_population_without_data_has_empty_incidences() -> None:
    for size in (0, 3):
        population = Population(blank(pa.array([str(k) for k in range(size)], pa.large_string()), 0))
        assert len(population) == size and population.hours_used < 24
        names = ("payment", "organization", "mail", "network", "client", "system", "template", "settings")
        assert all(getattr(population, name).empty for name in names)
        assert all(view.empty for view in population.cohorts)


def test_each_incidence_holds_what_the_accounts_hold(builder: ModuleType) -> None:
    generator = builder.Builder(5)
    accounts = generator.strangers(40) + generator.office(size=6) + generator.application(8)
    population, _ = builder.population_of(accounts)

    def held(name: str) -> set[tuple[int, int]]:
        view = getattr(population, name)
        assert np.all(view.account[1:] >= view.account[:-1])
        return set(zip(view.account.tolist(), view.label[view.value].tolist(), strict=True))

    def wanted(attribute: str) -> set[tuple[int, int]]:
        values = [(k, getattr(account, attribute)) for k, account in enumerate(accounts)]
        return {(k, value) for k, value in values if value is not None}

    for name, attribute in (("payment", "card"), ("organization", "organization"), ("mail", "mail")):
        assert held(name) == wanted(attribute)
    for name, attribute in (("client", "client"), ("system", "system"), ("settings", "setting")):
        assert held(name) == wanted(attribute)
    assert held("network") == {(k, address) for k, a in enumerate(accounts) for address, _ in a.addresses}
    network = population.network
    by_address = {address: asn for a in accounts for address, asn in a.addresses}
    of_row = [by_address[int(label)] for label in network.label[network.value]]
    assert len(set(zip(of_row, network.network.tolist(), strict=True))) == len(set(of_row)) == len(set(network.network))


def test_networks_are_told_by_prefix_where_no_system_is_known(builder: ModuleType) -> None:
    footprints = builder.footprints_of(builder.Builder(6).strangers(60))
    by_system = Population(footprints).network.network
    footprints.arrays["address_prefix"][:] = footprints.arrays["addresses"].astype(np.int64)
    footprints.arrays["address_asn"][:] = -1
    by_prefix = Population(footprints).network
    assert len(set(by_prefix.network)) == len(by_prefix.label) > len(set(by_system))


def test_birth_is_the_opening_and_else_the_first_exchange(builder: ModuleType) -> None:
    footprints = builder.footprints_of(builder.Builder(7).strangers(10))
    first = footprints.integers("first_us")
    created = footprints.profile["created_us"].to_numpy()
    assert np.array_equal(Population(footprints).birth_us, created)
    some = [None if k % 2 else int(value) for k, value in enumerate(created)]
    column = footprints.profile.column_names.index("created_us")
    footprints.profile = footprints.profile.set_column(column, "created_us", pa.array(some, pa.int64()))
    population = Population(footprints)
    assert np.array_equal(population.birth_us, np.where(np.arange(10) % 2, first, created))
    days = created[0::2] // DAY_US
    assert population.openings.account.tolist() == [0, 2, 4, 6, 8]
    assert np.array_equal(np.diff(population.openings.label[population.openings.value].astype(int)), np.diff(days))
    footprints.profile = None
    population = Population(footprints)
    assert np.array_equal(population.birth_us, first) and population.openings.empty
    for cohort, span in zip(population.cohorts, (DAY_US, DAY_US, HOUR_US), strict=True):
        together = cohort.value[:, None] == cohort.value[None, :]
        assert np.array_equal(together, (first // span)[:, None] == (first // span)[None, :])


@pytest.mark.parametrize(("last_hour", "hours"), [(0, 1), (23, 24), (24, 25), (10_000, 42 * 24)])
def test_hours_used_end_with_the_latest_exchange(builder: ModuleType, last_hour: int, hours: int) -> None:
    footprints = builder.footprints_of(builder.Builder(8).strangers(3))
    footprints.arrays["last_us"][:] = builder.ORIGIN_US + last_hour * HOUR_US + 5
    assert Population(footprints).hours_used == hours


def test_a_mail_domain_is_popular_by_its_share_and_never_below_a_few_dozen(builder: ModuleType) -> None:
    small = Population(builder.footprints_of([]))
    ids = pa.array([str(k) for k in range(20_000)], pa.large_string())
    large = Population(blank(ids, 0))
    assert 10 <= small.popular < large.popular < len(large) // 20
