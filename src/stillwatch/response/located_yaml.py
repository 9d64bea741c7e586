"""YAML whose every part knows its line: for files that people write and whose mistakes must be shown to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

BYTES_MOST = 1 << 20
_NODES_MOST = 100_000


class YamlError(Exception):
    """Text that is not such YAML, with the line, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the line where it begins. ``value`` is a scalar, a list of these, or a dict of these by name."""

    value: Any
    line: int


class _Loader(yaml.SafeLoader):
    """Reads scalars as YAML 1.2 does, so that the country NO stays a text and a date is no date."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", ["t", "f"]),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9_]*)$", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"^[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?$", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def read_located(text: str) -> Located:
    """Return the document in ``text``.

    Raises:
        YamlError: If it is not YAML, names a key twice, uses aliases, or is not one document.
    """
    if len(text) > BYTES_MOST:
        raise YamlError(1, f"it has {len(text)} characters, and at most {BYTES_MOST} are read")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise YamlError(1, "it is empty")
        return _located(loader, node, [0])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, error.problem or "it is not YAML") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlError(1, "it is not YAML") from error
    finally:
        loader.dispose()


def _located(loader: _Loader, node: yaml.Node, seen: list[int]) -> Located:
    line = node.start_mark.line + 1
    seen[0] += 1
    if seen[0] > _NODES_MOST:
        raise YamlError(line, "it is too large")  # Aliases could make a small text huge.
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(loader, item, seen) for item in node.value], line)
    if isinstance(node, yaml.MappingNode):
        held: dict[str, Located] = {}
        for key, item in node.value:
            name = str(loader.construct_object(key)) if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                raise YamlError(line, "a key must be a name")
            if name in held:
                raise YamlError(key.start_mark.line + 1, f"{name!r} is given twice")
            held[name] = _located(loader, item, seen)
        return Located(held, line)
    if isinstance(node.tag, str) and not node.tag.startswith("tag:yaml.org,2002:"):
        raise YamlError(line, f"the tag {node.tag!r} is not understood")
    try:
        return Located(loader.construct_object(node), line)
    except ValueError as error:
        raise YamlError(line, str(error)) from error


def plain(located: Located) -> Any:
    """Return the value without lines."""
    if isinstance(located.value, list):
        return [plain(item) for item in located.value]
    if isinstance(located.value, dict):
        return {key: plain(item) for key, item in located.value.items()}
    return located.value
