"""The columns of a written result."""

from __future__ import annotations

import pyarrow as pa

from stillwatch.exchange.schema import TIMESTAMP


def _rows(**fields: pa.DataType) -> pa.DataType:
    """Return the type of a list of structs with ``fields``."""
    return pa.list_(pa.struct(list(fields.items())))


_VIEWS = _rows(view=pa.string(), nats=pa.float64(), finding=pa.string(), linked=pa.bool_())

# One row an account. An account in no campaign has a score, nulls, and no reasons.
RESULT_ACCOUNTS = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("flagged", pa.bool_(), nullable=False),
        ("campaign_id", pa.string()),
        ("flagged_at", TIMESTAMP),
        ("log_odds", pa.float64()),
        pa.field("reasons", _rows(view=pa.string(), text=pa.string(), nats=pa.float64()), nullable=False),
    ]
)

# One row a campaign: all its figures, and its graph so that it can be drawn again.
RESULT_CAMPAIGNS = pa.schema(
    [
        pa.field("campaign_id", pa.string(), nullable=False),
        ("summary", pa.string()),
        ("nats", pa.float64()),
        ("accounts", pa.int64()),
        ("exchanges", pa.int64()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("flagged_at", TIMESTAMP),
        ("eliciting_share", pa.float64()),
        ("exchanges_by_day", _rows(day=pa.date32(), exchanges=pa.int64())),
        ("countries", _rows(country=pa.string(), accounts=pa.int64())),
        ("networks", _rows(asn=pa.int64(), accounts=pa.int64())),
        ("models", _rows(model=pa.string(), exchanges=pa.int64())),
        ("capabilities", _rows(capability=pa.string(), share=pa.float64())),
        (
            "shared",
            _rows(view=pa.string(), label=pa.string(), accounts=pa.int64(), accounts_elsewhere=pa.int64()),
        ),
        ("evidence", _VIEWS),
        ("explanations", _rows(name=pa.string(), claim=pa.string(), outcome=pa.string(), nats=pa.float64())),
        (
            "graph",
            pa.struct(
                [
                    ("accounts", pa.list_(pa.string())),
                    ("values", _rows(view=pa.string(), label=pa.string())),
                    ("edges", _rows(account=pa.int32(), value=pa.int32(), nats=pa.float64())),
                    ("accounts_total", pa.int64()),
                ]
            ),
        ),
    ]
)
