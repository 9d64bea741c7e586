"""What is to be sent: simulated exchanges with their truth, and each as a request to a model server's API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.range.benign import benign
from stillwatch.range.draft import joined_drafts
from stillwatch.range.operation import operated
from stillwatch.range.roster import Integers, joined
from stillwatch.range.simulation import Simulation, stream, window_of
from stillwatch.range.tables import account_ids, account_table, exchange_ids, exchange_table

PATH = "/v1/chat/completions"
SIMULATED_TIME = "x-stillwatch-simulated-time"
# What the gateway is told of each request, as its trusted load balancer would tell it: fact, and column.
FACTS = {
    "account": ("x-account-id", "account_id"),
    "country": ("x-client-country", "client_country"),
    "asn": ("x-client-asn", "client_asn"),
    "ja4": ("x-client-ja4", "tls_ja4"),
}
_STREAMED_EVERY = 3  # One request in so many asks for a streamed answer.
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Traffic:
    """Exchanges to be sent, in order of time, and who is behind them.

    Attributes:
        accounts: A table of ``ACCOUNT_SCHEMA``.
        exchanges: A table of ``EXCHANGE_SCHEMA``; the status is what the model server is to answer.
        time_us: Shape (exchanges,), ascending, microseconds since 1970.
        hostile: Shape (exchanges,). Whether the account belongs to a campaign.
        extraction: Shape (exchanges,). Whether the exchange is there to take the answer away, not as cover.
        members: Account ids of the campaigns.
    """

    accounts: pa.Table
    exchanges: pa.Table
    time_us: Integers
    hostile: NDArray[np.bool_]
    extraction: NDArray[np.bool_]
    members: frozenset[str]

    def __len__(self) -> int:
        """Count the exchanges."""
        return len(self.time_us)

    def requests(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the requests of rows ``begin`` up to ``end``, as bytes on the wire."""
        for low in range(begin, end, _AT_ONCE):
            rows = self.exchanges.slice(low, min(end, low + _AT_ONCE) - low).to_pylist()
            times = self.time_us[low : low + len(rows)].tolist()
            for number, (row, at_us) in enumerate(zip(rows, times, strict=True), low):
                yield request(row, at_us, streamed=number % _STREAMED_EVERY == 0)


def composed(spec: Simulation) -> Traffic:
    """Return the traffic of a simulation, held in memory with its truth. Equal specifications give equal traffic."""
    window = window_of(spec.start, spec.days)
    roster, drafts = benign(stream(spec.seed, "benign"), spec.benign, window)
    rosters, before = [roster], len(roster)
    for number, campaign in enumerate(spec.campaigns):
        more_accounts, more = operated(stream(spec.seed, campaign.name), campaign, number, spec.scale, window)
        for draft in more:
            draft.account[:] += before
        before += len(more_accounts)
        rosters.append(more_accounts)
        drafts += more
    everybody, draft = joined(rosters), joined_drafts(drafts)
    draft = draft.take(np.argsort(draft.time_us, kind="stable"))
    account_id = account_ids(everybody)
    of_campaign = everybody.campaign >= 0
    return Traffic(
        accounts=account_table(everybody, account_id),
        exchanges=exchange_table(draft, exchange_ids(0, len(draft), spec.seed), account_id),
        time_us=draft.time_us,
        hostile=of_campaign[draft.account],
        extraction=np.asarray(draft.extraction, np.bool_),
        members=frozenset(account_id.filter(pa.array(of_campaign)).to_pylist()),
    )


def request(row: dict[str, Any], at_us: int, *, streamed: bool) -> bytes:
    """Return one exchange as a request: what a load balancer would hand to the gateway.

    The body's metadata tells the mock model server what to answer. Earlier turns are there as a word each, so that
    their number is seen.
    """
    messages = [{"role": "system", "content": row["system_instructions"]}] if row["system_instructions"] else []
    for _ in range(min(row["turn"] or 0, 50)):
        messages += [{"role": "user", "content": "earlier"}, {"role": "assistant", "content": "answered"}]
    messages.append({"role": "user", "content": row["prompt"]})
    told = {"status": row["status"], "read": row["input_tokens"], "wrote": row["output_tokens"]}
    body: dict[str, Any] = {"model": row["request_model"], "messages": messages, "metadata": {"range": told}}
    for name, column in (("temperature", "temperature"), ("max_tokens", "max_tokens")):
        if row[column] is not None:
            body[name] = row[column]
    if (row["choice_count"] or 1) > 1:
        body["n"] = row["choice_count"]
    if row["reasoning"]:
        body["reasoning_effort"] = "high"
    if streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    fields = {SIMULATED_TIME: at_us, "user-agent": row["user_agent"], "x-forwarded-for": row["client_address"]}
    fields |= {name: row[column] for name, column in FACTS.values()}
    return wire(orjson.dumps(body), fields)


def wire(body: bytes, fields: dict[str, Any]) -> bytes:
    """Return a request with ``body``; fields without a value are left out."""
    lines = [f"POST {PATH} HTTP/1.1", "host: gateway", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def fact_options() -> list[str]:
    """Return the options of ``stillwatch serve`` that let it believe what ``request`` tells."""
    told = {fact: name for fact, (name, _) in FACTS.items()} | {"at_us": SIMULATED_TIME}
    return ["--trusted-peer", "127.0.0.1/32", *(word for f, n in told.items() for word in ("--fact", f"{f}={n}"))]
