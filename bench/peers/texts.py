"""Prompts as vectors: wordllama's embeddings, and sixteen figures of a text's outer form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHARACTERS_MOST = 2000  # About the 512 tokens that the encoder of arXiv:2606.05725 reads.
DIMENSIONS = 256
FORMS = 16
FORM_WIDTHS = (2.0, 4.0, 8.0, 16.0)  # Bandwidths of the form's random features, in standard deviations.
FORM_FEATURES = 256  # Frequencies; each gives a cosine and a sine.
FORM_CLIP = 4.0  # Standard deviations; a text of a megabyte must not decide alone.


def embedder() -> Any:
    """Return wordllama's model from the weights in its wheel; it would otherwise look for them on the net."""
    import wordllama  # type: ignore[import-untyped]

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


def embedded(texts: Sequence[str], model: Any | None = None) -> NDArray[np.float32]:
    """Return the embeddings of texts, each of length 1, or 0 where a text has no token.

    Texts are cut and embedded in order of their length: padding otherwise takes most of the time.

    Returns:
        Shape (texts, DIMENSIONS).
    """
    model = embedder() if model is None else model
    cut = [text[:CHARACTERS_MOST] for text in texts]
    order = np.argsort([len(text) for text in cut], kind="stable")
    out = np.zeros((len(cut), DIMENSIONS), np.float32)
    if not len(cut):
        return out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # An empty text divides by 0.
        out[order] = model.embed([cut[place] for place in order], norm=True, batch_size=64)
    return np.nan_to_num(out, copy=False)


def form(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return figures of a text's outer form: lengths, kinds of characters, how it begins and ends.

    Returns:
        Shape (texts, FORMS).
    """
    out = np.zeros((len(texts), FORMS), np.float32)
    for row, text in enumerate(texts):
        out[row] = _form_of(text[:CHARACTERS_MOST], len(text))
    return out


def _form_of(text: str, length: int) -> tuple[float, ...]:
    words = len(text.split())
    digits = sum(map(str.isdigit, text))
    letters = sum(map(str.isalpha, text))
    capitals = sum(map(str.isupper, text))
    spaces = sum(map(str.isspace, text))
    of = len(text) + 1
    end = text.rstrip()[-1:]
    return (
        np.log1p(length),
        np.log1p(words),
        digits / of,
        capitals / of,
        (len(text) - digits - letters - spaces) / of,
        sum(character > "\x7f" for character in text) / of,
        np.log1p(text.count("\n")),
        end == "?",
        end == ".",
        text[:1].isupper(),
        np.log1p(text.count("\\")),
        np.log1p(text.count("{") + text.count("(")),
        np.log1p(text.count("?")),
        np.log1p(digits),
        len(text) / (words + 1),
        np.log1p(text.count(",")),
    )
