"""Keys: derivation against the published vectors, rotation, and silence about secrets."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.engine_files import write_engine_key
from stillwatch.provenance.key_source import keyed_schemes, numbers_in
from stillwatch.provenance.keys import assigned_cohort, cohort_key, hkdf_sha256, load_master, period_of
from stillwatch.provenance.schemes.registry import SCHEMES
from stillwatch.provenance.schemes.scheme import Settings

MASTER = bytes(range(32))


def test_hkdf_meets_rfc_5869_case_1() -> None:
    found = hkdf_sha256(bytes([11] * 22), bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert found.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 400))
def test_hkdf_is_that_of_cryptography(secret: bytes, salt: bytes, info: bytes, length: int) -> None:
    assert hkdf_sha256(secret, salt, info, length) == HKDF(SHA256(), length, salt or None, info).derive(secret)


def test_keys_differ_by_cohort_period_and_master_and_repeat() -> None:
    keys = [cohort_key(m, c, p) for m in (MASTER, MASTER[::-1]) for c in ("a", "b") for p in ("2026-11", "2026-12")]
    assert len({key.secret for key in keys}) == len({key.id for key in keys}) == 8
    assert cohort_key(MASTER, "a", "2026-11") == keys[0]
    assert keys[0].id.startswith("a@2026-11#")


def test_no_text_form_shows_a_secret() -> None:
    key = cohort_key(MASTER, "flagged", "2026-11")
    for shown in (repr(key), str(key), f"{key}", key.id, repr([key])):
        assert key.secret.hex() not in shown and repr(key.secret) not in shown
    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(key)


@pytest.mark.parametrize(
    ("cohort", "period"), [("A", "p"), ("", "p"), ("a b", "p"), ("a", ""), ("a", "x/y"), ("a\n", "p")]
)
def test_names_that_could_mislead_are_refused(cohort: str, period: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        cohort_key(MASTER, cohort, period)


def test_a_short_master_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        cohort_key(bytes(15), "a", "p")


@pytest.mark.parametrize("bits", [1, 7, 31, 62, 64])
def test_numbers_fill_their_bits(bits: int) -> None:
    key = cohort_key(MASTER, "a", "p")
    found = key.numbers("x", 200, bits)
    assert max(found) < 2**bits and max(found) >= 2 ** (bits - 1)
    assert key.number("x/0", bits) == found[0]


def test_accounts_spread_evenly_over_cohorts() -> None:
    found = [assigned_cohort(MASTER, f"account-{number}", 4) for number in range(4000)]
    assert all(850 < found.count(cohort) < 1150 for cohort in range(4))
    assert found[7] == assigned_cohort(MASTER, "account-7", 4)
    with pytest.raises(ValueError, match="at least one"):
        assigned_cohort(MASTER, "a", 0)


def test_periods_have_names() -> None:
    day = dt.date(2027, 1, 1)
    named = {rotation: period_of(day, rotation) for rotation in ("day", "week", "month", "quarter", "year")}
    assert named == {
        "day": "2027-01-01",
        "week": "2026-W53",
        "month": "2027-01",
        "quarter": "2027-Q1",
        "year": "2027",
    }
    with pytest.raises(ValueError, match="rotation"):
        period_of(day, "hour")


def test_reading_never_makes_a_master(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such master"):
        load_master(tmp_path / "key")
    made = load_master(tmp_path / "key", make=True)
    assert load_master(tmp_path / "key") == made and len(made) == 32
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", [maker.card.id for maker in SCHEMES])
def test_an_engine_s_file_reads_back_as_the_same_key(name: str, tmp_path: Path) -> None:
    settings = Settings(width=3, vocabulary=50, layers=4)
    key = cohort_key(MASTER, "flagged", "2026-11")
    path = write_engine_key(tmp_path / "keys", key, name, settings)
    assert path.stat().st_mode & 0o077 == 0
    maker = next(each for each in SCHEMES if each.card.id == name)
    assert numbers_in(path) == maker.numbers(key, settings)
    assert len(keyed_schemes(name, settings, path, None, (), "")) == 1
    with pytest.raises(SourceError, match="cannot be written"):
        write_engine_key(tmp_path / "keys", key, name, settings)


@pytest.mark.parametrize("content", ["", "not a key 12345", '{"other": 1}', "[1, null]"])
def test_a_bad_key_file_is_refused_without_repeating_it(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    path.write_text(content)
    with pytest.raises(SourceError) as raised:
        numbers_in(path)
    assert "12345" not in str(raised.value)


def test_sources_of_keys_must_be_one(tmp_path: Path) -> None:
    load_master(tmp_path / "m", make=True)
    settings = Settings()
    with pytest.raises(SourceError, match="no key"):
        keyed_schemes("gumbel_vllm", settings, None, None, (), "")
    with pytest.raises(SourceError, match="cohort"):
        keyed_schemes("gumbel_vllm", settings, None, tmp_path / "m", (), "p")
    with pytest.raises(SourceError, match="at most 64"):
        keyed_schemes("gumbel_vllm", settings, None, tmp_path / "m", [f"c{i}" for i in range(65)], "p")
    found = keyed_schemes("gumbel_vllm", settings, None, tmp_path / "m", ["a", "b", "a"], "p")
    assert [name[:4] for name in found] == ["a@p#", "b@p#"]
