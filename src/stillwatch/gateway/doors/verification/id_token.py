"""ID tokens: who signed in, how strongly, and whether that was meant for us and for this one attempt."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_S = 60.0  # For clocks that differ.
_TOKEN_LENGTH_MAX = 65536


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say.

    Attributes:
        issuer: Of the provider, to the letter.
        client_id: Ours.
        nonce: Of this attempt.
        acr_values: The accepted classes of authentication; at least one.
        auth_age_s_max: How long ago the person may have signed in, or None for any time.
    """

    issuer: str
    client_id: str
    nonce: str
    acr_values: tuple[str, ...]
    auth_age_s_max: float | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person as the provider knows them."""

    subject: str
    acr: str


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """A token that does not count, and why; nothing of the token is in the reason."""

    reason: str


def check_id_token(token: str, keys: Sequence[jwt.PyJWK], expected: Expected, now_s: float) -> SignedIn | NotSignedIn:
    """Check an ID token and return who signed in.

    Signature (asymmetric algorithms only, by a key of the provider's that is meant for signing), issuer, audience and
    authorised party, expiry, time of issue, nonce, and the class of authentication, which a provider is free not to
    give although it was asked for.

    Args:
        token: As it came from the token endpoint.
        keys: The provider's.
        expected: What it must say.
        now_s: Seconds since 1970.

    Source:
        OpenID Connect Core 1.0, sections 2, 3.1.3.7 and 5.5.1.1; RFC 9470; RFC 8725.
    """
    if len(token) > _TOKEN_LENGTH_MAX:
        return NotSignedIn("the token is too long")
    claims = _claims(token, keys)
    if isinstance(claims, NotSignedIn):
        return claims
    fault = _audience_fault(claims, expected) or _time_fault(claims, expected, now_s)
    if fault:
        return NotSignedIn(fault)
    nonce, subject, acr = (str(claims.get(name) or "") for name in ("nonce", "sub", "acr"))
    if not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        return NotSignedIn("the token's nonce is not that of this attempt")
    if not subject:
        return NotSignedIn("the token names nobody")
    if acr not in expected.acr_values:
        return NotSignedIn("the sign-in was not as strong as asked for")
    return SignedIn(subject, acr)


def _claims(token: str, keys: Sequence[jwt.PyJWK]) -> Mapping[str, Any] | NotSignedIn:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return NotSignedIn("the token cannot be read")
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:  # Neither "none" nor one whose key we share.
        return NotSignedIn("the token is signed by an algorithm that is not accepted")
    fitting = [key for key in keys if (name is None or key.key_id == name) and key.public_key_use in (None, "sig")]
    for key in fitting:
        try:
            # Issuer, audience and times are checked below, with the time as an argument.
            off = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
            claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options={**off})  # type: ignore[arg-type]
        except (jwt.PyJWTError, TypeError, ValueError):
            continue
        return claims
    return NotSignedIn("no key of the provider's has signed the token")


def _audience_fault(claims: Mapping[str, Any], expected: Expected) -> str:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != expected.issuer:
        return "the token is another issuer's"
    if expected.client_id not in audiences:
        return "the token is meant for somebody else"
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        return "the token was issued to somebody else"
    return ""


def _time_fault(claims: Mapping[str, Any], expected: Expected, now_s: float) -> str:
    expires, issued, since = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or expires + LEEWAY_S <= now_s:
        return "the token has expired"
    if issued is None or issued - LEEWAY_S > now_s:
        return "the token was issued in the future"
    if since is not None and since - LEEWAY_S > now_s:
        return "the token is not yet valid"
    if expected.auth_age_s_max is not None:
        signed_in = _seconds(claims.get("auth_time"))
        if signed_in is None or now_s - signed_in > expected.auth_age_s_max + LEEWAY_S:
            return "the sign-in was too long ago"
    return ""


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
