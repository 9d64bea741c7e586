"""Tickets: the end of a link that says for which account somebody comes to verify, so that nobody comes for another."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

TICKET_S = 86400  # A day: long enough to reach whoever holds the passport, short for a link that lies in a log.

_ACCOUNT_BYTES, _TIME_BYTES, _MAC_BYTES = 8, 5, 16


class Tickets:
    """Makes and checks tickets under a key of its own, derived from the installation's.

    A ticket is 29 bytes as 39 characters that need no escaping in an address. It names a pseudonym, which tells an
    outsider nothing.

    Args:
        key: The key of the pseudonyms; it shows in no text form.

    Source:
        HMAC, RFC 2104; 128 bits of it are kept.
    """

    def __init__(self, key: bytes) -> None:
        """Derive the key."""
        self._key = hmac.new(key, b"stillwatch verification ticket", hashlib.sha256).digest()

    def __repr__(self) -> str:
        """Name the class only."""
        return "Tickets(key=hidden)"

    def make(self, account: int, now_s: float) -> str:
        """Return a ticket for ``account``, a 64-bit pseudonym, good for ``TICKET_S``."""
        said = account.to_bytes(_ACCOUNT_BYTES, "big") + (int(now_s) + TICKET_S).to_bytes(_TIME_BYTES, "big")
        return base64.urlsafe_b64encode(said + self._mac(said)).rstrip(b"=").decode()

    def account_of(self, ticket: str, now_s: float) -> int | None:
        """Return the account that a ticket is for, or None if we did not make it or it has lapsed."""
        try:
            raw = base64.b64decode(ticket.encode("ascii") + b"=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if len(raw) != _ACCOUNT_BYTES + _TIME_BYTES + _MAC_BYTES:
            return None
        said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(said)):
            return None
        if int.from_bytes(said[_ACCOUNT_BYTES:], "big") < now_s:
            return None
        return int.from_bytes(said[:_ACCOUNT_BYTES], "big")

    def subject_digest(self, issuer: str, subject: str) -> bytes:
        """Return what stands for a person in the ledger: equal for equal persons, useless without the key."""
        return hmac.new(self._key, f"{len(issuer)} {issuer} {subject}".encode(), hashlib.sha256).digest()

    def _mac(self, said: bytes) -> bytes:
        return hmac.new(self._key, said, hashlib.sha256).digest()[:_MAC_BYTES]
