from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stillwatch.gateway.doors.verification.id_token import Expected, NotSignedIn, SignedIn, check_id_token

NOW_S = 1_760_000_000.0
PRIVATE = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())
EXPECTED = Expected("https://id.example", "client", "n-1", ("urn:strong", "urn:stronger"), None)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "client",
    "sub": "ann",
    "nonce": "n-1",
    "acr": "urn:strong",
    "iat": NOW_S,
    "exp": NOW_S + 300,
}


def key(private: Any, **more: str) -> jwt.PyJWK:
    algorithm = jwt.algorithms.ECAlgorithm if isinstance(private, ec.EllipticCurvePrivateKey) else None
    shaped = (algorithm or jwt.algorithms.RSAAlgorithm).to_jwk(private.public_key(), as_dict=True)
    return jwt.PyJWK({**shaped, "kid": "k1", **more})


def token(private: Any = PRIVATE, algorithm: str = "ES256", kid: str | None = "k1", **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, private, algorithm, headers={"kid": kid} if kid else {})


def test_a_token_in_order_names_who_signed_in() -> None:
    assert check_id_token(token(), [key(PRIVATE)], EXPECTED, NOW_S) == SignedIn("ann", "urn:strong")
    assert isinstance(check_id_token(token(kid=None), [key(STRANGER), key(PRIVATE)], EXPECTED, NOW_S), SignedIn)
    several = token(aud=["client", "other"], azp="client")
    assert isinstance(check_id_token(several, [key(PRIVATE)], EXPECTED, NOW_S), SignedIn)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://id.example/"}, "another issuer"),
        ({"aud": "other"}, "somebody else"),
        ({"aud": ["client", "other"]}, "somebody else"),
        ({"azp": "other"}, "somebody else"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": NOW_S - 61}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": True}, "expired"),
        ({"iat": NOW_S + 61}, "future"),
        ({"iat": None}, "future"),
        ({"nbf": NOW_S + 61}, "not yet"),
        ({"sub": ""}, "nobody"),
        ({"acr": "urn:weak"}, "not as strong"),
        ({"acr": None}, "not as strong"),
        ({"acr": ["urn:strong"]}, "not as strong"),
    ],
)
def test_each_claim_out_of_order_is_refused(changes: dict[str, Any], reason: str) -> None:
    found = check_id_token(token(**changes), [key(PRIVATE)], EXPECTED, NOW_S)
    assert isinstance(found, NotSignedIn) and reason in found.reason


def test_a_sign_in_long_ago_is_refused_where_a_fresh_one_is_asked_for() -> None:
    fresh = replace(EXPECTED, auth_age_s_max=120.0)
    for changes, good in (({}, False), ({"auth_time": NOW_S - 181}, False), ({"auth_time": NOW_S - 100}, True)):
        found = check_id_token(token(**changes), [key(PRIVATE)], fresh, NOW_S)
        assert isinstance(found, SignedIn) == good


def test_nobody_elses_signature_counts() -> None:
    keys = [key(PRIVATE)]
    assert isinstance(check_id_token(token(STRANGER), keys, EXPECTED, NOW_S), NotSignedIn)
    assert isinstance(check_id_token(token(kid="k2"), keys, EXPECTED, NOW_S), NotSignedIn)
    assert isinstance(check_id_token(token(), [], EXPECTED, NOW_S), NotSignedIn)
    assert isinstance(check_id_token(token(), [key(PRIVATE, use="enc")], EXPECTED, NOW_S), NotSignedIn)
    head, body, signed = token().split(".")
    assert isinstance(check_id_token(f"{head}.{body}.{signed[:-4]}AAAA", keys, EXPECTED, NOW_S), NotSignedIn)
    assert isinstance(check_id_token(f"{head}.{body}.", keys, EXPECTED, NOW_S), NotSignedIn)
    for broken in ("", "a.b.c", "a" * 70_000):
        assert isinstance(check_id_token(broken, keys, EXPECTED, NOW_S), NotSignedIn)


def test_neither_unsigned_tokens_nor_shared_secrets_count() -> None:
    public = rsa.generate_private_key(65537, 2048)
    unsigned = jwt.encode(CLAIMS, "", "none", headers={"kid": "k1"})
    shared = jwt.encode(CLAIMS, "k" * 64, "HS256", headers={"kid": "k1"})
    for forged in (unsigned, shared):
        found = check_id_token(forged, [key(public)], EXPECTED, NOW_S)
        assert isinstance(found, NotSignedIn) and "algorithm" in found.reason
    assert isinstance(check_id_token(token(public, "RS256"), [key(public)], EXPECTED, NOW_S), SignedIn)


def test_the_time_is_the_arguments_not_the_clocks() -> None:
    assert time.time() > NOW_S + 3600  # By the clock, the token has long expired.
    assert isinstance(check_id_token(token(), [key(PRIVATE)], EXPECTED, NOW_S + 359), SignedIn)
    assert isinstance(check_id_token(token(), [key(PRIVATE)], EXPECTED, NOW_S + 361), NotSignedIn)
