import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.batch import Batch
from stillwatch.exchange.duplicates import Duplicates, hash_strings
from stillwatch.exchange.records import NumberedBatch


def batch(ids: list[str], kind: pa.DataType | None = None) -> Batch:
    return Batch(pa.table({"exchange_id": pa.array(ids, kind or pa.string())}))


@given(
    st.lists(st.lists(st.text(st.sampled_from("ab\x00é"), max_size=20), max_size=12), max_size=5),
    st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]),
)
def test_first_seen_is_what_a_set_says(batches: list[list[str]], kind: pa.DataType) -> None:
    duplicates, seen = Duplicates(), set[str]()
    for ids in batches:
        expected = []
        for name in ids:
            expected.append(name not in seen)
            seen.add(name)
        assert duplicates.first_seen(batch(ids, kind)).tolist() == expected
    assert duplicates.count == len(seen)


def test_many_ids_grow_the_table_and_do_not_collide() -> None:
    seed = 5
    print(f"seed {seed}")  # noqa: T201
    numbers = np.random.default_rng(seed).permutation(300_000)
    ids = [f"ex_{number:012d}" for number in numbers]
    duplicates = Duplicates()
    assert duplicates.first_seen(batch(ids)).all()
    assert not duplicates.first_seen(batch(ids[::7])).any()
    assert duplicates.count == len(ids)


def test_hash_reads_slices_and_every_byte() -> None:
    texts = ["", "\x00", "\x00\x00", "abcdefgh", "abcdefgi", "abcdefgh\x00", "bbcdefgh"]
    hashes = hash_strings(pa.array(texts))
    assert len(set(hashes.tolist())) == len(texts)
    assert 0 not in hashes
    assert hash_strings(pa.array(texts)[2:5]).tolist() == hashes[2:5].tolist()


def test_repeats_are_rejected_with_their_rows() -> None:
    table = pa.table({"exchange_id": ["a", "b", "a", "c"]})
    kept = Duplicates().without_repeats(NumberedBatch(table, (), "log.csv", np.array([2, 3, 7, 9])))
    assert isinstance(kept, NumberedBatch)
    assert kept.exchanges["exchange_id"].to_pylist() == ["a", "b", "c"]
    assert kept.rows.tolist() == [2, 3, 9]
    assert [(row.file, row.row) for row in kept.rejected] == [("log.csv", 7)]
    plain = Duplicates().without_repeats(Batch(table))
    assert [row.row for row in plain.rejected] == [3]


def test_made_ids_need_no_memory() -> None:
    duplicates = Duplicates()
    made = NumberedBatch(pa.table({"exchange_id": ["f:1", "f:2"]}), (), "f", np.array([1, 2]), made_ids=True)
    assert duplicates.without_repeats(made) is made
    assert duplicates.count == 0
