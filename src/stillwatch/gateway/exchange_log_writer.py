"""The process that writes the log, one a worker: batches take a second of work, for which no request may wait.

The worker sends frames to its standard input: four bytes of length, then JSON. The first says where and how to write,
the key included, which so stands in no argument and no variable. Then come a batch's rows, in several frames, and its
name, upon which it is written and one line of JSON comes back. Names are the worker's, so that a batch that is sent
twice, because the process died between writing and saying so, is one set of files. Its input's end ends the process.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from stillwatch.gateway.exchange_log_rows import Row

_LENGTH = struct.Struct("<I")
_ROWS_A_FRAME = 32  # Some 0.05 ms of JSON at a time, for which requests wait, and then a pause, in which they do not.
_PAUSE_S = 0.001
_NICE = 5  # Requests go first where processors are short.


class WriterGoneError(OSError):
    """The process died; nothing is known of the batch."""


class BatchError(Exception):
    """A batch from which no file can be made."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Where and how batches are written.

    Attributes:
        folder: Of the log.
        key: Of the pseudonyms.
        keep_text: Write prompts and system instructions too.
        footprints: Write the footprints that the texts leave.
    """

    folder: Path
    key: bytes
    keep_text: bool
    footprints: bool


class BatchWriter:
    """The worker's end: a process that is started at once, and again when it died.

    Args:
        writing: What it is told.
    """

    def __init__(self, writing: Writing) -> None:
        """Start the process; it gets ready by itself."""
        self._writing = writing
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "stillwatch.gateway.exchange_log_writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Who stops the gateway by a key stops it in order, and the log comes last.
        )
        writing = self._writing
        told = {"folder": str(writing.folder), "key": writing.key.hex()}
        with contextlib.suppress(OSError):  # The first batch will find out.
            _send(process, told | {"keep_text": writing.keep_text, "footprints": writing.footprints})
        return process

    def write(self, stem: str, rows: Sequence[Row]) -> None:
        """Write a batch; blocks until it is on the disk.

        Raises:
            WriterGoneError: If the process died; the next call starts another one.
            OSError: If the disk does not take it.
            BatchError: If no file can be made of it.
        """
        if self._process.poll() is not None:
            self._process = self._started()
        try:
            for k in range(0, len(rows), _ROWS_A_FRAME):
                _send(self._process, rows[k : k + _ROWS_A_FRAME])
                time.sleep(_PAUSE_S)
            _send(self._process, stem)
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
        except (BrokenPipeError, ConnectionError):
            line = b""
        except TypeError as error:
            self.close()  # It holds half a batch.
            raise BatchError(str(error)) from None
        if not line:
            self.close()
            raise WriterGoneError(0, "the writing process ended")
        answer = orjson.loads(line)
        if "refused" in answer:
            raise OSError(*answer["refused"])
        if "failed" in answer:
            raise BatchError(answer["failed"])

    def close(self) -> None:
        """Let the process end, and wait for it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _send(process: subprocess.Popen[bytes], value: Any) -> None:
    assert process.stdin is not None
    frame = orjson.dumps(value)
    process.stdin.write(_LENGTH.pack(len(frame)) + frame)
    process.stdin.flush()


def _frame(stream: BinaryIO) -> Any:
    """Return the next value, None at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _LENGTH.unpack(head)[0]
    frame = stream.read(length)
    return orjson.loads(frame) if len(frame) == length else None


def _written(writing: Writing, stem: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Write a batch and return what to answer: of an error not its words, which could quote a prompt."""
    from stillwatch.exchange.pseudonym import Pseudonyms
    from stillwatch.gateway.exchange_log_files import write_batch

    try:
        pseudonyms = Pseudonyms(writing.key)
        write_batch(writing.folder, stem, rows, pseudonyms, writing.keep_text, writing.footprints)
    except OSError as error:
        return {"refused": [error.errno or 0, error.strerror or type(error).__name__]}
    except Exception as error:  # A batch that cannot be made must not stop the ones after it.
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"failed": f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"}
    return {"written": len(rows)}


def main() -> None:
    """Write batches until there are no more."""
    from stillwatch.exchange.pseudonym import Pseudonyms
    from stillwatch.gateway.exchange_log_files import warm_up

    taken = sys.stdin.buffer
    given = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # Whoever prints must not be taken for an answer.
    os.nice(_NICE)
    with contextlib.suppress(AttributeError, OSError):  # Linux: whatever class the gateway itself was put into.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    told = _frame(taken)
    if told is None:
        return
    writing = Writing(Path(told["folder"]), bytes.fromhex(told["key"]), told["keep_text"], told["footprints"])
    if writing.footprints:
        warm_up(Pseudonyms(writing.key))
    rows: list[Row] = []
    while (frame := _frame(taken)) is not None:
        if isinstance(frame, list):
            rows += frame
            continue
        answer, rows = _written(writing, frame, rows), []
        with contextlib.suppress(BrokenPipeError):
            given.write(orjson.dumps(answer) + b"\n")


if __name__ == "__main__":
    main()
