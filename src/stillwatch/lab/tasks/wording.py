"""The free words of a worked step: choices that mean the same, so that a teacher has a style and a mark has room.

A step reads ``opener manner verb`` + what it quotes of the prompt + ``outcome`` + its result. The four free words are
drawn from sets of sixteen with unequal odds, four bits at most each; without them a worked answer would have no
entropy at all, and no watermark could live in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillwatch.lab.answer import FINAL, LINE


def listed(text: str) -> tuple[str, ...]:
    """Return the words of ``text``."""
    return tuple(text.split())


OPENERS = listed("first then next now so well here thus also again still further onward meanwhile okay right")
MANNERS = listed(
    "carefully simply plainly quickly surely calmly directly neatly slowly gladly clearly easily "
    "safely duly gently briskly"
)
VERBS = listed("take apply use do perform follow make try run work handle process execute treat consider compute")
OUTCOMES = listed(
    "gives yields makes leaves brings produces shows means returns reaches becomes equals finds hits gets lands"
)
SETS = (OPENERS, MANNERS, VERBS, OUTCOMES)
WORDS = tuple(word for words in SETS for word in words)
_PLACE = {word: number for number, words in enumerate(SETS) for word in words}
_ODDS = 1.0 / (np.arange(16) + 4.0)  # The commonest word is almost five times as likely as the rarest.
_CUMULATIVE = np.cumsum(_ODDS / _ODDS.sum())


def written(rng: np.random.Generator, worked: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[str]:
    """Return worked answers from quotes and results of each one's steps, with free words drawn by their odds."""
    steps = sum(len(quotes) for quotes, _ in worked)
    choices = iter(np.searchsorted(_CUMULATIVE, rng.random((steps, len(SETS)))).clip(0, 15).tolist())
    told = []
    for quotes, results in worked:
        lines = []
        for quote, result in zip(quotes, results, strict=True):
            opener, manner, verb, outcome = next(choices)
            lines.append(
                f"{OPENERS[opener]} {MANNERS[manner]} {VERBS[verb]} {quote} {OUTCOMES[outcome]} {result} {LINE}"
            )
        told.append(" ".join([*lines, FINAL, results[-1]]))
    return told


def read(step: str) -> tuple[str, str | None]:
    """Return what a step quotes from the prompt, and its result or None: the words that are free nowhere."""
    words = step.split(" ")
    kept = [word for word in words if word not in _PLACE]
    shown = bool(kept) and any(_PLACE.get(word) == len(SETS) - 1 for word in words)
    return (" ".join(kept[:-1]), kept[-1]) if shown else (" ".join(kept), None)


def restyled(rng: np.random.Generator, texts: Sequence[str]) -> list[str]:
    """Return the texts with every free word drawn anew, evenly, from the words that mean the same."""
    told = []
    for text in texts:
        words = text.split(" ")
        fresh = rng.integers(16, size=len(words)).tolist()
        told.append(
            " ".join(
                SETS[_PLACE[word]][number] if word in _PLACE else word
                for word, number in zip(words, fresh, strict=True)
            )
        )
    return told
