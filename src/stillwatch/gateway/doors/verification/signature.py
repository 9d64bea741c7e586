"""Signed webhooks: is this body from whom it says, and is it fresh."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE_S = 300  # What both vendors advise: longer invites replays, shorter refuses slow clocks.
_HEADER_LENGTH_MAX = 4096
_SIGNATURES_MAX = 16  # Two secrets while one is replaced, with room; each costs a comparison.


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds.

    Attributes:
        at_s: When the sender signed, in seconds since 1970.
        digest: The signature itself, which names this one delivery.
    """

    at_s: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A signature that does not hold, and why, in words that give nothing of the secret away."""

    reason: str


def check_signature(
    header: str, body: bytes, secrets: Sequence[bytes], now_s: float, tolerance_s: float = TOLERANCE_S
) -> Signed | Unsigned:
    """Check a header of the form ``t=SECONDS,v1=HEX`` against ``body``.

    The signature is HMAC-SHA256 of the time as written, a full stop and the raw body. While a secret is replaced, a
    sender may send several signatures: more ``v1``, or more pairs behind a space. One that holds is enough. All
    comparisons take the same time whether or not they match; schemes other than ``v1`` are ignored, so that nobody can
    choose a weaker one.

    Args:
        header: As it came.
        body: The bytes as they came, never parsed and written again.
        secrets: The endpoint's secrets, the newest first. None are empty.
        now_s: Seconds since 1970.
        tolerance_s: How old, or how far in the future, the time may be.

    Raises:
        ValueError: If there is no secret or an empty one, which would let everybody sign.

    Source:
        docs.stripe.com, "Check the webhook signatures"; docs.withpersona.com, "Webhooks", checking signatures.
    """
    if not secrets or not all(secrets):
        raise ValueError("a webhook needs a secret, and an empty one protects nothing")
    if len(header) > _HEADER_LENGTH_MAX:
        return Unsigned("the signature header is too long")
    pairs = _pairs(header)
    if not pairs:
        return Unsigned("there is no v1 signature with a time")
    held: Signed | None = None
    for at, signature in pairs[:_SIGNATURES_MAX]:
        for secret in secrets:
            expected = hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).digest()
            if hmac.compare_digest(expected, signature):
                held = Signed(int(at), expected)
    if held is None:
        return Unsigned("no signature matches the body")
    if abs(now_s - held.at_s) > tolerance_s:
        return Unsigned(f"the signature's time is more than {tolerance_s:.0f} s away")
    return held


def _pairs(header: str) -> list[tuple[str, bytes]]:
    """Return each signature with the time written before it, as text, since that text is what was signed."""
    found: list[tuple[str, bytes]] = []
    at = ""
    for item in header.replace(" ", ",").split(","):
        name, _, value = item.partition("=")
        if name == "t":
            at = value if value.isascii() and value.isdigit() and len(value) <= 12 else ""
        elif name == "v1" and at:
            try:
                found.append((at, bytes.fromhex(value)))
            except ValueError:
                continue
    return found
