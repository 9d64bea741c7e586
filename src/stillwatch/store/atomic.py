"""Files that appear whole or not at all, whatever stops the program while it writes them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

_PREFIX = ".stillwatch-"  # Hidden, and told apart from the files of a result if a power cut leaves one behind.


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes the place of ``path`` only when the block ends without an exception.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and are renamed over ``path`` in one
    step. After an exception, KeyboardInterrupt included, the temporary file is gone and ``path`` is as before.

    Args:
        path: In a folder that exists.

    Raises:
        FileNotFoundError: If the folder does not exist.
    """
    temporary = _fresh(path.parent)
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextlib.contextmanager
def atomic_files(folder: Path, last: Sequence[str] = ()) -> Iterator[Path]:
    """Write several files that appear in ``folder`` together, only when the block ends without an exception.

    The block gets an empty staging folder inside ``folder`` and writes plain files into it. All are flushed to the
    disk before the first is renamed into place. Each rename is atomic; an interrupt that arrives between two is held
    back until the last one is done. Only the death of the machine or a SIGKILL in those microseconds can leave a mix
    of old and new files, so a set that must be told apart names the file that seals it as ``last``. Other files in
    ``folder`` are left alone.

    Args:
        folder: Made, with its parents, if it does not exist; removed again after an exception if it was made here.
        last: Names to put in place after all others, in this order.

    Raises:
        NotADirectoryError: If ``folder`` is a file.
        IsADirectoryError: If the block wrote a folder, or ``folder`` holds a folder of a staged file's name.
    """
    made = _make(folder)
    staging = _fresh(folder)
    try:
        staging.mkdir()
        yield staging
        order = {name: place for place, name in enumerate(last, 1)}
        files = sorted(staging.iterdir(), key=lambda file: (order.get(file.name, 0), file.name))
        for file in files:
            if file.is_dir() or (folder / file.name).is_dir():
                raise IsADirectoryError(f"{file.name} must be a file, in the block and in {folder}")
            _sync_file(file)
        _commit(files, folder)
        made = []
        _sync_folder(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for new in reversed(made):
            with contextlib.suppress(OSError):  # Someone else has put a file there: then the folder is theirs.
                new.rmdir()


def _commit(files: Sequence[Path], folder: Path) -> None:
    """Rename ``files`` into ``folder``, all of them even if an interrupt arrives on the way."""
    interrupt: KeyboardInterrupt | None = None
    waiting = list(files)
    while waiting:
        try:
            if waiting[0].exists():  # It is gone if the interrupt came between the rename and the next line.
                waiting[0].replace(folder / waiting[0].name)
            del waiting[0]
        except KeyboardInterrupt as stopped:
            interrupt = stopped
    if interrupt is not None:
        raise interrupt


def _make(folder: Path) -> list[Path]:
    """Make ``folder`` and its missing parents, and return those made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _fresh(folder: Path) -> Path:
    """Return a name in ``folder`` that is not taken: chosen before it is made, so that it can always be removed."""
    return folder / f"{_PREFIX}{secrets.token_hex(8)}"


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Flush the names in ``folder``: without it a rename can be lost with the power, the bytes notwithstanding."""
    _sync_file(folder)
