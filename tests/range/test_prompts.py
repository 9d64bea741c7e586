from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from stillwatch.range.texts.elicitation import ELICITATIONS
from stillwatch.range.texts.grammar import composed
from stillwatch.range.texts.instructions import FIXED_SYSTEMS, STYLES, instructions, systems
from stillwatch.range.texts.prompts import LENGTH_MAX, LENGTH_MIN, PASSAGE_MAX, PromptPlan, written
from stillwatch.range.texts.topics import TOPICS

SEED = 3


def plan(count: int, **given: object) -> PromptPlan:
    rng = np.random.default_rng(SEED)
    base = PromptPlan(
        topic=rng.integers(0, len(TOPICS), count),
        follow_up=rng.random(count) < 0.3,
        item=rng.integers(0, 2**63, count, dtype=np.uint64),
        owner=rng.integers(0, 400, count, dtype=np.uint64),
        passage=np.where(rng.random(count) < 0.3, rng.integers(0, PASSAGE_MAX + 1, count), 0),
        style=np.where(rng.random(count) < 0.2, rng.integers(1, 4, count), 0),
        instruction=rng.integers(0, 50, count, dtype=np.uint64),
        elicitation=np.where(rng.random(count) < 0.3, rng.integers(0, 4, count), -1),
        phrasing=rng.integers(0, 9, count, dtype=np.uint64),
    )
    return replace(base, **given)


def test_prompts_have_no_open_slot_and_a_prompts_length() -> None:
    print(f"seed {SEED}")  # noqa: T201
    text = written(plan(20_000))
    assert text.null_count == 0 and len(text) == 20_000
    length = pc.utf8_length(text).to_numpy()
    assert length.min() >= LENGTH_MIN and length.max() <= LENGTH_MAX
    assert not pc.any(pc.match_substring_regex(text, r"\{[a-z_]+[0-9]?\}")).as_py()


def test_the_longest_prompt_is_not_cut() -> None:
    count = 3000
    full = plan(count, passage=np.full(count, PASSAGE_MAX), style=np.full(count, 1), elicitation=np.full(count, 0))
    assert pc.max(pc.utf8_length(written(full))).as_py() < LENGTH_MAX


def test_the_pool_holds_more_than_a_hundred_thousand_prompts() -> None:
    count = 160_000
    text = written(plan(count, follow_up=np.zeros(count, bool), elicitation=np.full(count, -1)))
    assert len(pc.unique(text)) > 100_000


def test_a_prompt_is_a_function_of_its_numbers() -> None:
    """A row's text does not depend on the rows beside it."""
    whole = plan(500)
    text = written(whole)
    assert written(whole.rows(100, 130)).to_pylist() == text.slice(100, 30).to_pylist()
    assert written(plan(0)).to_pylist() == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_template_of_a_topic_can_be_filled(topic: object) -> None:
    items = np.arange(40, dtype=np.uint64)
    own = np.zeros(40, np.int64)
    for templates in (topic.asks, topic.follow_ups, topic.passages):  # type: ignore[attr-defined]
        for template in templates:
            assert len(composed((template,), topic.slots, items, own)) == 40  # type: ignore[attr-defined]


def test_elicitation_is_in_the_text_that_asks_for_it() -> None:
    count = 200
    for number, elicitation in enumerate(ELICITATIONS):
        asked = plan(
            count, elicitation=np.full(count, number), style=np.zeros(count, int), passage=np.zeros(count, int)
        )
        plain = replace(asked, elicitation=np.full(count, -1))
        for long, short in zip(written(asked).to_pylist(), written(plain).to_pylist(), strict=True):
            core = re.sub(r" \(\w+\)$", "", short)
            assert len(long) > len(core)
            assert long.endswith(core) if elicitation.before else long.startswith(core)


def test_an_application_keeps_its_instruction() -> None:
    keys = np.array([7, 8, 7, 9], np.uint64)
    for style in STYLES:
        text = instructions(np.full(4, style), keys).to_pylist()
        assert text[0] == text[2] and len(set(text)) == 3
    assert instructions(np.zeros(2, np.int64), keys[:2]).to_pylist() == [None, None]
    held = systems(np.array([0, 1, len(FIXED_SYSTEMS), 2**45], np.uint64)).to_pylist()
    assert held[0] is None and held[1] == FIXED_SYSTEMS[0] and held[2] == FIXED_SYSTEMS[-1]
    assert held[3] not in (None, *FIXED_SYSTEMS)
