"""The programs of a drill: a mock model server and a real gateway before it, on ports of this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stillwatch.range.drive.loopback import free_port

_START_S = 90.0  # A busy machine takes its time to import.
_STOP_S = 60.0


class StartError(RuntimeError):
    """A program that did not come up; the message says what it said."""


@contextlib.contextmanager
def running(command: Sequence[str], said: Path, is_up: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; then it is asked to stop, and waited for.

    Args:
        command: Its words.
        said: Gets what it says.
        is_up: Tells whether it can be used.

    Raises:
        StartError: If it ends or cannot be used in time.
    """
    with said.open("ab") as out:
        process = subprocess.Popen(list(command), stdout=out, stderr=out, start_new_session=True)  # noqa: S603
    try:
        until = time.monotonic() + _START_S
        while not is_up():
            if process.poll() is not None or time.monotonic() > until:
                raise StartError(f"{' '.join(command[:4])} did not start: {said.read_text()[-2000:]}")
            time.sleep(0.1)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to stop and wait until it has; end it if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Tell whether anybody speaks HTTP there, whatever is said."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def model_server(folder: Path, faults: float = 0.0, record: Path | None = None) -> Iterator[str]:
    """Run the mock model server until the block ends; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "stillwatch.range.drive.model_server", "--port", str(port)]
    command += ["--faults", str(faults)] if faults else []
    command += ["--record", str(record)] if record else []
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "model_server.txt", lambda: _listens(port)):
        yield url


def gateway_command(upstream: str, port: int, options: Sequence[str]) -> list[str]:
    """Return the command line of a gateway on a port of this machine, without an admin address."""
    fixed = ["--upstream", upstream, "--port", str(port), "--admin-port", "0", "--log-level", "warning"]
    return [sys.executable, "-m", "stillwatch", "serve", *fixed, *options]


@contextlib.contextmanager
def gateway(folder: Path, upstream: str, options: Sequence[str]) -> Iterator[str]:
    """Run a gateway until the block ends; yields its address. At the end its log is written."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = gateway_command(upstream, port, options)
    # A path that goes through, so that the worker is known to serve and not only its parent to listen.
    with running(command, folder / "gateway.txt", lambda: answers(f"{url}/up")):
        yield url


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants, by Linux' /proc."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            parents[number], resident[number] = int(fields[1]), int(fields[21])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(resident.get(each, 0) for each in family) * os.sysconf("SC_PAGE_SIZE")
