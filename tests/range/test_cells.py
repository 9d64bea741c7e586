from __future__ import annotations

from pathlib import Path

import pytest

from stillwatch.range.cells import Cells, code_digest


def test_a_result_is_found_under_its_own_specification_only(tmp_path: Path) -> None:
    cells = Cells(tmp_path / "kept")
    assert cells.kept({"seed": 1}) is None
    cells.keep({"seed": 1, "habits": {"a": 1.5}}, {"recall": 0.5})
    assert cells.kept({"habits": {"a": 1.5}, "seed": 1}) == {"recall": 0.5}
    assert cells.kept({"seed": 2, "habits": {"a": 1.5}}) is None
    cells.keep({"seed": 1, "habits": {"a": 1.5}}, {"recall": 0.75})
    assert cells.kept({"seed": 1, "habits": {"a": 1.5}}) == {"recall": 0.75}


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"result": 3}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, torn: bytes) -> None:
    cells = Cells(tmp_path)
    cells.keep({"seed": 1}, {"recall": 0.5})
    path = next(tmp_path.glob("*.json"))
    path.write_bytes(torn)
    with pytest.raises(ValueError, match=path.name):
        cells.kept({"seed": 1})


def test_the_code_has_one_digest() -> None:
    assert code_digest() == code_digest() and len(code_digest()) == 24
