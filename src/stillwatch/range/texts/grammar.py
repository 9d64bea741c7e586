"""A grammar of templates with slots, filled for whole arrays at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.range.draws import chosen
from stillwatch.range.texts.vocabulary import OWN_NAMES, VOCABULARY

_SLOT = re.compile(r"\{([a-z_]+)[0-9]?\}")


@dataclass(frozen=True, slots=True)
class Topic:
    """What one sort of prompt is about.

    Templates hold slots in braces: one of the topic's own, one of the vocabulary's, or ``{own}``, a name that belongs
    to the account (its project, firm or street). A digit after a slot's name draws it once more.
    """

    name: str
    asks: tuple[str, ...]  # Opens a conversation.
    follow_ups: tuple[str, ...]  # Goes on with one.
    passages: tuple[str, ...] = ()  # Sentences or lines of what is pasted below an ask; none: nothing is pasted.
    line_break: bool = False  # Whether what is pasted stands in lines.
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def words(text: str) -> tuple[str, ...]:
    """Return the fillers that bars separate in ``text``."""
    return tuple(" ".join(part.split()) for part in text.split("|"))


@cache
def _parsed(template: str) -> tuple[tuple[str, str], ...]:
    """Return the template as (literal, slot) pairs; the last slot is empty."""
    pairs, at = [], 0
    for match in _SLOT.finditer(template):
        pairs.append((template[at : match.start()], match.group(1)))
        at = match.end()
    return (*pairs, (template[at:], ""))


@cache
def _fillers(values: tuple[str, ...]) -> Any:
    return pa.array(values, pa.large_string())


def _filled(
    template: str, slots: Mapping[str, tuple[str, ...]], items: NDArray[np.uint64], own: NDArray[np.int64]
) -> Any:
    pieces: list[Any] = []
    for place, (literal, slot) in enumerate(_parsed(template)):
        if literal:
            pieces.append(pa.scalar(literal, pa.large_string()))
        if slot == "own":
            pieces.append(_fillers(OWN_NAMES).take(pa.array(own)))
        elif slot:
            values = slots[slot] if slot in slots else VOCABULARY[slot]
            pieces.append(_fillers(values).take(pa.array(chosen(items, place + 1, len(values)))))
    if len(pieces) == 1 and isinstance(pieces[0], pa.Scalar):
        return pa.repeat(pieces[0], len(items))
    return pc.binary_join_element_wise(*pieces, pa.scalar("", pa.large_string()))


def composed(
    templates: tuple[str, ...],
    slots: Mapping[str, tuple[str, ...]],
    items: NDArray[np.uint64],
    own: NDArray[np.int64],
) -> Any:
    """Return a text for each item: a function of the item and the own name alone.

    Args:
        templates: At least one; the item picks one and fills its slots.
        slots: Fillers by slot; the vocabulary's are used where it lacks one.
        items: Shape (texts,).
        own: Shape (texts,), indices into ``OWN_NAMES``.

    Returns:
        An Arrow array of large strings, in the order of ``items``.

    Raises:
        KeyError: If a template names a slot that nobody fills.
    """
    if not len(items):
        return pa.array([], pa.large_string())
    which = chosen(items, 0, len(templates))
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(templates) + 1))
    parts = [
        _filled(template, slots, items[order[low:high]], own[order[low:high]])
        for template, low, high in zip(templates, bounds[:-1], bounds[1:], strict=True)
        if high > low
    ]
    return restored(parts, order)


def restored(parts: list[Any], order: NDArray[np.int64]) -> Any:
    """Return the concatenated ``parts`` put back: entry k of the concatenation goes to place ``order[k]``."""
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back))
