from pathlib import Path

import pytest

from stillwatch.exchange.discovery import SourceError, discover


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_folder_is_read_recursively_sorted_and_without_other_files(tmp_path: Path) -> None:
    wanted = [tmp_path / "a.parquet", tmp_path / "b" / "c.jsonl.gz", tmp_path / "b" / "d.csv.zst", tmp_path / "e.JSON"]
    touch(*wanted, tmp_path / "notes.txt", tmp_path / ".hidden.csv", tmp_path / "_temporary" / "f.csv")
    assert discover([tmp_path]) == sorted(wanted)


def test_no_file_comes_twice(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv", tmp_path / "b.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    found = discover([tmp_path / "a.csv", tmp_path, str(tmp_path / "*.csv")])
    assert found == [tmp_path / "a.csv", tmp_path / "b.csv"]


def test_pattern_matches_across_folders(tmp_path: Path) -> None:
    touch(tmp_path / "x" / "a.ndjson", tmp_path / "x" / "y" / "b.ndjson", tmp_path / "c.csv")
    assert discover([str(tmp_path / "**" / "*.ndjson")]) == [
        tmp_path / "x" / "a.ndjson",
        tmp_path / "x" / "y" / "b.ndjson",
    ]


def test_file_whose_name_looks_like_a_pattern_is_found(tmp_path: Path) -> None:
    touch(tmp_path / "log[1].csv")
    assert discover([tmp_path / "log[1].csv"]) == [tmp_path / "log[1].csv"]


@pytest.mark.parametrize("name", ["missing.parquet", "*.csv", "notes.txt", "empty", "a.parquet.gz"])
def test_a_path_without_readable_files_is_one_clear_line(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "notes.txt", tmp_path / "a.parquet.gz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError) as caught:
        discover([str(tmp_path / name)])
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_no_path_is_an_error() -> None:
    with pytest.raises(SourceError, match="no source"):
        discover([])


def test_unreadable_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.csv")
    monkeypatch.setattr("stillwatch.exchange.discovery.os.access", lambda *_: False)  # Root may read everything.
    with pytest.raises(SourceError, match="may not be read"):
        discover([tmp_path])
