import hashlib
import pickle
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix, load_key

KEY = bytes(range(32))


def expected(field: str, value: str) -> int:
    person = hashlib.blake2b(field.encode(), digest_size=16).digest()
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8, key=KEY, person=person).digest(), "little")


@given(st.lists(st.none() | st.text(max_size=5)), st.booleans())
def test_hashes_are_keyed_blake2b_whatever_the_encoding(values: list[str | None], encoded: bool) -> None:
    array = pa.array(values, pa.string())
    column = pa.chunked_array([array.slice(0, 2), array.slice(2)])
    if encoded:
        column = column.dictionary_encode()
    hashes, known = Pseudonyms(KEY).hashes("client_address", column)
    assert known.tolist() == [value is not None for value in values]
    assert hashes.tolist() == [0 if value is None else expected("client_address", value) for value in values]
    assert hashes.dtype == np.uint64


def test_nulls_inside_a_dictionary_are_unknown() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None]))
    hashes, known = Pseudonyms(KEY).hashes("user_agent", column)
    assert known.tolist() == [True, False, False]
    assert hashes.tolist() == [expected("user_agent", "a"), 0, 0]


def test_fields_and_keys_separate() -> None:
    one, other = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    values = pa.array(["same"])
    hashes = {
        one.hash_one("user_agent", "same"),
        one.hash_one("tls_ja4", "same"),
        other.hash_one("user_agent", "same"),
    }
    assert len(hashes) == 3
    assert one.hashes("user_agent", values)[0][0] == one.hash_one("user_agent", "same")


def test_the_reserved_hash_is_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    class AllOnes:
        def copy(self) -> "AllOnes":
            return self

        def update(self, _: bytes) -> None: ...

        def digest(self) -> bytes:
            return b"\xff" * 8

    monkeypatch.setattr("stillwatch.exchange.pseudonym.hashlib.blake2b", lambda *_, **__: AllOnes())
    assert Pseudonyms(KEY).hash_one("user_agent", "x") == 2**64 - 2


def test_key_stays_hidden() -> None:
    pseudonyms = Pseudonyms(KEY)
    assert KEY.hex() not in repr(pseudonyms)
    assert str(KEY) not in repr(pseudonyms)
    with pytest.raises(TypeError):
        pickle.dumps(pseudonyms)


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 65])
def test_unusable_keys(key: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Pseudonyms(key)
    (tmp_path / "key").write_bytes(key)
    with pytest.raises(SourceError):
        load_key(tmp_path / "key")


def test_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == key
    assert len(key) == 32
    assert load_key(None) != load_key(None)
    (tmp_path / "raw").write_bytes(b"sixteen byte key")
    assert load_key(tmp_path / "raw") == b"sixteen byte key"
    with pytest.raises(SourceError):
        load_key(tmp_path / "missing" / "key")


def test_address_prefixes() -> None:
    addresses = pa.array(
        ["192.0.2.77", "2001:db8:1:2::3", "::ffff:192.0.2.1", "fe80::1%eth0", "no address", "", None, " 192.0.2.1 "]
    )
    assert address_prefix(addresses).to_pylist() == [
        "192.0.2.0/24",
        "2001:db8:1::/48",
        "192.0.2.0/24",
        "fe80::/48",
        None,
        None,
        None,
        "192.0.2.0/24",
    ]
