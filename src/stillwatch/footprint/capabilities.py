"""What a set of prompts is about: the nearest of a few named capabilities, judged by the topic sketch."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stillwatch.footprint.footprints import TOPICS
from stillwatch.footprint.topic import vocabulary
from stillwatch.footprint.words import hash_of, look_up

CAPABILITIES: dict[str, str] = {
    "coding": "code function python program implement class bug compile javascript array algorithm",
    "mathematics": "equation solve integer prove triangle sum number probability calculate theorem",
    "tool use": "api call function parameters tool request endpoint json arguments library",
    "writing": "write story essay poem paragraph article blog creative rewrite letter",
    "knowledge": "explain history science describe fact country what who define meaning",
    "language": "translate sentence grammar english french german spanish language word",
    "analysis": "summarize classify extract sentiment text document review data table",
    "advice": "should help plan health travel recipe advice recommend tips work",
}


@cache
def directions() -> NDArray[np.float64]:
    """Return the capabilities' topic directions, shape (capabilities, TOPICS), each of length 1 or 0."""
    words = vocabulary()
    out = np.zeros((len(CAPABILITIES), TOPICS))
    for k, text in enumerate(CAPABILITIES.values()):
        for word in text.split():
            row = look_up(words.table, words.keys, hash_of(word))
            if row >= 0:
                out[k] += words.vectors[row] / max(np.linalg.norm(words.vectors[row].astype(np.float64)), 1.0)
    norm = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(out / np.maximum(norm, 1e-9))


def targeted(topic: NDArray[np.int64], prompts: NDArray[np.int64], usual: NDArray[np.float64]) -> dict[str, float]:
    """Return the share of prompts by the capability that their accounts lean to most, the commonest first.

    Args:
        topic: Shape (accounts, TOPICS). The accounts' topic sums.
        prompts: Shape (accounts,).
        usual: Shape (TOPICS,). The mean direction of everyone's prompts, from which the lean is measured.
    """
    known = prompts > 0
    if not known.any():
        return {}
    mean = topic[known] / prompts[known, None]
    mean = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9) - usual
    nearest = (mean @ (directions() - usual).T).argmax(axis=1)
    weight = np.bincount(nearest, prompts[known], minlength=len(CAPABILITIES)) / prompts[known].sum()
    names = list(CAPABILITIES)
    return {names[k]: float(weight[k]) for k in np.argsort(-weight) if weight[k] > 0}
