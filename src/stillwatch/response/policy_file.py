"""A policy on disk: read, checked as a whole before it is used, and refused with file, line, rule and a hint."""

from __future__ import annotations

import csv
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from stillwatch.response.expression import ConditionError, Conditions
from stillwatch.response.features import BY_NAME, FEATURES, RUNG_NAMES, Value, checked
from stillwatch.response.ladder import WORDS, Rung
from stillwatch.response.located_yaml import Located, YamlError, plain, read_located
from stillwatch.response.overlay import FileMark, file_mark
from stillwatch.response.policy import SUBJECTS, Example, Ladder, LimitRule, Policy, Rule

VERSION = 1
DEFAULT_POLICY = Path(__file__).with_name("default_policy.yaml")
_PERIODS_S = {"second": 1, "s": 1, "minute": 60, "min": 60, "hour": 3_600, "h": 3_600, "day": 86_400, "d": 86_400}
_AMOUNT = re.compile(r"^\s*([0-9][0-9_,]*(?:\.[0-9]+)?)\s+(requests?|tokens?)\s+(?:a|an|per|/)\s*([a-z]+)\s*$")
_ID = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
_NAME = re.compile(r"^[A-Za-z_]\w{0,63}$")
_NETWORKS_MOST = 1_000_000
_SAMPLES: Mapping[type, Value] = {bool: True, int: 7, float: 7.0, str: "x"}


class PolicyError(Exception):
    """A policy that cannot be used.

    Args:
        path: The file.
        line: Counted from 1; 0 for the file as a whole.
        rule: The rule's id; empty outside of rules.
        message: What is wrong.
        hint: What would help.
    """

    def __init__(self, path: str, line: int, rule: str, message: str, hint: str) -> None:
        """Keep all, and show them as one line."""
        where = f"{path}, line {line}" if line else path
        rule_part = f", rule {rule!r}" if rule else ""
        super().__init__(f"{where}{rule_part}: {message} ({hint})")
        self.path, self.line, self.rule, self.message, self.hint = path, line, rule, message, hint


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy; without a path, the one that comes with the program.

    Every condition is compiled, is tried on each feature's default and on other values, and must pass the rule's own
    tests, so that what a request can still meet is a condition that fails for its very values; the rule then does
    what its ``on_error`` says.

    Raises:
        PolicyError: If anything is wrong; nothing is half read.
    """
    held = path or DEFAULT_POLICY
    files = {held: file_mark(held)}
    try:
        text = held.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PolicyError(str(held), 0, "", f"cannot be read: {reason}", "check the path") from error
    return parse_policy(text, str(held), held.parent, files)


def parse_policy(text: str, source: str, folder: Path, files: Mapping[Path, FileMark] | None = None) -> Policy:
    """Return the policy that ``text``, read from ``files``, is; further files that it names lie in ``folder``.

    Raises:
        PolicyError: As ``load_policy``.
    """
    try:
        document = read_located(text)
    except YamlError as error:
        raise PolicyError(source, error.line, "", str(error), "see docs/policy.md for a policy's form") from error
    try:
        return _Reading(source, folder, files).policy(document)
    except ImportError as error:
        raise PolicyError(source, 0, "", "conditions cannot be read here", str(error)) from error


class _Reading:
    """One file being read; ``rule`` is where it is."""

    def __init__(self, source: str, folder: Path, files: Mapping[Path, FileMark] | None) -> None:
        self._source, self._folder, self._files = source, folder, dict(files or {})
        self._rule = ""

    def policy(self, document: Located) -> Policy:
        top = self._mapping(
            document,
            "the policy",
            ("version", "name", "enforce", "rules"),
            ("revision", "ladder", "lists", "networks", "networks_file", "tokens", "cache_s", "problems"),
        )
        if top["version"].value != VERSION:
            self._fail(top["version"], f"version {plain(top['version'])!r} is not known", f"write version: {VERSION}")
        lists = self._lists(top.get("lists"))
        rules = [self._one_rule(item) for item in self._list(top["rules"], "rules")]
        for rule, again in itertools.combinations(rules, 2):
            if rule.id == again.id:
                self._fail(Located(None, again.line), f"the id {rule.id!r} is taken in line {rule.line}", "rename one")
        tokens = self._mapping(top.get("tokens", _nothing(document)), "tokens", (), ("assumed_output", "counted_most"))
        constants = {**RUNG_NAMES, **lists}
        for rule in rules:
            self._rule = rule.id
            self._try_condition(rule, constants)
        self._rule = ""
        return Policy(
            name=self._text(top["name"]),
            revision=str(plain(top["revision"])) if "revision" in top else "",
            enforce=self._flag(top["enforce"]),
            rules=rules,
            ladder=self._ladder(top.get("ladder", _nothing(document))),
            lists=lists,
            networks=self._networks(top),
            assumed_output_tokens=self._whole(tokens["assumed_output"]) if "assumed_output" in tokens else 500,
            counted_output_tokens_most=self._whole(tokens["counted_most"]) if "counted_most" in tokens else 4_000,
            cache_s=self._number(top["cache_s"], 0, 60) if "cache_s" in top else 0.0,
            problems=self._text(top["problems"]) if "problems" in top else "urn:stillwatch:problem:",
            files=self._files,
        )

    def _one_rule(self, item: Located) -> Rule:
        self._rule = ""
        held = self._mapping(item, "a rule", ("id", "when", "then", "reason"), ("shadow", "on_error", "tests"))
        rule_id = self._text(held["id"])
        if not _ID.match(rule_id):
            self._fail(held["id"], f"{rule_id!r} is no id", "use lower-case letters, digits, - and _")
        self._rule = rule_id
        then = self._mapping(held["then"], "then", (), ("rung", "most", "limits"))
        if not then:
            self._fail(held["then"], "then does nothing", "give a rung, most or limits")
        asked = plain(then["rung"]) if "rung" in then else None
        when = held["when"]
        on_error = plain(held["on_error"]) if "on_error" in held else "skip"
        if on_error not in ("skip", "fire"):
            self._fail(held["on_error"], f"on_error is skip or fire, not {on_error!r}", "skip: as if it were false")
        rule = Rule(
            id=rule_id,
            when="true" if when.value is True else self._text(when),
            reason=self._text(held["reason"]),
            shadow=self._flag(held["shadow"]) if "shadow" in held else False,
            fires_on_error=on_error == "fire",
            rung=None if asked in (None, "standing") else self._rung(then["rung"]),
            follows_standing=asked == "standing",
            most=self._rung(then["most"]) if "most" in then else None,
            limits=self._limits(then["limits"]) if "limits" in then else (),
            examples=tuple(self._example(each) for each in self._list(held["tests"], "tests"))
            if "tests" in held
            else (),
            line=item.line,
        )
        self._rule = ""
        return rule

    def _example(self, item: Located) -> Example:
        held = self._mapping(item, "a test", ("given", "fires"), ())
        given = self._mapping(held["given"], "given", (), tuple(BY_NAME))
        values = {}
        for name, value in given.items():
            try:
                values[name] = checked(name, plain(value))
            except ValueError as error:
                self._fail(value, str(error), "give a value of the feature's type")
        return Example(values, self._flag(held["fires"]), item.line)

    def _limits(self, item: Located) -> tuple[LimitRule, ...]:
        found = []
        for each in self._list(item, "limits"):
            held = self._mapping(each, "a limit", ("name", "rate"), ("per", "burst", "disclosed"))
            name = self._text(held["name"])
            if not _ID.match(name):  # It stands in header fields, which bear no other signs unescaped.
                self._fail(held["name"], f"{name!r} is no name of a limit", "use lower-case letters, digits, - and _")
            per = plain(held["per"]) if "per" in held else "account"
            if per not in SUBJECTS:
                self._fail(held["per"], f"there is no limit per {per!r}", "there are " + ", ".join(SUBJECTS))
            amount, in_tokens, period_s = self._amount(held["rate"])
            burst = self._number(held["burst"], 0, 1e15) if "burst" in held else amount
            if burst < 1:
                self._fail(held["burst"], f"a burst of {burst:g} lets nothing through", "give at least 1")
            found.append(
                LimitRule(
                    name=name,
                    per=per,
                    in_tokens=in_tokens,
                    rate_per_s=amount / period_s,
                    burst=burst,
                    disclosed=self._flag(held["disclosed"]) if "disclosed" in held else per == "account",
                    salt=int.from_bytes(hashlib.blake2b(f"{per}\0{name}".encode(), digest_size=8).digest(), "little"),
                )
            )
        return tuple(found)

    def _amount(self, item: Located) -> tuple[float, bool, int]:
        text = self._text(item)
        found = _AMOUNT.match(text)
        if not found or found[3] not in _PERIODS_S:
            self._fail(
                item, f"{text!r} is no rate", 'write for instance "60 requests a minute", "1_000_000 tokens a day"'
            )
        amount = float(found[1].replace("_", "").replace(",", ""))
        if not 0 < amount <= 1e15:
            self._fail(item, "a rate is above 0", "to refuse everything, use a rung")
        return amount, found[2].startswith("token"), _PERIODS_S[found[3]]

    def _ladder(self, item: Located) -> Ladder:
        steps = self._mapping(item, "ladder", (), ("slow", "cap", "hide", "mark", "verify", "suspend", "counters_away"))
        step = {
            name: self._mapping(steps[name], name, (), allowed) if name in steps else {}
            for name, allowed in (
                ("slow", ("limits", "detail", "link")),
                ("cap", ("limits", "detail", "link")),
                ("hide", ("reasoning", "logprobs", "answer_only")),
                ("mark", ("key",)),
                ("verify", ("detail", "link")),
                ("suspend", ("detail", "link")),
                ("counters_away", tuple(WORDS)),
            )
        }
        closed = set()
        for word, choice in step["counters_away"].items():
            if plain(choice) not in ("open", "closed"):
                self._fail(choice, f"{plain(choice)!r} is neither open nor closed", "open lets requests pass")
            if plain(choice) == "closed":
                closed.add(WORDS[word])
        told = {name: held for name, held in step.items() if name in ("slow", "cap", "verify", "suspend")}
        return Ladder(
            slow=self._limits(step["slow"]["limits"]) if "limits" in step["slow"] else (),
            cap=self._limits(step["cap"]["limits"]) if "limits" in step["cap"] else (),
            hides_reasoning=self._flag(step["hide"]["reasoning"]) if "reasoning" in step["hide"] else True,
            hides_logprobs=self._flag(step["hide"]["logprobs"]) if "logprobs" in step["hide"] else True,
            answer_only="answer_only" in step["hide"] and self._flag(step["hide"]["answer_only"]),
            mark_key=self._text(step["mark"]["key"]) if "key" in step["mark"] else None,
            details={WORDS[name]: self._text(held["detail"]) for name, held in told.items() if "detail" in held},
            links={WORDS[name]: self._link(held["link"]) for name, held in told.items() if "link" in held},
            closed_when_away=frozenset(closed),
        )

    def _lists(self, item: Located | None) -> dict[str, list[Any]]:
        found = {}
        for name, held in ({} if item is None else self._any_mapping(item, "lists")).items():
            if not _NAME.match(name) or name in BY_NAME or name in RUNG_NAMES:
                self._fail(held, f"{name!r} cannot name a list", "use a name that no feature and no rung has")
            values = [plain(each) for each in self._list(held, name)]
            if len({type(value) for value in values}) > 1 or not all(isinstance(each, str | int) for each in values):
                self._fail(held, f"the list {name!r} must hold texts only or numbers only", "put quotes around texts")
            found[name] = values
        return found

    def _networks(self, top: Mapping[str, Located]) -> dict[int, str]:
        found: dict[int, str] = {}
        if "networks" in top:
            for name, held in self._any_mapping(top["networks"], "networks").items():
                found.update((self._whole(each), name) for each in self._list(held, name))
        if "networks_file" in top:
            item = top["networks_file"]
            path = self._folder / self._text(item)
            self._files[path] = file_mark(path)
            try:
                with path.open(encoding="utf-8", newline="") as file:
                    for row in itertools.islice(csv.DictReader(file), _NETWORKS_MOST):
                        found[int(row["asn"])] = str(row["class"])
            except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
                self._fail(item, f"{path} cannot be read as networks: {error!r}", "give a CSV file: asn,class")
        return found

    def _try_condition(self, rule: Rule, constants: Mapping[str, Any]) -> None:
        """Compile a condition, try it on probes, and run its own tests."""
        here = Located(None, rule.line)
        try:
            conditions = Conditions([rule.when], list(BY_NAME), constants)
        except ConditionError as error:
            near = get_close_matches(str(error).partition("'")[2].rstrip("'"), BY_NAME, 1)
            hint = f"did you mean {near[0]!r}?" if near else "`stillwatch policy features` lists what there is"
            self._fail(here, f"the condition cannot be used: {error}", hint)
        for values in _probes(conditions.used):
            outcome = conditions.evaluate(values)[0]
            if isinstance(outcome, ConditionError):
                shown = ", ".join(f"{name}={value!r}" for name, value in zip(conditions.used, values, strict=True))
                self._fail(here, f"the condition fails at {shown}: {outcome}", "compare values of one type only")
        for example in rule.examples:
            values = [example.given.get(name, BY_NAME[name].default) for name in conditions.used]
            outcome = conditions.evaluate(values)[0]
            if isinstance(outcome, ConditionError):
                self._fail(Located(None, example.line), f"its own test fails: {outcome}", "mend the condition")
            if outcome is not example.fires:
                did = "fires" if outcome else "does not fire"
                self._fail(
                    Located(None, example.line), f"its own test fails: the rule {did}", "mend the rule or the test"
                )

    # Small readers: each returns a checked value or fails with the place.

    def _fail(self, item: Located, message: str, hint: str) -> NoReturn:
        raise PolicyError(self._source, item.line, self._rule, message, hint)

    def _any_mapping(self, item: Located, what: str) -> dict[str, Located]:
        if not isinstance(item.value, dict):
            self._fail(item, f"{what} must be a mapping", "write `name: value` lines")
        return item.value

    def _mapping(
        self, item: Located, what: str, required: Sequence[str], optional: Sequence[str]
    ) -> dict[str, Located]:
        held = self._any_mapping(item, what)
        for name, value in held.items():
            if name not in required and name not in optional:
                near = get_close_matches(name, [*required, *optional], 1)
                hint = f"did you mean {near[0]!r}?" if near else "there are " + ", ".join([*required, *optional])
                self._fail(value, f"{what} has no {name!r}", hint)
        for name in required:
            if name not in held:
                self._fail(item, f"{what} lacks {name!r}", "add it")
        return held

    def _list(self, item: Located, what: str) -> list[Located]:
        if not isinstance(item.value, list):
            self._fail(item, f"{what} must be a list", "write `- item` lines or [item, item]")
        return item.value

    def _text(self, item: Located) -> str:
        if not isinstance(item.value, str) or not item.value.strip():
            self._fail(item, f"{plain(item)!r} is not a text", "put it in quotes")
        return item.value.strip()

    def _link(self, item: Located) -> str:
        text = self._text(item)
        if not re.match(r"^(https?://|/)[^\s<>\"\\]*$", text) or not text.isascii():
            self._fail(item, f"{text!r} is no link", "begin with https:// or /")
        return text

    def _flag(self, item: Located) -> bool:
        if not isinstance(item.value, bool):
            self._fail(item, f"{plain(item)!r} is neither true nor false", "write true or false")
        return item.value

    def _number(self, item: Located, least: float, most: float) -> float:
        value = item.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self._fail(item, f"{plain(item)!r} is no number from {least:g} to {most:g}", "write digits")
        return float(value)

    def _whole(self, item: Located) -> int:
        value = item.value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            self._fail(item, f"{plain(item)!r} is no whole number", "write digits")
        return value

    def _rung(self, item: Located) -> Rung:
        word = plain(item)
        if word not in WORDS:
            self._fail(item, f"{word!r} is not a rung", "there are " + ", ".join(WORDS))
        return WORDS[word]


def _nothing(document: Located) -> Located:
    return Located({}, document.line)


def _probes(used: Sequence[str]) -> Iterator[list[Value]]:
    """Yield each feature's default, then others instead of one, of all, and of all combinations of a few."""
    defaults = [BY_NAME[name].default for name in used]
    others = [_SAMPLES[type(value)] for value in defaults]
    for chosen in itertools.islice(itertools.product((False, True), repeat=len(used)), 256):
        yield [other if take else value for take, value, other in zip(chosen, defaults, others, strict=True)]
    for place in range(len(used)):
        yield [others[k] if k == place else value for k, value in enumerate(defaults)]
    yield others


FEATURE_ROWS = tuple((feature.name, feature.kind, feature.default, feature.meaning) for feature in FEATURES)
