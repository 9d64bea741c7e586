"""What a request tells: who asks, from where, and for what. Header fields are believed of trusted peers only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from stillwatch.exchange.formats.format import first_of
from stillwatch.exchange.formats.messages import reasoning_asked
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.response.request import Request

Headers = Sequence[tuple[str, str]]  # Names in lower case.
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FACTS = ("account", "country", "asn", "plan", "verification", "account_age_s", "owner_country", "ja4", "at_us")
_ENDINGS = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/responses": "responses",
    "/messages": "messages",
    "/generate": "generate",
    "/api/chat": "chat",
}
_BYTES_A_TOKEN = 4  # English prose in the common tokenisers; the counters settle by the true count afterwards.
_CACHED_MOST = 1 << 16
# Most requests have none of these, and are not looked at further.
_REASONING = frozenset(
    {"reasoning_effort", "reasoning", "thinking", "chat_template_kwargs", "enable_thinking", "include_reasoning"}
)
_LOGPROBS = frozenset({"logprobs", "top_logprobs", "prompt_logprobs", "return_logprob", "include"})
_OF_PROXIES = frozenset({"forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"})


def endpoint_of(method: str, path: str) -> str:
    """Return what kind of answer a path asks a model for, or "" where it asks for none.

    Told by the path's ending, since providers differ in what comes before it; case, doubled and trailing slashes
    don't matter, so that an odd spelling that a server accepts is no way around.
    """
    if method != "POST":
        return ""
    parts = [part for part in path.lower().split("/") if part]
    ending = "/" + "/".join(parts[-2:])
    return _ENDINGS.get(ending) or _ENDINGS.get("/" + parts[-1] if parts else "", "")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts about a caller come from.

    Attributes:
        peers: Networks of the load balancers whose header fields are believed. None by default.
        headers: For each of ``FACTS`` that they tell, the header field, in lower case.
        key_headers: Fields that carry an API key, the first present one counts; the others are not passed on, so that
            nobody is counted under one key and served under another.
    """

    peers: tuple[Network, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    key_headers: tuple[str, ...] = ("authorization", "x-api-key", "api-key")


class Caller(NamedTuple):  # Made at every request: a tuple takes a quarter of a frozen dataclass's time.
    """Who asks, as far as is known.

    Attributes:
        account_id: As the log has it: the provider's own id, or a pseudonym made from the key or the address.
        account: Its 64-bit pseudonym, under which standings are kept.
        address: Of the client, empty for unknown.
        trusted: The request came through a trusted peer.
        at_us: When the peer says that the request is, in microseconds since 1970; 0 for now. For traffic that is
            replayed: whoever configures this fact lets the peer say what time it is.
    """

    account_id: str
    account: int
    address: str = ""
    trusted: bool = False
    country: str = ""
    asn: int = 0
    plan: str = ""
    verification: str = ""
    account_age_s: int = -1
    owner_country: str = ""
    ja4: str = ""
    at_us: int = 0


class Callers:
    """Recognises callers.

    An API key becomes an account id that only the holder of the pseudonyms' key can make again; the key itself goes
    nowhere but to the model server. Requests without a key are told apart by address.

    Args:
        pseudonyms: The operator's keyed hashes.
        sources: What to believe.
    """

    def __init__(self, pseudonyms: Pseudonyms, sources: Sources) -> None:
        """Keep both."""
        self._pseudonyms = pseudonyms
        self._sources = sources
        self._trusts = lru_cache(_CACHED_MOST)(self._is_trusted)
        self._account = lru_cache(_CACHED_MOST)(lambda account_id: pseudonyms.hash_one("account_id", account_id))
        told = {name for name in sources.headers.values() if name}
        self._told = frozenset(told)
        self._spare = lru_cache(64)(self._spare_of)

    def of(self, held: Mapping[str, str], peer: str) -> Caller:
        """Return who sent a request with the header fields ``held`` over a connection from ``peer``."""
        trusted = bool(self._sources.peers) and self._trusts(peer)
        address = self._client_address(held.get("x-forwarded-for", ""), peer) if trusted else peer
        if not trusted:
            account_id = self._account_id(held, address)
            return Caller(account_id, self._account(account_id), address)
        told = {fact: held[name].strip() for fact, name in self._sources.headers.items() if held.get(name)}
        account_id = told.get("account", "")[:256] or self._account_id(held, address)
        country, owner = told.get("country", ""), told.get("owner_country", "")
        return Caller(
            account_id,
            self._account(account_id),
            address,
            trusted,
            country=country.upper() if len(country) == 2 else "",
            asn=_whole(told.get("asn", "").upper().removeprefix("AS"), 0),
            plan=told.get("plan", "")[:64],
            verification=told.get("verification", "")[:64],
            account_age_s=_whole(told.get("account_age_s", ""), -1),
            owner_country=owner.upper() if len(owner) == 2 else "",
            ja4=told.get("ja4", "")[:64],
            at_us=_whole(told.get("at_us", ""), 0),
        )

    def ambiguous(self, headers: Headers) -> bool:
        """Tell whether a field that says who asks stands there twice: two servers could take two different ones."""
        names = [name for name, _ in headers if name in self._told or name in self._sources.key_headers]
        return len(set(names)) < len(names)

    def left_behind(self, held: Mapping[str, str], trusted: bool) -> frozenset[str]:
        """Return the fields that the model server may not see: spare keys, and facts that nobody vouches for."""
        for name in self._sources.key_headers:
            if name in held:
                return self._spare(name, trusted)
        return self._spare("", trusted)

    def _spare_of(self, used: str, trusted: bool) -> frozenset[str]:
        spare = frozenset(self._sources.key_headers) - {used}
        return spare if trusted else spare | self._told | _OF_PROXIES

    def _account_id(self, held: Mapping[str, str], address: str) -> str:
        for name in self._sources.key_headers:
            if value := held.get(name):
                scheme, _, credential = value.strip().partition(" ")
                secret = credential.strip() if credential and scheme.lower() == "bearer" else value.strip()
                return f"key_{self._pseudonyms.hash_one('api_key', secret):016x}"
        return f"address_{self._pseudonyms.hash_one('client_address', address):016x}"

    def _is_trusted(self, peer: str) -> bool:
        parsed = _address(peer)
        return parsed is not None and any(parsed in network for network in self._sources.peers)

    def _client_address(self, forwarded: str, peer: str) -> str:
        """Return the nearest address that no trusted peer has: what stands further left is the client's own word."""
        for each in reversed(forwarded.split(",")):
            address = each.strip().strip('"').removeprefix("[").partition("]")[0]
            if _address(address) is None:
                break
            if not self._trusts(address):
                return address
            peer = address
        return peer


@lru_cache(4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else otherwise


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return networks from texts such as ``10.0.0.0/8`` or single addresses.

    Raises:
        ValueError: If one is neither.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip())


def request_of(caller: Caller, body: Mapping[str, Any], body_bytes: int, at_us: int) -> Request:
    """Return the facts that a decision is made from; ``body`` is empty where the request is none to a model."""
    model = body.get("model")
    most = first_of(body, "max_completion_tokens", "max_output_tokens", "max_tokens")
    temperature: Any = body.get("temperature")
    return Request(
        account=caller.account,
        at_us=at_us,
        model=model if isinstance(model, str) else "",
        input_tokens=body_bytes // _BYTES_A_TOKEN,
        max_output_tokens=most if type(most) is int and 0 < most < 1 << 40 else 0,
        country=caller.country,
        asn=caller.asn,
        plan=caller.plan,
        verification=caller.verification,
        account_age_s=caller.account_age_s,
        stream=body.get("stream") is True,
        wants_reasoning=not _REASONING.isdisjoint(body) and reasoning_asked(body),
        wants_logprobs=not _LOGPROBS.isdisjoint(body) and _wants_logprobs(body),
        temperature=float(temperature) if type(temperature) in (int, float) and 0 <= temperature < 100 else -1.0,
        owner_country=caller.owner_country,
    )


def _wants_logprobs(body: Mapping[str, Any]) -> bool:
    asked = [body.get(name) for name in ("logprobs", "top_logprobs", "prompt_logprobs", "return_logprob")]
    if any(value is not None and value is not False for value in asked):
        return True
    include = body.get("include")
    return isinstance(include, list) and "message.output_text.logprobs" in include


def wants_object(body: Any) -> dict[str, Any]:
    """Return a parsed body as an object with text keys, or an empty one where it is something else."""
    return body if isinstance(body, dict) else {}
