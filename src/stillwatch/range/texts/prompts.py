"""Prompts, put together from instruction, elicitation, ask and pasted passage, each a function of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.range.draws import chosen, mixed
from stillwatch.range.texts.elicitation import BEFORE, ELICITATIONS
from stillwatch.range.texts.grammar import composed, restored
from stillwatch.range.texts.instructions import instructions, own_names
from stillwatch.range.texts.topics import TOPICS
from stillwatch.range.texts.vocabulary import OWN_NAMES

LENGTH_MIN, LENGTH_MAX = 20, 2000  # Characters.
PASSAGE_MAX = 18  # Sentences or lines.
_OWN_NAMES_EACH = 4  # Names that one account has: its firm, its project, …


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """What each prompt is made of; every array has shape (prompts,)."""

    topic: NDArray[np.int64]
    follow_up: NDArray[np.bool_]
    item: NDArray[np.uint64]  # Fixes ask and passage: equal items with equal owners are equal texts.
    owner: NDArray[np.uint64]  # Whose names the text uses.
    passage: NDArray[np.int64]  # Sentences pasted, 0 to PASSAGE_MAX.
    style: NDArray[np.int64]  # Of the instruction; 0: none.
    instruction: NDArray[np.uint64]  # Key of the instruction.
    elicitation: NDArray[np.int64]  # Kind; -1: none.
    phrasing: NDArray[np.uint64]  # Fixes the wording of the elicitation.

    def rows(self, low: int, high: int) -> PromptPlan:
        """Return the prompts from ``low`` up to ``high``."""
        return PromptPlan(*(getattr(self, name)[low:high] for name in self.__slots__))


def _names(owner: NDArray[np.uint64], item: NDArray[np.uint64]) -> NDArray[np.int64]:
    salt = chosen(item, 61, _OWN_NAMES_EACH).astype(np.uint64)
    return own_names(owner + salt, 1)


def _grouped(codes: NDArray[np.int64], write: Callable[[int, NDArray[np.int64]], Any]) -> Any:
    """Return texts in the order of ``codes``, written for all rows of one code at a time."""
    order = np.argsort(codes, kind="stable")
    distinct, first = np.unique(codes[order], return_index=True)
    bounds = [*first.tolist(), len(codes)]
    parts = [write(int(code), order[bounds[k] : bounds[k + 1]]) for k, code in enumerate(distinct)]
    return restored(parts, order) if parts else pa.array([], pa.large_string())


def _asks(plan: PromptPlan, own: NDArray[np.int64]) -> Any:
    def write(code: int, rows: NDArray[np.int64]) -> Any:
        topic = TOPICS[code // 2]
        templates = topic.follow_ups if code % 2 else topic.asks
        return composed(templates, topic.slots, plan.item[rows], own[rows])

    return _grouped(plan.topic * 2 + plan.follow_up, write)


def _passages(plan: PromptPlan, own: NDArray[np.int64]) -> Any:
    """Return what is pasted below each ask, null where there is nothing."""
    columns: list[Any] = []
    for line in range(int(plan.passage.max(initial=0))):
        wanted = np.flatnonzero(plan.passage > line)
        item = mixed(plan.item[wanted], 70 + line)

        def write(code: int, rows: NDArray[np.int64], item: NDArray[np.uint64] = item, wanted: Any = wanted) -> Any:
            topic = TOPICS[code]
            if not topic.passages:
                return pa.nulls(len(rows), pa.large_string())
            return composed(topic.passages, topic.slots, item[rows], own[wanted[rows]])

        place = np.full(len(plan.item), -1, np.int64)
        place[wanted] = np.arange(len(wanted))
        columns.append(_grouped(plan.topic[wanted], write).take(pa.array(place, mask=place < 0)))
    if not columns:
        return pa.nulls(len(plan.item), pa.large_string())
    # Arrow drops a row whose every part is null instead of giving null for it: one part must be there.
    columns[0] = pc.fill_null(columns[0], "")
    breaks = np.array([topic.line_break for topic in TOPICS])[plan.topic]
    joined = [
        pc.binary_join_element_wise(*columns, pa.scalar(mark, pa.large_string()), null_handling="skip")
        for mark in (" ", "\n")
    ]
    text = pc.if_else(pa.array(breaks), joined[1], joined[0])
    return pc.if_else(pc.equal(pc.utf8_length(text), 0), pa.scalar(None, pa.large_string()), text)


def _elicitations(plan: PromptPlan) -> Any:
    def write(code: int, rows: NDArray[np.int64]) -> Any:
        if code < 0:
            return pa.nulls(len(rows), pa.large_string())
        grammar = ELICITATIONS[code].phrasings
        return composed(grammar.asks, grammar.slots, plan.phrasing[rows], np.zeros(len(rows), np.int64))

    return _grouped(plan.elicitation, write)


def written(plan: PromptPlan) -> Any:
    """Return the prompts as an Arrow array of large strings, each of LENGTH_MIN to LENGTH_MAX characters."""
    own = _names(plan.owner, plan.item)
    eliciting = _elicitations(plan)
    none = pa.scalar(None, pa.large_string())
    first = pa.array((plan.elicitation >= 0) & BEFORE[plan.elicitation])
    text = pc.binary_join_element_wise(
        instructions(plan.style, plan.instruction),
        pc.if_else(first, eliciting, none),
        _asks(plan, own),
        _passages(plan, own),
        pc.if_else(first, none, eliciting),
        pa.scalar("\n", pa.large_string()),
        null_handling="skip",
    )
    # A very short message says whom it is about, as people do when they are asked what they mean.
    short = pc.less(pc.utf8_length(text), LENGTH_MIN)
    named = pc.binary_join_element_wise(
        text, pa.array(OWN_NAMES, pa.large_string()).take(pa.array(own)), pa.scalar(" (", pa.large_string())
    )
    closed = pc.binary_join_element_wise(named, pa.scalar(")", pa.large_string()), pa.scalar("", pa.large_string()))
    return pc.utf8_slice_codeunits(pc.if_else(short, closed, text), 0, LENGTH_MAX)
