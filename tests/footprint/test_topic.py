"""Topics: vectors come from the wheel alone, and texts on one subject point the same way."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import TOPIC_SCALE, TOPICS
from stillwatch.footprint.topic import vocabulary
from stillwatch.footprint.words import hash_of, look_up

TEXTS = {
    "cooking": (
        "My risotto turns out sticky: how much warm stock should the rice get, and when do I add butter and cheese?",
        "Suggest a vegetarian dinner with roasted aubergine, garlic, tomatoes and fresh basil from the oven.",
        "Can I bake sourdough bread without a steel pan if the flour is wholemeal and the dough very wet?",
    ),
    "law": (
        "Does the tenant owe rent when the landlord breaches the lease, and may a court reduce the damages?",
        "Draft a contract clause that limits liability and names the jurisdiction for any dispute of the parties.",
        "What must a plaintiff prove in a negligence lawsuit before the judge lets the jury decide?",
    ),
    "programming": (
        "My Python function raises a key error when the dictionary is empty; how do I fix the loop and test it?",
        "Refactor this class so that the database query runs in one asynchronous method and the API returns JSON.",
        "Why does the compiler complain about an undefined variable in this recursive function in my code?",
    ),
    "medicine": (
        "The patient has fever, a dry cough and chest pain: which diagnosis fits and which antibiotic dose is right?",
        "What are the side effects of this blood pressure medicine for someone with kidney disease and diabetes?",
        "How do doctors treat chronic inflammation of the liver, and which symptoms call for surgery?",
    ),
    "travel": (
        "Plan three days in Lisbon with cheap hotels near the beach, a tram ride and an evening flight home.",
        "Which trains run from Vienna to the mountains, and is a tourist visa needed at the border?",
        "We land at the airport at midnight: is there a bus to the hotel, and what is worth a visit in the city?",
    ),
}
SEPARATED = [
    ("Wie backe ich ein Brot mit Sauerteig und Roggenmehl?", "Welches Mehl nehme ich für ein Brot mit Sauerteig?"),
    ("Как приготовить борщ со свёклой и мясом?", "Сколько варить мясо, чтобы приготовить борщ?"),
    ("怎样用面粉做馒头和面条", "做馒头的面粉要发酵多久"),
]


def topics(texts: list[str]) -> np.ndarray:
    """The topic sketch of each text, as an account of its own leaves it."""
    pseudonyms = Pseudonyms(b"a key for the tests only")
    folding = Folding(lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, 0)
    when = pa.array([0] * len(texts), pa.timestamp("us", "UTC"))
    table = pa.table({"timestamp": when, "account_id": [str(k) for k in range(len(texts))], "prompt": texts})
    return fold_footprints(table, folding).integers("topic")


def cosines(texts: list[str]) -> np.ndarray:
    vectors = topics(texts).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors @ vectors.T)


def test_texts_on_one_subject_are_closer_than_texts_on_two() -> None:
    names = [name for name, texts in TEXTS.items() for _ in texts]
    same = np.equal.outer(names, names)
    closeness = cosines([text for texts in TEXTS.values() for text in texts])
    for row in range(len(names)):
        others = np.arange(len(names)) != row
        within, across = closeness[row][same[row] & others], closeness[row][~same[row]]
        assert within.mean() > across.mean() + 0.05, (names[row], row)
    apart = ~np.eye(len(names), dtype=bool)
    assert closeness[same & apart].mean() > closeness[~same].mean() + 0.15


def test_an_account_is_closest_to_others_of_its_subject() -> None:
    """Sketches add up: the sum over some texts of a subject is nearest to the rest of that subject."""
    sums = {name: topics(list(texts)).astype(np.float64) for name, texts in TEXTS.items()}
    for name, vectors in sums.items():
        first = vectors[:2].sum(axis=0)
        nearest = max(sums, key=lambda other: float(first @ sums[other][2] / np.linalg.norm(sums[other][2])))
        assert nearest == name


@pytest.mark.parametrize(("left", "right"), SEPARATED, ids=["german", "russian", "chinese"])
def test_words_outside_the_vocabulary_still_tell_topics_apart(left: str, right: str) -> None:
    others = [text for texts in TEXTS.values() for text in texts] + [one for one, _ in SEPARATED if one != left]
    closeness = cosines([left, right, *others])
    assert closeness[0, 1] > closeness[0, 2:].max()


@pytest.mark.parametrize("text", ["bread", "Plan three days in Lisbon", "光合作用", "q " * 3000])
def test_one_prompt_adds_a_vector_of_fixed_length(text: str) -> None:
    """However long the prompt: an entry is off by half at most, so the length by half of the root of 64."""
    assert abs(np.linalg.norm(topics([text])[0]) - TOPIC_SCALE) <= 0.5 * np.sqrt(TOPICS)


def test_a_prompt_without_words_points_nowhere() -> None:
    assert not topics(["", " ?! ..."]).any()


def test_the_vocabulary_knows_common_words_and_fits_its_table() -> None:
    words = vocabulary()
    assert words.vectors.shape == (len(words.keys) + 4096, TOPICS) and words.vectors.dtype == np.int8
    assert len(words.keys) > 10_000 and len(np.unique(words.keys)) == len(words.keys)
    assert all(
        look_up(words.table, words.keys, hash_of(word)) >= 0 for word in ("the", "water", "contract", "function")
    )
    assert look_up(words.table, words.keys, hash_of("zxqvbnm")) == -1
    assert np.linalg.norm(words.vectors.astype(float), axis=1).min() > 0


CLOSED = """
import socket, sys
def closed(*_, **__):
    raise AssertionError("the network was touched")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = closed
from stillwatch.footprint.topic import vocabulary
print(len(vocabulary().keys), "wordllama" in sys.modules)
"""


def test_the_vocabulary_loads_without_network_and_without_importing_its_wheel() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(vocabulary().keys)), "False"]


def test_without_the_wheel_the_hint_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match="wordllama is not installed"):
        vocabulary.__wrapped__()
