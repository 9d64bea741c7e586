from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stillwatch.store.atomic import atomic_file, atomic_files

INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from stillwatch.store.atomic import atomic_file, atomic_files

signal.signal(signal.SIGINT, signal.default_int_handler)  # Whatever the test runner's own parent has made of it.
folder = Path(sys.argv[1])
try:
    if sys.argv[2] == "file":
        with atomic_file(folder / "a") as stream:
            stream.write(b"half")
            stream.flush()
            print("ready", flush=True)
            time.sleep(60)
    else:
        with atomic_files(folder) as staging:
            (staging / "a").write_bytes(b"half")
            print("ready", flush=True)
            time.sleep(60)
except KeyboardInterrupt:
    sys.exit(42)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic_file(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == ["a"]


def test_a_file_obeys_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with atomic_file(tmp_path / "a") as stream:
            stream.write(b"")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error), atomic_file(tmp_path / "a") as stream:
        stream.write(b"half")
        raise error
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_file_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "none" / "a"):
        pass


def test_files_appear_together_and_leave_others_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "mine").write_bytes(b"mine")
    with atomic_files(tmp_path) as staging:
        (staging / "a").write_bytes(b"new")
        (staging / "b").write_bytes(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a", "b", "mine"]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"new"
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_the_seal_is_put_in_place_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    rename = Path.replace

    def noted(self: Path, target: Path) -> Path:
        order.append(self.name)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    with atomic_files(tmp_path, last=("a",)) as staging:
        for name in ("a", "b", "c"):
            (staging / name).write_bytes(b"")
    assert order == ["b", "c", "a"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_files(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error), atomic_files(tmp_path) as staging:
        (staging / "a").write_bytes(b"half")
        raise error
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_an_exception_removes_the_folders_that_were_made(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_files(tmp_path / "x" / "y"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with atomic_files(tmp_path / "x" / "y") as staging:
        (staging / "a").write_bytes(b"a")
    assert names(tmp_path / "x" / "y") == ["a"]


def test_a_folder_in_the_way_is_refused_before_anything_moves(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError), atomic_files(tmp_path) as staging:
        (staging / "a").write_bytes(b"")
        (staging / "b").write_bytes(b"")
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_between_renames_waits_for_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    rename = Path.replace
    interrupted: list[bool] = []

    def interrupting(self: Path, target: Path) -> Path:
        if self.name == "b" and not interrupted:
            interrupted.append(True)
            if after:
                rename(self, target)
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupting)
    with pytest.raises(KeyboardInterrupt), atomic_files(tmp_path) as staging:
        for name in ("a", "b", "c"):
            (staging / name).write_bytes(b"new")
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["file", "files"])
def test_sigint_leaves_nothing_half_written(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), kind], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert len(names(tmp_path)) == 2  # The test would be empty if nothing had been begun.
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 42
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"
