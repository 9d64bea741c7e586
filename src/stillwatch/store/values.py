"""A value file on disk: what exchanges are worth, one JSON file that people can read and write."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from stillwatch.case.value import Point, Value, ValueCurve
from stillwatch.exchange.discovery import SourceError
from stillwatch.store.atomic import atomic_file

SCHEMA = 1  # Raised whenever a name or a meaning below changes; additions leave it as it is.
_WHAT = "stillwatch value"
_HINT = "write one with: stillwatch lab curve --out DIR"


def write_value(path: Path, value: Value) -> None:
    """Write a value file; it takes the place of ``path`` whole or not at all.

    Raises:
        OSError: If the file cannot be written.
    """
    held = {"what": _WHAT, "schema": SCHEMA} | asdict(value) | {"versions": dict(value.versions)}
    with atomic_file(path) as stream:
        stream.write(orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_value(path: Path) -> Value:
    """Read what ``write_value`` or a person wrote.

    Raises:
        SourceError: If the file cannot be read, is no value file, is of another schema, or holds a figure out of
            range; the message names the entry.
    """
    try:
        held = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", _HINT) from error
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{path}: is no JSON: {error}", _HINT) from error
    if not isinstance(held, dict) or held.get("what") != _WHAT:
        raise SourceError(f"{path}: is no value file", _HINT)
    if held.get("schema") != SCHEMA:
        raise SourceError(f"{path}: is of schema {held.get('schema')!r}, and this version reads {SCHEMA}", _HINT)
    try:
        return Value(
            str(held["stillwatch_version"]),
            tuple((str(what), str(version)) for what, version in dict(held.get("versions") or {}).items()),
            _text(held, "teacher"),
            _text(held, "student"),
            tuple(_curve(entry, f"curves[{row}]") for row, entry in enumerate(held["curves"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise SourceError(f"{path}: {what}", "draw it again, or mend the value") from error


def _curve(held: dict[str, Any], where: str) -> ValueCurve:
    try:
        points = tuple(
            Point(
                _whole(point, "exchanges"),
                _number(point, "accuracy"),
                _number(point, "low"),
                _number(point, "high"),
                None if point.get("usd_per_point") is None else _number(point, "usd_per_point"),
            )
            for point in held["points"]
        )
        guess, teacher = _number(held, "guess"), _number(held, "teacher_accuracy")
        return ValueCurve(_text(held, "task"), _text(held, "student"), _whole(held, "seeds"), guess, teacher, points)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{where}: {error}") from error


def _text(held: dict[str, Any], name: str) -> str:
    if not isinstance(held[name], str) or not held[name]:
        raise ValueError(f"{name} must be text, not {held[name]!r}")
    return str(held[name])


def _number(held: dict[str, Any], name: str) -> float:
    if isinstance(held[name], bool) or not isinstance(held[name], int | float):
        raise ValueError(f"{name} must be a number, not {held[name]!r}")
    return float(held[name])


def _whole(held: dict[str, Any], name: str) -> int:
    if isinstance(held[name], bool) or not isinstance(held[name], int):
        raise ValueError(f"{name} must be a whole number, not {held[name]!r}")
    return int(held[name])
