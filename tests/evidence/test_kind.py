"""Kinds: medians and fallbacks against a plain loop."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.evidence.kind import kinds, reference
from stillwatch.footprint.footprints import blank

VALUE = st.one_of(st.floats(-9, 9), st.just(float("nan")))


@given(st.lists(st.tuples(VALUE, st.integers(-1, 3), st.integers(-1, 1)), max_size=40), st.integers(1, 6))
def test_reference_equals_a_loop(rows: list[tuple[float, int, int]], least: int) -> None:
    values = np.array([row[0] for row in rows], np.float64)
    fine = np.array([row[1] for row in rows], np.int64)
    coarse = np.array([row[2] for row in rows], np.int64)
    found = reference(values, (fine, coarse), least)
    for i in range(len(rows)):
        median, spread, size = np.nan, np.nan, 0
        for level in (fine, coarse):
            peers = values[(level == level[i]) & ~np.isnan(values)]
            if level[i] >= 0 and len(peers) >= least:
                median, size = np.median(peers), len(peers)
                spread = 1.4826 * np.median(np.abs(peers - median))
                break
        assert np.allclose([found.median[i], found.spread[i]], [median, spread], equal_nan=True)
        assert found.accounts[i] == size


def test_unknown_attributes_make_no_kind_and_rare_clients_are_one() -> None:
    footprints = blank(pa.array(list("abcdef")), 0)
    assert all((level == -1).all() for level in kinds(footprints, 2))
    footprints.arrays["clients"][:, 0] = np.array([7, 7, 7, 8, 9, 2**64 - 1], np.uint64)
    footprints.arrays["clients_exchanges"][:5, 0] = 1
    client = kinds(footprints, 2)[-2]
    assert client[0] == client[1] == client[2] != client[3] == client[4]
    assert client[5] == -1
    footprints.arrays["systems"][2, 0] = 3
    system = kinds(footprints, 2)[-1]
    assert len(set(system.tolist())) == 2 and (system >= 0).all()
    assert all(len(level) == 0 for level in kinds(blank(pa.array([], pa.string()), 0), 2))
