"""The configuration of one distillation: a YAML file, checked before anything is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from stillwatch.lab.cost import Prices
from stillwatch.lab.defences.registry import defence_named

BUILT_IN = "built-in"
MODES = ("sampled answers", "offline logits", "on-policy")
STUDENTS = PASSIVE, ADAPTIVE, INFERRING, IN_PARTS = "passive", "adaptive", "inferring", "asking in parts"


@dataclass(frozen=True, slots=True)
class Distillation:
    """What to distil from whom, how, and at which prices.

    Raises:
        ValueError: If a value is out of range, or two values don't go together.
    """

    task: str = "arithmetic"  # A built-in task, or a JSON-lines file.
    teacher: str = BUILT_IN  # Or a Hugging Face folder, or a .gguf file.
    student: str = BUILT_IN
    exchanges: int = 1000
    seed: int = 1
    mode: str = MODES[0]
    defence: str = "none"
    student_kind: str = PASSIVE
    temperature: float = 1.0  # At which the teacher answers.
    tokens_most: int = 40  # Of an answer.
    test_problems: int = 1000
    steps: int = 350
    batch: int = 32
    rate: float = 5e-3
    passes_most: int = 100
    likeliest: int = 8  # Log-probabilities a place, in the mode of offline logits.
    own_share: float = 0.5  # Of steps on the student's own answers, in the mode on-policy.
    prices: Prices = field(default_factory=Prices)

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("exchanges", "tokens_most", "test_problems", "steps", "batch", "passes_most", "likeliest"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.seed < 0 or self.temperature < 0 or self.rate <= 0 or not 0 <= self.own_share <= 1:
            raise ValueError("seed and temperature must not be negative, rate must be positive, own_share in [0, 1]")
        _one_of("mode", self.mode, MODES)
        _one_of("student_kind", self.student_kind, STUDENTS)
        defence = defence_named(self.defence)
        if self.mode == MODES[1] and not defence.logprobs:
            raise ValueError(f"the defence {defence.name!r} gives no log-probabilities: mode {MODES[0]!r} is left")
        if self.student_kind == IN_PARTS and defence.false_statements:
            raise ValueError(f"a student {IN_PARTS} would go on from false answers, which the lab does not play out")
        if self.mode == MODES[2] and defence.name != "none":
            raise ValueError("on-policy is for one's own models: no defence stands between")

    def told(self) -> dict[str, Any]:
        """Return all values as plain data."""
        return asdict(self)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def read_configuration(path: Path) -> Distillation:
    """Read a distillation from a YAML file; what it does not name keeps its default.

    Raises:
        ValueError: If it can't be read, a key is unknown, or a value is of the wrong kind or out of range. The message
            names file and key.
    """
    try:
        held = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is not YAML") from error
    held = {} if held is None else held
    if not isinstance(held, dict):
        raise ValueError(f"{path}: holds no `key: value` pairs")
    try:
        checked = _checked(held, {entry.name: entry.default for entry in fields(Distillation)}, "")
        if "prices" in held:
            if not isinstance(held["prices"], dict):
                raise ValueError("prices: needs `key: value` pairs")
            known = {entry.name: entry.default for entry in fields(Prices)}
            checked["prices"] = Prices(**_checked(held["prices"], known, "prices."))
        return Distillation(**checked)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(held: dict[Any, Any], known: dict[str, Any], under: str) -> dict[str, Any]:
    """Return the values of known keys; a whole number is welcome where a fraction is expected, not the reverse."""
    told = {}
    for key, value in held.items():
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            raise ValueError(f"{under}{key} is unknown" + (f"; did you mean {near[0]}?" if near else ""))
        kind = type(known[key])
        if kind in (int, float, str):
            if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
                raise ValueError(f"{under}{key}: {value!r} is not {_WORDS[kind]}")
            told[key] = kind(value)
    return told


_WORDS = {int: "a whole number", float: "a number", str: "text"}
