"""Words: the compiled tokeniser against a regular expression, and the hashes against plain whole numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillwatch.footprint.words import chained, hash_of, keyed, look_up, mixed, next_word, open_table, phrase_hash

SLOW: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("slow_reference.py"))))
WHOLE = st.integers(0, 2**64 - 1)
# Letters of one to four bytes, digits, Chinese, Japanese and Korean, and both kinds of punctuation.
TEXT = st.text(st.sampled_from("aZz09 \n\t.,'_-()éßЖ光合作用カな한글、。🙂\u00a0\u200b"), max_size=40)


def words_of(data: bytes, begin: int = 0, end: int | None = None) -> list[int]:
    array = np.frombuffer(data, np.uint8)
    found: list[int] = []
    at, stop = begin, len(data) if end is None else end
    while True:
        before = at
        at, word, figures = next_word(array, at, stop)
        if word == 0:
            assert at == stop
            return found
        assert begin < at <= stop
        assert (figures != 0) == any(byte in b"0123456789" for byte in data[before:at])
        found.append(int(word))


def spelt(text: str) -> list[int]:
    return [int(hash_of(word)) for word in text.split()]


@given(TEXT)
@example("")
@example("a1b22c333")
@example("光1合a작b")
def test_words_are_those_of_the_regular_expression(text: str) -> None:
    assert words_of(text.encode()) == SLOW.words(text.encode())


@given(st.binary(max_size=30), st.data())
def test_any_bytes_are_read_and_never_past_the_end(data: bytes, draw: st.DataObject) -> None:
    begin = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(begin, len(data)))
    assert words_of(data, begin, end) == SLOW.words(data[begin:end])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Hello, WORLD!", "hello world"),
        ("order 66 of 1234567", "order 0 of 9"),
        ("version3beta12", "version0beta7"),
        ("don't", "don t"),
        ("snake_case-and/paths", "snake case and paths"),
        ("光合作用", "光 合 作 用"),
        ("用Python写代码", "用 Python 写 代 码"),
        ("한국어", "한 국 어"),
        ("カタカナ", "カ タ カ ナ"),
        ("  \n\t ", ""),
    ],
)
def test_what_counts_as_the_same_words(text: str, same: str) -> None:
    assert words_of(text.encode()) == spelt(same)


@pytest.mark.parametrize(
    ("left", "right"), [("naïve", "naive"), ("a b", "b a"), ("光合", "合光"), ("12", "1 2"), ("ab", "a b")]
)
def test_what_counts_as_different_words(left: str, right: str) -> None:
    assert words_of(left.encode()) != words_of(right.encode())


@given(TEXT)
def test_a_phrase_is_its_words_chained_from_the_left(text: str) -> None:
    want = SLOW.phrase(SLOW.words(text.encode()))
    assert hash_of(text) == want
    assert (want == 0) == (SLOW.words(text.encode()) == [])
    data = np.frombuffer(b"before " + text.encode() + b" after", np.uint8)
    assert phrase_hash(data, 7, len(data) - 6) == want


@given(WHOLE)
def test_mixing_is_a_bijection(value: int) -> None:
    assert mixed(np.uint64(value)) == SLOW.mixed(value)
    assert SLOW.unmixed(SLOW.mixed(value)) == value


@given(WHOLE, WHOLE)
def test_chaining_is_ordered(left: int, right: int) -> None:
    assert chained(np.uint64(left), np.uint64(right)) == SLOW.chained(left, right)
    if left != right:
        assert chained(np.uint64(left), np.uint64(right)) != chained(np.uint64(right), np.uint64(left))


@given(st.lists(WHOLE, unique=True, max_size=32), st.lists(WHOLE, max_size=8))
def test_a_table_finds_its_keys_and_nothing_else(keys: list[int], others: list[int]) -> None:
    array = np.array(keys, np.uint64)
    table = open_table(array, 64)
    assert [look_up(table, array, key) for key in array] == list(range(len(keys)))
    for other in others:
        assert look_up(table, array, np.uint64(other)) == (keys.index(other) if other in keys else -1)


def test_of_a_key_given_twice_the_first_counts() -> None:
    keys = np.array([5, 9, 5], np.uint64)
    assert look_up(open_table(keys, 8), keys, np.uint64(5)) == 0


@pytest.mark.parametrize(("slots", "keys"), [(6, 1), (4, 3), (0, 1)])
def test_a_table_without_room_is_refused(slots: int, keys: int) -> None:
    with pytest.raises(ValueError, match="places"):
        open_table(np.arange(keys, dtype=np.uint64), slots)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_keyed_hash_is_that_of_plain_python(value: int, first: int, second: int) -> None:
    assert keyed(np.uint64(value), np.array([first, second], np.uint64)) == SLOW.keyed(value, (first, second))


def test_the_keyed_hash_is_siphash_as_published() -> None:
    # The eight-byte vector of the reference tables: key bytes 00..0f, message 00..07.
    key = np.frombuffer(bytes(range(16)), "<u8").astype(np.uint64)
    assert keyed(np.uint64(int.from_bytes(bytes(range(8)), "little")), key) == 0x93F5F5799A932462
