"""What the verification service must not forget: deliveries seen, sign-ins under way, who has vouched for how many."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

EVENT_KEPT_S = 40 * 86400  # Longer than any vendor delivers again: Stripe 3 days, Persona 8 attempts over about 6.
PENDING_MOST = 10_000  # Sign-ins under way; whoever begins more pushes the oldest out, so that the file stays small.
_TABLES = """
CREATE TABLE IF NOT EXISTS delivery (digest BLOB PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (vendor TEXT, id TEXT, at_s REAL NOT NULL, PRIMARY KEY (vendor, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    state TEXT PRIMARY KEY, account TEXT NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL, browser TEXT NOT NULL,
    until_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vouched (subject BLOB, account TEXT, at_s REAL NOT NULL, PRIMARY KEY (subject, account))
    WITHOUT ROWID;
"""


class Delivery(Enum):
    """What a signed delivery is to us."""

    NEW = "new"
    REPEATED = "repeated"  # The vendor sends an event again, signed anew: to be thanked for, without effect.
    REPLAYED = "replayed"  # The very same signed bytes came before: somebody else may have sent them.


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way.

    Attributes:
        account: Pseudonym of the account that it is for.
        nonce: To come back in the ID token.
        verifier: PKCE's secret, to go with the code.
        browser: Digest of the cookie of the browser that began.
        until_s: It lapses then, in seconds since 1970.
    """

    account: int
    nonce: str
    verifier: str
    browser: str
    until_s: float


class Ledger:
    """A small SQLite file; ``None`` keeps it in memory, for tests.

    Several processes may share the file: each method is one transaction.

    Raises:
        sqlite3.OperationalError: If the file cannot be made or opened.
    """

    def __init__(self, path: Path | None) -> None:
        """Open it, and make the tables if they are missing."""
        self._base = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None, check_same_thread=False)
        if path:
            path.chmod(0o600)
            self._base.execute("PRAGMA journal_mode=WAL")
        self._base.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def take_delivery(self, vendor: str, event_id: str, digest: bytes, now_s: float) -> Delivery:
        """Note a delivery whose signature holds, and say whether it may have an effect.

        Args:
            vendor: Its name.
            event_id: The vendor's.
            digest: The signature, which covers time and body.
            now_s: Seconds since 1970.
        """
        with self._writing():
            self._base.execute("DELETE FROM delivery WHERE at_s < ?", (now_s - EVENT_KEPT_S,))
            self._base.execute("DELETE FROM event WHERE at_s < ?", (now_s - EVENT_KEPT_S,))
            if not self._base.execute("INSERT OR IGNORE INTO delivery VALUES (?, ?)", (digest, now_s)).rowcount:
                return Delivery.REPLAYED
            new = self._base.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?)", (vendor, event_id, now_s)).rowcount
        return Delivery.NEW if new else Delivery.REPEATED

    def forget_delivery(self, vendor: str, event_id: str, digest: bytes) -> None:
        """Take a delivery back whose effect failed, so that the vendor's next attempt is new again."""
        with self._writing():
            self._base.execute("DELETE FROM delivery WHERE digest = ?", (digest,))
            self._base.execute("DELETE FROM event WHERE vendor = ? AND id = ?", (vendor, event_id))

    def begin(self, state: str, pending: Pending, now_s: float) -> None:
        """Keep a sign-in that begins, and let lapsed ones and the oldest beyond ``PENDING_MOST`` go."""
        row = (state, f"{pending.account:016x}", pending.nonce, pending.verifier, pending.browser, pending.until_s)
        with self._writing():
            self._base.execute("DELETE FROM pending WHERE until_s < ?", (now_s,))
            self._base.execute("INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?)", row)
            self._base.execute(
                "DELETE FROM pending WHERE state IN"
                " (SELECT state FROM pending ORDER BY until_s DESC LIMIT -1 OFFSET ?)",
                (PENDING_MOST,),
            )

    def take(self, state: str, now_s: float) -> Pending | None:
        """Return the sign-in of ``state`` and forget it, so that a state is good for one attempt; None if none is."""
        with self._writing():
            row = self._base.execute("DELETE FROM pending WHERE state = ? RETURNING *", (state,)).fetchone()
        if row is None or row[5] < now_s:
            return None
        return Pending(int(row[1], 16), row[2], row[3], row[4], row[5])

    def vouch(self, subject: bytes, account: int, most: int, now_s: float) -> bool:
        """Note that a person stands behind an account, unless they already do so for ``most`` others.

        Without such a bound one person with one passport could lift a whole pool.

        Args:
            subject: Keyed digest of issuer and subject, so that the file names nobody.
            account: Pseudonym.
            most: At least 1.
            now_s: Seconds since 1970.
        """
        name = f"{account:016x}"
        with self._writing():
            held = {row[0] for row in self._base.execute("SELECT account FROM vouched WHERE subject = ?", (subject,))}
            if name not in held and len(held) >= most:
                return False
            self._base.execute("INSERT OR REPLACE INTO vouched VALUES (?, ?, ?)", (subject, name, now_s))
        return True

    def _writing(self) -> _Transaction:
        return _Transaction(self._base)


class _Transaction:
    """Takes the write lock at once: two processes that read first and write later could both think to be the first."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._base.execute("COMMIT" if kind is None else "ROLLBACK")
