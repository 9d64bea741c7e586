"""A policy that is reviewed like code changes like code: its file is watched, checked, and put in force whole."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from stillwatch.response.decision import Decider
from stillwatch.response.overlay import FileMark, file_mark
from stillwatch.response.policy_file import PolicyError, load_policy

logger = logging.getLogger("stillwatch.policy")

_AGAIN_US = 10_000_000


class PolicyWatch:
    """Puts a policy in force anew when a file of it changed, without a restart.

    A file that cannot be used, its own tests included, leaves the policy before it in force. Reading and checking
    happens in a thread, so that requests are never kept waiting, and each is decided by one policy or the other.

    Args:
        path: The policy's file.
        decider: Has the policy in force, which was read from there.
        poll_s: How often to look, in seconds.
        in_background: Load in a thread; else in ``poll``, for tests.

    Attributes:
        error: Why the last loading failed; empty if it did not.
        loadings: How many have succeeded.
        failures: How many have not, for one reason after the other.
    """

    def __init__(self, path: Path, decider: Decider, poll_s: float = 2.0, *, in_background: bool = True) -> None:
        """Take note of the files as they are."""
        self.error = ""
        self.loadings = self.failures = 0
        self._path, self._decider = path, decider
        self._poll_us = int(poll_s * 1e6)
        self._background = in_background
        self._next_us = self._again_us = 0
        self._refused: FileMark = None
        self._loading: threading.Thread | None = None

    def poll(self, now_us: int) -> None:
        """Look for a change if it is time, and load it; never raises, never waits for a thread."""
        if now_us < self._next_us or (self._loading is not None and self._loading.is_alive()):
            return
        self._next_us = now_us + self._poll_us
        if not self._changed(now_us):
            return
        self._again_us = now_us + _AGAIN_US
        if self._background:
            self._loading = threading.Thread(target=self._load, name="policy", daemon=True)
            self._loading.start()
        else:
            self._load()

    def _changed(self, now_us: int) -> bool:
        if self.error and file_mark(self._path) == self._refused:
            return now_us >= self._again_us  # What is wrong may lie in a file that only the refused policy names.
        return any(file_mark(path) != mark for path, mark in self._decider.policy.files.items())

    def _load(self) -> None:
        self._refused = file_mark(self._path)
        try:
            self._decider.policy = load_policy(self._path)
        except PolicyError as error:
            if str(error) != self.error:
                self.failures += 1
                logger.error("policy refused, the one before stays in force", extra={"reason": str(error)})
            self.error = str(error)
        else:
            self.error = ""
            self.loadings += 1
            held = self._decider.policy
            logger.info("policy loaded", extra={"policy": held.name, "revision": held.revision})
