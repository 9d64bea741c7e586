"""Runs a command as a child process and measures it: wall and processor seconds, and the most memory it held."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took.

    Attributes:
        wall_s: From start to end.
        cpu_s: User and system time, of the command and of those that it started.
        peak_mb: The largest resident set of one process, at least that of the process which started it.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


class CommandError(RuntimeError):
    """A measured command that failed, with the end of what it said."""


def run(command: Sequence[str], cwd: Path | None = None) -> tuple[Cost, str]:
    """Run ``command`` to its end and return what it took and its standard output.

    The kernel accounts for this one child; processes that were started before do not count.

    Raises:
        CommandError: If it ends with another code than 0.
        FileNotFoundError: If there is no such command.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(list(command), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    with process.stdout as stream:
        said = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandError(f"{' '.join(command)} ended with code {process.returncode}:\n{said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # Bytes there, kibibytes here.
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6), said


def forget(paths: Sequence[Path]) -> None:
    """Drop files from the page cache, so that the next read comes from the disk; without effect where unsupported."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)  # Pages that are not yet written cannot be dropped.
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def peak_of_self_mb() -> float:
    """Return the most memory that this process has held, without what its parent held before it."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def forget_peak() -> None:
    """Count ``peak_of_self_mb`` from here on; without effect where the kernel does not allow it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
