from __future__ import annotations

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.range.limits.ties import tie_chance, tied_pairs

row = st.tuples(st.integers(0, 7), st.one_of(st.none(), st.integers(0, 4)))


@given(st.lists(row, max_size=30), st.lists(row, max_size=30))
def test_pairs_are_those_of_a_slow_count(
    cards: list[tuple[int, int | None]], seen: list[tuple[int, int | None]]
) -> None:
    names = [f"acct_{number}" for number in range(8)]

    def columns(rows: list[tuple[int, int | None]]) -> tuple[pa.Array, pa.Array]:
        owner = pa.array([names[account] for account, _ in rows], pa.string())
        return owner, pa.array([None if value is None else f"v{value}" for _, value in rows], pa.string())

    held = {name: {("card", v) for a, v in cards if names[a] == name and v is not None} for name in names}
    for account, value in seen:
        if value is not None:
            held[names[account]].add(("address", value))
    expected = sum(bool(held[a] & held[b]) for a, b in itertools.combinations(names, 2))
    assert tied_pairs(pa.array(names), [columns(cards), columns(seen)]) == (expected, 28)


def test_chances_stay_off_the_edges() -> None:
    assert 0 < tie_chance(0, 10) < 0.05 and 0.95 < tie_chance(10, 10) < 1
