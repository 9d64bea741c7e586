"""A baseline on disk: one JSON file that people can read, and that holds no identifier."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import Any

import orjson

from stillwatch.campaign.baseline import Baseline, CommunityTail
from stillwatch.evidence.baseline import UNKNOWN, Habits, with_limits
from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.exchange.discovery import SourceError
from stillwatch.store.atomic import atomic_file

SCHEMA = 1  # Raised whenever a name or a meaning below changes; additions leave it as it is.
_WHAT = "stillwatch baseline"
_HINT = "write one with: stillwatch baseline HISTORY --out FILE"
_WHOLE = frozenset({"night_h", "kind_accounts_least"})
_SHARES = frozenset(
    {"night_share", "topic_cosine", "template_collision", "setting_collision", "collision_most"}
    | {field.name for field in dataclasses.fields(Benign) if field.name.endswith("_share")}
)


def as_json(baseline: Baseline) -> dict[str, Any]:
    """Return a baseline as plain values: what the file holds."""
    return {
        "what": _WHAT,
        "schema": SCHEMA,
        "stillwatch_version": baseline.stillwatch_version,
        "learnt_at": _text(baseline.learnt_at),
        "history": {
            "first_seen": _text(baseline.first_seen),
            "last_seen": _text(baseline.last_seen),
            "exchanges": baseline.exchanges,
            "accounts": baseline.accounts,
        },
        "kinds": [_habits(each) for each in baseline.habits],
        "communities": {
            "tested": baseline.communities.communities,
            "quantiles": [{"share": share, "nats": nats} for share, nats in baseline.communities.quantiles],
            "offset_nats": baseline.communities.offset_nats,
            "headroom_nats": baseline.communities.headroom_nats,
        },
    }


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline; it takes the place of ``path`` whole or not at all.

    Raises:
        OSError: If the file cannot be written.
    """
    text = orjson.dumps(as_json(baseline), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    with atomic_file(path) as stream:
        stream.write(text)


def read_baseline(path: Path) -> Baseline:
    """Read what ``write_baseline`` wrote, or a person edited.

    Raises:
        SourceError: If the file cannot be read, is no baseline, is of another schema, or holds a value out of range.
    """
    try:
        held = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", _HINT) from error
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{path}: is no JSON: {error}", _HINT) from error
    if not isinstance(held, dict) or held.get("what") != _WHAT:
        raise SourceError(f"{path}: is no baseline", _HINT)
    if held.get("schema") != SCHEMA:
        raise SourceError(f"{path}: is of schema {held.get('schema')!r}, and this version reads {SCHEMA}", _HINT)
    try:
        return _baseline(held)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise SourceError(f"{path}: {what}", "learn it again, or mend the value") from error


def _baseline(held: dict[str, Any]) -> Baseline:
    history, communities = held["history"], held["communities"]
    offset = float(communities["offset_nats"])
    if not 0 <= offset < math.inf:
        raise ValueError(f"communities.offset_nats must be at least 0, not {offset}")
    habits = tuple(_habits_of(each) for each in held["kinds"])
    if not habits or habits[0].kind is not None:
        raise ValueError("the first of kinds must be everyone, without a plan")
    return Baseline(
        stillwatch_version=str(held["stillwatch_version"]),
        learnt_at=dt.datetime.fromisoformat(held["learnt_at"]),
        first_seen=dt.datetime.fromisoformat(history["first_seen"]),
        last_seen=dt.datetime.fromisoformat(history["last_seen"]),
        exchanges=int(history["exchanges"]),
        accounts=int(history["accounts"]),
        habits=habits,
        communities=CommunityTail(
            communities=int(communities["tested"]),
            quantiles=tuple((float(row["share"]), float(row["nats"])) for row in communities["quantiles"]),
            offset_nats=offset,
            headroom_nats=float(communities["headroom_nats"]),
        ),
    )


def _habits(habits: Habits) -> dict[str, Any]:
    plan, verification = habits.kind or (None, None)
    return {
        "plan": plan,
        "verification_level": verification,
        "accounts": habits.accounts,
        "limits": dataclasses.asdict(habits.benign),
        "learnt_from_accounts": dict(habits.learnt_from),
    }


def _habits_of(held: dict[str, Any]) -> Habits:
    limits = dataclasses.asdict(BENIGN)
    for name, value in held["limits"].items():
        if name not in limits:
            raise ValueError(f"there is no limit {name!r}")
        limits[name] = _checked(name, value)
    plan = held["plan"]
    kind = None if plan is None else (str(plan), str(held["verification_level"] or UNKNOWN))
    learnt = tuple(sorted((str(name), int(count)) for name, count in held["learnt_from_accounts"].items()))
    return Habits(kind, int(held["accounts"]), with_limits(BENIGN, limits), learnt)


def _checked(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a positive number, not {value!r}")
    if name in _SHARES and value >= 1:
        raise ValueError(f"{name} must be below 1, not {value!r}")
    if name in _WHOLE and value != int(value):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(value) if name in _WHOLE else float(value)


def _text(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
