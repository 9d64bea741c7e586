"""Conditions in the Common Expression Language, behind one small interface: the only file that knows the library."""

from __future__ import annotations

import importlib
import importlib.util
import math
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

CHARACTERS_MOST = 2_000  # A deeper nesting could exhaust the parser's stack.
_KEPT_MOST = 16_384  # Outcomes kept of each condition, some 150 bytes each.
_STRINGS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_BOUND = re.compile(r"\.(?:map|filter|all|exists|exists_one)\(\s*([A-Za-z_]\w*)\s*,")


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the library, without the command line that it imports along.

    That one needs typer, rich and prompt_toolkit, which a program that decides requests, and in which others run, must
    not load. The package is therefore entered without running its ``__init__``, and given the names that this would
    have given it.

    Raises:
        ImportError: If it is not installed.
    """
    if "cel" not in sys.modules:
        spec = importlib.util.find_spec("cel")
        if spec is None:
            raise ImportError("conditions need common-expression-language: pip install 'stillwatch[wall]'")
        sys.modules["cel"] = package = importlib.util.module_from_spec(spec)
        extension = importlib.import_module("cel.cel")
        vars(package).update({name: value for name, value in vars(extension).items() if not name.startswith("_")})
    return sys.modules["cel"]


class ConditionError(Exception):
    """A condition that cannot be read, or whose outcome is not true or false."""


class Conditions:
    """Several conditions over the same variables, evaluated together.

    The outcomes of each condition are kept by the values that it uses, of which there are few even where requests are
    many. For a new combination, variables are set only where they changed since the thread's last evaluation. An object
    may be used by several threads; each has a context of its own.

    Args:
        sources: The conditions.
        variables: Those that conditions may use.
        constants: Values by name, the same at every request.

    Raises:
        ConditionError: If one cannot be read or uses another variable.
        ImportError: If the library is not installed.

    Source:
        Common Expression Language, language definition; the library is common-expression-language (Rust).
    """

    def __init__(
        self, sources: Sequence[str], variables: Sequence[str], constants: Mapping[str, Any] | None = None
    ) -> None:
        """Compile all."""
        self._library = _library()
        self._constants = dict(constants or {})
        allowed = {*variables, *self._constants}
        compiled = []
        used: set[str] = set()
        for source in sources:
            program, names, bound = _compiled(source, allowed)
            compiled.append((program, names))
            used |= names
            # Bound names get a value too: an evaluation must never meet an undefined variable.
            self._constants.update(dict.fromkeys(bound - allowed))
        self.used = tuple(name for name in variables if name in used)
        self._programs: list[tuple[Any, Callable[[Sequence[Any]], Any], dict[Any, bool | ConditionError]]] = [
            (program, _key_of([place for place, name in enumerate(self.used) if name in names]), {})
            for program, names in compiled
        ]
        self._local = threading.local()

    def evaluate(self, values: Sequence[Any]) -> list[bool | ConditionError]:
        """Return the outcome of each condition, or why it has none.

        Args:
            values: One for each of ``used``, in that order, of the variables' types.
        """
        outcomes = []
        current = False  # Whether the context has these values already.
        for program, key_of, kept in self._programs:
            key = key_of(values)
            outcome = kept.get(key)
            if outcome is None:
                if not current:
                    self._set(values)
                    current = True
                outcome = self._evaluate(program)
                if len(kept) >= _KEPT_MOST:
                    kept.clear()
                kept[key] = outcome
            outcomes.append(outcome)
        return outcomes

    def _set(self, values: Sequence[Any]) -> None:
        """Give the thread's context those values that it does not have yet."""
        try:
            context, last = self._local.held
        except AttributeError:
            context, last = self._library.Context(self._constants), [_NOTHING] * len(self.used)
            self._local.held = context, last
        for place, value in enumerate(values):
            if value != last[place]:
                known = value if value == value else -math.inf  # The library cannot compare what is not a number.
                try:
                    context.add_variable(self.used[place], known)
                except Exception:  # A number beyond 64 bits or half a character: what a client made up is unknown.
                    context.add_variable(self.used[place], type(value)())
                last[place] = value

    def _evaluate(self, program: Any) -> bool | ConditionError:
        try:
            outcome = program.execute(self._local.held[0])
        except Exception as error:
            return ConditionError(_plain(error))
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # How a failure inside the library arrives.
                raise
            return ConditionError("the expression library failed")
        if outcome is True or outcome is False:
            return bool(outcome)
        return ConditionError(f"the outcome is {outcome!r}, neither true nor false")


_NOTHING = object()


def _key_of(places: Sequence[int]) -> Callable[[Sequence[Any]], Any]:
    """Return what picks the values at ``places``."""
    return itemgetter(*places) if places else lambda _: ()


def _compiled(source: str, allowed: set[str]) -> tuple[Any, set[str], set[str]]:
    if len(source) > CHARACTERS_MOST:
        raise ConditionError(f"it has {len(source)} characters, and at most {CHARACTERS_MOST} are read")
    try:
        program = _library().compile(source)
        references = program.references()
    except Exception as error:
        raise ConditionError(_plain(error)) from error
    names = set(references["variables"])
    bound = set(_BOUND.findall(_STRINGS.sub("''", source)))
    hidden = bound & allowed
    if hidden:
        raise ConditionError(f"{sorted(hidden)[0]!r} is a feature; name the loop's variable otherwise")
    unknown = names - allowed - bound
    if unknown:
        raise ConditionError(f"there is no feature {sorted(unknown)[0]!r}")
    return program, names & allowed, bound


def _plain(error: Exception) -> str:
    """Return the library's message as one short line."""
    text = str(error)
    if found := re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", text):
        return f"column {found[2]}: {found[3].split(' expecting ')[0]}"
    return text.split(". CEL does not")[0].split("\n")[0].strip()
