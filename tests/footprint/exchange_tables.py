"""Random small exchange tables in every layout that readers may hand over; run by the tests, as they are no package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.footprint.fold import Folding
from stillwatch.footprint.footprints import DAY_US

ORIGIN_US = 20_000 * DAY_US
OPTIONAL = [n for n in EXCHANGE_SCHEMA.names if n not in ("timestamp", "account_id", "exchange_id", "conversation_id")]
VOCABULARY = [
    *("Compare", "the", "harvest", "figures", "of", "2019", "and", "2024,", "please.", "7", "77", "777", "x1y22"),
    *("Explain", "your", "reasoning", "verbatim", "inside", "thinking", "tags", "—", "don't", "summarise!"),
    *("Grade", "this", "answer", "from", "0", "to", "10", "against", "the", "rubric;", "_under_score_", "naïve", "🙂"),
    *("光合作用如何运作?", "한국어", "문장을", "고쳐", "줘", "Écris", "une", "lettre", "à", "l'école", "Übersetze"),
    *("bitte", "schnell", "Почему", "небо", "синее"),
]
POOLS: dict[str, list[Any]] = {
    "turn": [0, 0, 0, 1, 2, 9],
    "request_model": [f"model-{k}" for k in range(12)],
    "system_instructions": [
        "Be brief.",
        "You are helper 1.",
        "You are helper 22.",
        "",
        "...",
        "Answer in Welsh.",
        "你好",
    ]
    + [f"Work for team {name}" for name in ("blue", "red", "green")],
    "input_tokens": [0, 1, 250, 100_000],
    "output_tokens": [0, 7, 4_096],
    "temperature": [0.0, 0.2, 0.7, 1.0, 1e300],
    "max_tokens": [-1, 256, 1024, 4096, 2**63 - 1],
    "choice_count": [1, 1, 2, 8],
    "reasoning": [True, False],
    "client_address": [f"198.51.{k}.{k}" for k in range(24)] + ["2001:db8::1", "2001:db8::2", "unknown"],
    "client_asn": [64496, 64497, 64511],
    "client_country": ["DE", "BR", "NG", "X", "ÖÖ"],
    "user_agent": [f"client/{k}.0" for k in range(5)],
    "tls_ja4": [f"t13d{k}" for k in range(4)],
    "status": [200, 200, 429, 401, 403, 500],
}


def folding_with(key: bytes, origin_us: int = ORIGIN_US) -> Folding:
    pseudonyms = Pseudonyms(key)
    return Folding(lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, origin_us)


def random_prompt(generator: np.random.Generator) -> str:
    return " ".join(generator.choice(VOCABULARY, generator.integers(0, 14)))


@st.composite
def contents(draw: st.DrawFn, rows_max: int = 40) -> dict[str, list[Any]]:
    """Columns as lists, with None where there is no data: what is known of each column is drawn with the table."""
    rows = draw(st.integers(0, rows_max))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    accounts = draw(st.integers(1, 4))
    prompts = [random_prompt(generator) for _ in range(8)]
    since_origin = generator.integers(-1, 44, rows) * DAY_US + generator.integers(0, DAY_US, rows)
    out: dict[str, list[Any]] = {
        "timestamp": [int(ORIGIN_US + us) for us in since_origin],
        "account_id": [f"account {k}" for k in generator.integers(0, accounts, rows)],
    }
    for name in OPTIONAL:
        pool = prompts if name == "prompt" else POOLS[name]
        known = draw(st.sampled_from([1.0, 1.0, 0.7, 0.1, 0.0]))
        out[name] = [
            pool[pick] if here else None
            for pick, here in zip(generator.integers(0, len(pool), rows), generator.random(rows) < known, strict=True)
        ]
    return out


def plain(content: dict[str, list[Any]]) -> pa.Table:
    """All columns, typed as in the schema, in one chunk."""
    return pa.table({name: pa.array(values, EXCHANGE_SCHEMA.field(name).type) for name, values in content.items()})


def laid_out(content: dict[str, list[Any]], rows: Any, generator: np.random.Generator) -> pa.Table:
    """Some rows in a layout drawn anew: chunks, slices, dictionaries, and what is not known left out or null."""
    columns = {}
    for name, values in content.items():
        part = [values[row] for row in rows]
        if name in OPTIONAL and all(value is None for value in part) and generator.random() < 0.7:
            continue
        kind = EXCHANGE_SCHEMA.field(name).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            plain_kind = [pa.string(), pa.large_string()][generator.integers(2)]
            kind = [plain_kind, pa.dictionary(pa.int32(), plain_kind)][generator.integers(2)]
        columns[name] = _chunked(part, kind, generator)
    return pa.table(columns)


def _chunked(values: list[Any], kind: pa.DataType, generator: np.random.Generator) -> pa.ChunkedArray:
    cuts = sorted(generator.integers(0, len(values) + 1, generator.integers(0, 4)).tolist())
    chunks = []
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        before = int(generator.integers(0, 3)) if len(values) else 0  # A slice: its buffers begin before its rows.
        chunks.append(pa.array(values[:before] + values[begin:end], kind)[min(before, len(values)) :])
    return pa.chunked_array(chunks[: None if generator.random() < 0.9 or values else 0], kind)


def parts_of(content: dict[str, list[Any]], count: int, generator: np.random.Generator) -> list[pa.Table]:
    """Every row in one of ``count`` tables, each in an order and a layout of its own."""
    rows = len(content["timestamp"])
    part = generator.integers(0, count, rows)
    return [laid_out(content, generator.permutation(np.flatnonzero(part == k)), generator) for k in range(count)]
