"""Drafts and rosters written out as the tables that a provider has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.exchange.schema import ACCOUNT_SCHEMA, EXCHANGE_SCHEMA, TIMESTAMP
from stillwatch.range.clients import AGENTS, JA4S
from stillwatch.range.countries import COUNTRIES
from stillwatch.range.draft import Draft
from stillwatch.range.draws import mixed, unit
from stillwatch.range.kinds import KINDS
from stillwatch.range.mail import domain
from stillwatch.range.networks import asn_of, country_of, written
from stillwatch.range.roster import MODELS, PLANS, VERIFICATION, Keys, Roster
from stillwatch.range.texts.instructions import systems
from stillwatch.range.texts.prompts import written as prompts_written

_ALPHABET = np.frombuffer(b"abcdefghijkmnpqrstuvwxyz23456789", np.uint8)
_ID_LETTERS = 13  # Five bits each.
_HISTORY_TOKENS = 380  # That each earlier turn adds to what is read.
# Columns that a log lacks now and then, and how often.
_MISSING = {
    "conversation_id": 0.01,
    "client_address": 0.002,
    "client_asn": 0.01,
    "client_country": 0.01,
    "user_agent": 0.01,
    "tls_ja4": 0.03,
}


def identifiers(prefix: str, keys: Keys) -> Any:
    """Return one identifier a key, with nothing in it but the key's mixed bits."""
    bits = mixed(keys, 601)
    shifts = np.arange(_ID_LETTERS, dtype=np.uint64) * np.uint64(5)
    letters = _ALPHABET[((bits[:, None] >> shifts) & np.uint64(31)).astype(np.int64)]
    head = np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (len(keys), len(prefix)))
    data = np.ascontiguousarray(np.concatenate([head, letters], axis=1)) if len(keys) else np.zeros((0, 1), np.uint8)
    width = len(prefix) + _ID_LETTERS
    offsets = np.arange(len(keys) + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes()))


def _looked_up(values: Sequence[str], index: NDArray[np.int64]) -> Any:
    return pa.array(values, pa.string()).take(pa.array(index))


def _timestamps(microseconds: NDArray[np.int64]) -> Any:
    return pa.array(microseconds, pa.int64()).cast(TIMESTAMP)


def exchange_ids(low: int, high: int, seed: int) -> Any:
    """Return the identifiers of the exchanges at places ``low`` up to ``high`` in order of time."""
    return identifiers("xch_", np.arange(low, high, dtype=np.uint64) + np.uint64((seed % (1 << 31)) << 32))


def account_ids(roster: Roster) -> Any:
    """Return the identifier of each account."""
    return identifiers("acct_", roster.key)


def exchange_table(draft: Draft, ids: Any, account_id: Any) -> pa.Table:
    """Return a table of ``EXCHANGE_SCHEMA``.

    Args:
        draft: The exchanges.
        ids: Their identifiers.
        account_id: The identifier of every account of the roster.
    """
    prompt = prompts_written(draft.plan)
    system = systems(draft.system)
    letters = pc.add(pc.utf8_length(prompt), pc.fill_null(pc.utf8_length(system), 0)).to_numpy(zero_copy_only=False)
    noise = 0.85 + 0.3 * unit(draft.plan.item + draft.turn.astype(np.uint64), 611)
    tokens = 8 + letters / 4.2 * noise + draft.turn * _HISTORY_TOKENS * noise
    country = [entry.code for entry in COUNTRIES]
    columns = {
        "exchange_id": ids,
        "timestamp": _timestamps(draft.time_us),
        "account_id": account_id.take(pa.array(draft.account)),
        "conversation_id": identifiers("conv_", draft.conversation),
        "turn": pa.array(draft.turn.astype(np.int32)),
        "request_model": _looked_up(MODELS, draft.model),
        "system_instructions": system,
        "prompt": prompt,
        "input_tokens": pa.array(tokens.astype(np.int64)),
        "output_tokens": pa.array(draft.output_tokens),
        "temperature": pa.array(draft.temperature, mask=np.isnan(draft.temperature)),
        "max_tokens": pa.array(draft.max_tokens, mask=draft.max_tokens == 0),
        "choice_count": pa.array(draft.choice_count.astype(np.int64)),
        "reasoning": pa.array(draft.reasoning),
        "client_address": written(draft.address),
        "client_asn": pa.array(asn_of(draft.address)),
        "client_country": _looked_up(country, country_of(draft.address)),
        "user_agent": _looked_up(AGENTS, draft.client),
        "tls_ja4": _looked_up(JA4S, draft.client),
        "status": pa.array(draft.status.astype(np.int16)),
    }
    for place, (name, share) in enumerate(_MISSING.items()):
        gone = unit(draft.plan.item + draft.turn.astype(np.uint64), 620 + place) < share
        columns[name] = pc.if_else(pa.array(gone), pa.scalar(None, columns[name].type), columns[name])
    return pa.table([columns[name] for name in EXCHANGE_SCHEMA.names], schema=EXCHANGE_SCHEMA)


def account_table(roster: Roster, account_id: Any) -> pa.Table:
    """Return a table of ``ACCOUNT_SCHEMA``, one row an account of the roster, in its order."""
    country = [entry.code for entry in COUNTRIES]
    distinct, place = np.unique(roster.mail, return_inverse=True)
    card = identifiers("card_", roster.card)
    organization = identifiers("org_", roster.organization)
    none = pa.scalar(None, pa.string())
    columns = {
        "account_id": account_id,
        "created_at": _timestamps(roster.created_us),
        "plan": _looked_up(PLANS, roster.plan),
        "email_domain": _looked_up([domain(code) for code in distinct.tolist()], place),
        "payment_fingerprint": pc.if_else(pa.array(roster.card > 0), card, none),
        "organization_id": pc.if_else(pa.array(roster.organization > 0), organization, none),
        "billing_country": pc.if_else(
            pa.array((roster.card > 0) | (unit(roster.key, 631) < 0.3)), _looked_up(country, roster.billing), none
        ),
        "verification_level": _looked_up(VERIFICATION, roster.verification),
    }
    return pa.table([columns[name] for name in ACCOUNT_SCHEMA.names], schema=ACCOUNT_SCHEMA)


def truth_table(roster: Roster, account_id: Any, campaigns: Sequence[str]) -> pa.Table:
    """Return who is what: account_id, kind ("campaign" for a campaign's accounts) and campaign (null for benign)."""
    kinds = [kind.name for kind in KINDS]
    kind = _looked_up([*kinds, "campaign"], np.where(roster.kind < 0, len(kinds), roster.kind))
    hostile = pa.array(roster.campaign, mask=roster.campaign < 0)
    return pa.table(
        {
            "account_id": account_id,
            "kind": kind,
            "campaign": pa.array(list(campaigns), pa.string()).take(hostile),
        }
    )
