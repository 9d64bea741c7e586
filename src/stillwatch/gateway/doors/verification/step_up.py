"""Step-up over OpenID Connect: send the holder to sign in more strongly, and believe the answer only if all fits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import jwt

from stillwatch.gateway.doors.verification.id_token import Expected, NotSignedIn, SignedIn, check_id_token
from stillwatch.gateway.doors.verification.ledger import Ledger, Pending

ATTEMPT_S = 600.0  # From setting out to coming back.
_KEYS_KEPT_S = 3600.0
_KEYS_RENEWED_S = 60.0  # At most this often for unknown keys, so that bad tokens do not burden the provider.
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ProviderError(Exception):
    """The provider cannot be reached or says something that cannot be right; the message says what would help."""


class Http(Protocol):
    """The two things that are asked of an HTTP client; both return a JSON object or raise ``ProviderError``."""

    async def get(self, address: str) -> Mapping[str, Any]:
        """Fetch a document."""

    async def post(self, address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a form."""


@dataclass(frozen=True, slots=True)
class Client:
    """Us, as the provider knows us.

    Attributes:
        issuer: The provider.
        client_id: As registered there.
        client_secret: Empty for a public client, which PKCE alone protects. Never shown.
        redirect_uri: Where the browser comes back to, as registered.
        acr_values: Accepted classes of authentication, the best first; at least one.
        auth_age_s_max: How long ago the person may have signed in; None leaves it to the provider.
        scope: What is asked for. No more than who it is.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    acr_values: tuple[str, ...]
    auth_age_s_max: int | None = None
    scope: str = "openid"

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"Client(issuer={self.issuer!r}, client_id={self.client_id!r}, secret hidden)"


@dataclass(frozen=True, slots=True)
class Proven:
    """The holder of ``account`` has signed in as ``subject``."""

    account: int
    subject: str
    acr: str


class StepUp:
    """Carries sign-ins through one provider.

    Args:
        client: Us.
        http: Whatever fetches.
        ledger: Keeps sign-ins under way.
        randomness: Gives as many secret bytes as asked for.

    Raises:
        ValueError: If no class of authentication is accepted, or an address is neither HTTPS nor on loopback.

    Source:
        OpenID Connect Core 1.0, section 3.1; PKCE, RFC 7636; RFC 9207 (issuer in the answer); RFC 9470 (step-up).
    """

    def __init__(
        self, client: Client, http: Http, ledger: Ledger, randomness: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Check the client."""
        if not client.acr_values:
            raise ValueError("name at least one accepted acr value, since any sign-in would count otherwise")
        _safe(client.issuer)
        _safe(client.redirect_uri)
        self._client = client
        self._http = http
        self._ledger = ledger
        self._random = randomness
        self._provider: Mapping[str, Any] = {}
        self._keys: list[jwt.PyJWK] = []
        self._keys_at_s = 0.0

    async def begin(self, account: int, now_s: float) -> tuple[str, str]:
        """Return where to send the browser, and the value of the cookie that it must bring back.

        Raises:
            ProviderError: If the provider cannot be asked what it offers.
        """
        provider = await self._metadata()
        state, nonce, verifier, cookie = (_text(self._random(32)) for _ in range(4))
        pending = Pending(account, nonce, verifier, _digest(cookie), now_s + ATTEMPT_S)
        self._ledger.begin(state, pending, now_s)
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": self._client.scope,
            "state": state,
            "nonce": nonce,
            "acr_values": " ".join(self._client.acr_values),
            "code_challenge": _text(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if self._client.auth_age_s_max is not None:
            asked["max_age"] = str(self._client.auth_age_s_max)
        endpoint = str(provider["authorization_endpoint"])
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(asked, quote_via=quote), cookie

    async def finish(self, answer: Mapping[str, str], cookie: str, now_s: float) -> Proven | NotSignedIn:
        """Return who came back, or why it does not count.

        Args:
            answer: The parameters that the browser brought: ``state`` and ``code``, or ``error``.
            cookie: What ``begin`` gave to the same browser; empty for none.
            now_s: Seconds since 1970.

        Raises:
            ProviderError: If the provider cannot be asked for the token or its keys.
        """
        pending = self._ledger.take(answer.get("state", ""), now_s)
        if pending is None:
            return NotSignedIn("this sign-in was not begun here, has lapsed or was used before; begin again")
        if not hmac.compare_digest(_digest(cookie), pending.browser):
            return NotSignedIn("this sign-in was begun in another browser; begin again")
        if answer.get("iss", self._client.issuer) != self._client.issuer:
            return NotSignedIn("the answer is another issuer's")
        if "error" in answer or not answer.get("code"):
            return NotSignedIn("the sign-in was not completed")
        token = await self._exchange(answer["code"], pending.verifier)
        expected = Expected(
            self._client.issuer,
            self._client.client_id,
            pending.nonce,
            self._client.acr_values,
            self._client.auth_age_s_max,
        )
        found: SignedIn | NotSignedIn = check_id_token(token, await self._signing_keys(token, now_s), expected, now_s)
        return Proven(pending.account, found.subject, found.acr) if isinstance(found, SignedIn) else found

    async def _metadata(self) -> Mapping[str, Any]:
        if not self._provider:
            issuer = self._client.issuer
            found = await self._http.get(issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise ProviderError("the provider calls itself something else than the configured issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(found.get(name), str):
                    raise ProviderError(f"the provider's metadata lack {name}")
                try:
                    _safe(found[name])
                except ValueError as error:
                    raise ProviderError(f"the provider's {name} is not safe: {error}") from error
            self._provider = found
        return self._provider

    async def _exchange(self, code: str, verifier: str) -> str:
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if client.client_secret:  # RFC 6749, section 2.3.1: both parts are escaped as in a form before they are joined.
            both = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(both.encode()).decode()
        else:
            form["client_id"] = client.client_id
        provider = await self._metadata()
        answer = await self._http.post(str(provider["token_endpoint"]), form, headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("the provider gave no ID token; is openid among the scopes it allows this client?")
        return token

    async def _signing_keys(self, token: str, now_s: float) -> list[jwt.PyJWK]:
        try:
            name = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            return self._keys
        age_s = now_s - self._keys_at_s
        unknown = name is not None and all(key.key_id != name for key in self._keys)
        if not self._keys or age_s > _KEYS_KEPT_S or (unknown and age_s > _KEYS_RENEWED_S):
            found = await self._http.get(str((await self._metadata())["jwks_uri"]))
            try:
                self._keys = jwt.PyJWKSet.from_dict(dict(found)).keys
            except (jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
                raise ProviderError("the provider's keys cannot be read") from error
            self._keys_at_s = now_s
        return self._keys


def _safe(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{address} must begin with https://, or lie on loopback")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
