"""What a door knows of a request when it asks for a decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """The facts of one request. A default says "unknown", and a policy's rules see it as such.

    Attributes:
        account: 64-bit keyed pseudonym: ``Pseudonyms.hash_one("account_id", account id)``.
        at_us: Arrival, in microseconds since 1970.
        model: As asked for.
        input_tokens: An estimate; 0 for unknown.
        max_output_tokens: As the client bounds the answer; 0 for no bound.
        country: ISO 3166 code of where the request comes from, in upper case. Only from a trusted source.
        asn: Autonomous system of the client; 0 for unknown.
        plan: free, pro, api, …; empty: what the standing says holds.
        verification: none, phone, id, …; empty: what the standing says holds.
        account_age_s: Seconds since the account was opened; -1: what the standing says holds.
        stream: The answer is to be streamed.
        wants_reasoning: A reasoning trace is asked for.
        wants_logprobs: Log-probabilities are asked for.
        temperature: -1 for unset.
        owner_country: ISO 3166 code of the country that the account's owner belongs to in the end, which for firms is
            a question of ownership and not of addresses; empty: what the standing says holds.
    """

    account: int
    at_us: int
    model: str = ""
    input_tokens: int = 0
    max_output_tokens: int = 0
    country: str = ""
    asn: int = 0
    plan: str = ""
    verification: str = ""
    account_age_s: int = -1
    stream: bool = False
    wants_reasoning: bool = False
    wants_logprobs: bool = False
    temperature: float = -1.0
    owner_country: str = ""
