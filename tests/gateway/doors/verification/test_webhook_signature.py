from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.doors.verification.signature import Signed, Unsigned, check_signature

SECRET = b"whsec_test"
NOW_S = 1_760_000_000


def signature(body: bytes, at: int | str = NOW_S, secret: bytes = SECRET) -> str:
    return hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header(body: bytes, at: int = NOW_S, secret: bytes = SECRET) -> str:
    return f"t={at},v1={signature(body, at, secret)}"


@given(st.binary(max_size=200), st.integers(-300, 300))
def test_what_was_signed_in_time_holds(body: bytes, late_s: int) -> None:
    held = check_signature(header(body), body, [SECRET], NOW_S + late_s)
    assert isinstance(held, Signed) and held.at_s == NOW_S


@given(st.binary(min_size=1, max_size=50), st.data())
def test_any_changed_bit_of_body_or_signature_is_refused(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[at // 8] ^= 1 << at % 8
    assert isinstance(check_signature(header(body), bytes(changed), [SECRET], NOW_S), Unsigned)
    raw = bytearray(bytes.fromhex(signature(body)))
    raw[at % 32] ^= 1 << at % 8
    assert isinstance(check_signature(f"t={NOW_S},v1={raw.hex()}", body, [SECRET], NOW_S), Unsigned)


@pytest.mark.parametrize("late_s", [301, -301, 10**6])
def test_an_old_or_early_time_is_refused_and_cannot_be_rewritten(late_s: int) -> None:
    assert isinstance(check_signature(header(b"x"), b"x", [SECRET], NOW_S + late_s), Unsigned)
    moved = f"t={NOW_S + late_s},v1={signature(b'x')}"
    assert check_signature(moved, b"x", [SECRET], NOW_S + late_s) == Unsigned("no signature matches the body")


def test_the_known_answer_of_the_scheme() -> None:
    # By OpenSSL: printf '1760000000.{}' | openssl dgst -sha256 -hmac whsec_test
    expected = "36bd79465b49ac7ce6ef02dc49dc372557425a18a75801997a2c67271410b927"
    assert isinstance(check_signature(f"t=1760000000,v1={expected}", b"{}", [SECRET], NOW_S), Signed)


def test_secrets_can_be_replaced_in_both_vendors_ways() -> None:
    old, new = b"old", b"new"
    stripe = f"t={NOW_S},v1={signature(b'x', secret=old)},v1={signature(b'x', secret=new)},v0=00"
    persona = f"{header(b'x', secret=old)} {header(b'x', secret=new)}"
    for sent in (stripe, persona):
        for secrets in ([old], [new], [new, old]):
            assert isinstance(check_signature(sent, b"x", secrets, NOW_S), Signed)
        assert isinstance(check_signature(sent, b"x", [b"other"], NOW_S), Unsigned)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "t=1760000000",
        f"v1={signature(b'x')}",
        f"t=1760000000,v0={signature(b'x')}",
        f"t=,v1={signature(b'x', '')}",
        f"t=-1,v1={signature(b'x', '-1')}",
        f"t=१७६,v1={signature(b'x', '१७६')}",
        "t=1760000000,v1=zz",
        f"t=1760000000,v1={signature(b'x')[:32]}",
        "t=1760000000," + "v1=00," * 2000,
    ],
)
def test_headers_of_other_forms_are_refused(sent: str) -> None:
    assert isinstance(check_signature(sent, b"x", [SECRET], NOW_S), Unsigned)


@given(st.text(max_size=300))
def test_no_header_raises(sent: str) -> None:
    assert isinstance(check_signature(sent, b"x", [SECRET], NOW_S), Unsigned)


@pytest.mark.parametrize("secrets", [[], [b""], [SECRET, b""]])
def test_no_or_an_empty_secret_is_misuse(secrets: list[bytes]) -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        check_signature(header(b"x", secret=b""), b"x", secrets, NOW_S)
