"""The columns of an exchange and of an account: names, types, and what a scan loses without each.

Names follow OpenTelemetry's GenAI semantic conventions where those have one. A column that a provider
lacks is absent from the table, never filled with a guess, so that "no data" stays distinct from "benign".
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a scan understands."""

    name: str
    type: pa.DataType
    meaning: str
    absence: str  # What a scan loses without it, in words for the person who decides what to log.
    required: bool = False


TIMESTAMP = pa.timestamp("us", "UTC")

EXCHANGE_COLUMNS: tuple[Column, ...] = (
    Column(
        "exchange_id",
        pa.string(),
        "one request and its answer",
        "made from file and row; duplicates across files go unseen",
    ),
    Column("timestamp", TIMESTAMP, "arrival of the request", "nothing can be scanned", required=True),
    Column("account_id", pa.string(), "who pays or signed in", "nothing can be scanned", required=True),
    Column(
        "conversation_id",
        pa.string(),
        "exchanges of one conversation",
        "conversations are counted by turn alone",
    ),
    Column(
        "turn",
        pa.int32(),
        "place in the conversation, from 0",
        "single-shot automation looks like conversation",
    ),
    Column("request_model", pa.string(), "the model asked for", "a pivot to a new release goes unseen"),
    Column(
        "system_instructions",
        pa.large_string(),
        "the system prompt",
        "a shared harness or application is not recognised",
    ),
    Column(
        "prompt",
        pa.large_string(),
        "the last user message",
        "templates, topics, elicitation and shared prompt sets go unseen",
    ),
    Column("input_tokens", pa.int64(), "tokens read", "the size of a campaign is told in exchanges only"),
    Column("output_tokens", pa.int64(), "tokens written", "the size of a campaign is told in exchanges only"),
    Column("temperature", pa.float64(), "sampling temperature", "one setting over a whole pool is seen less well"),
    Column("max_tokens", pa.int64(), "limit on tokens written", "one setting over a whole pool is seen less well"),
    Column("choice_count", pa.int64(), "answers asked for at once", "sampling many answers a prompt goes unseen"),
    Column(
        "reasoning",
        pa.bool_(),
        "a reasoning trace was asked for",
        "reasoning exfiltration is judged by wording alone",
    ),
    Column(
        "client_address",
        pa.string(),
        "address of the client",
        "the network view is lost: shared proxies go unseen",
    ),
    Column("client_asn", pa.int64(), "autonomous system of the client", "networks are told apart by prefix only"),
    Column("client_country", pa.string(), "ISO 3166 code of the client's country", "reports name no countries"),
    Column("user_agent", pa.string(), "client software as it names itself", "the client view weakens"),
    Column(
        "tls_ja4",
        pa.string(),
        "JA4 fingerprint of the TLS client",
        "a client that lies about its name is believed",
    ),
    Column("status", pa.int16(), "HTTP status of the answer", "bans and failover are not seen"),
)

ACCOUNT_COLUMNS: tuple[Column, ...] = (
    Column("account_id", pa.string(), "who pays or signed in", "the table cannot be used", required=True),
    Column("created_at", TIMESTAMP, "when the account was opened", "sign-up cohorts are judged by first use"),
    Column("plan", pa.string(), "free, pro, api, …", "accounts are compared with all plans at once"),
    Column("email_domain", pa.string(), "domain of the account's mail", "shared and disposable domains go unseen"),
    Column(
        "payment_fingerprint",
        pa.string(),
        "the card or other means of payment; null for none",
        "the payment view is lost",
    ),
    Column(
        "organization_id",
        pa.string(),
        "organisation on file; null for none",
        "known organisations are not recognised as such",
    ),
    Column(
        "billing_country",
        pa.string(),
        "ISO 3166 code of the payer's country",
        "reports name no billing countries",
    ),
    Column("verification_level", pa.string(), "none, phone, id", "verified identities carry no weight"),
)


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of ``columns``, in their order."""
    return pa.schema([pa.field(column.name, column.type, nullable=not column.required) for column in columns])


EXCHANGE_SCHEMA = schema_of(EXCHANGE_COLUMNS)
ACCOUNT_SCHEMA = schema_of(ACCOUNT_COLUMNS)
