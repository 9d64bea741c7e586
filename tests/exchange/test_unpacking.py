import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.unpacking import Unpacking

PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}


@given(st.lists(st.binary(max_size=300), max_size=4), st.sampled_from(sorted(PACK)))
def test_members_follow_each_other(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], kind: str) -> None:
    path = tmp_path_factory.mktemp("pack") / f"a.jsonl.{kind}"
    path.write_bytes(b"".join(map(PACK[kind], pieces)))
    unpacking = Unpacking(path)
    assert b"".join(unpacking) == b"".join(pieces)
    assert not unpacking.damaged


@given(st.binary(min_size=50, max_size=5_000), st.sampled_from(sorted(PACK)), st.floats(0.01, 0.99))
def test_what_is_cut_off_is_told_and_the_rest_is_a_beginning(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, kind: str, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"a.csv.{kind}"
    packed = PACK[kind](text)
    path.write_bytes(packed[: max(1, int(len(packed) * share))])
    unpacking = Unpacking(path)
    assert text.startswith(b"".join(unpacking))
    assert unpacking.damaged


@pytest.mark.parametrize("kind", sorted(PACK))
def test_rubbish_after_a_member(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.csv.{kind}"
    path.write_bytes(PACK[kind](b"good rows\n" * 100) + b"rubbish that is no member")
    unpacking = Unpacking(path)
    assert b"".join(unpacking) == b"good rows\n" * 100
    assert unpacking.damaged


def test_a_plain_file_comes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 10_000_000)
    blocks = list(Unpacking(tmp_path / "a.csv"))
    assert len(blocks) > 1
    assert b"".join(blocks) == b"x" * 10_000_000
