"""Topics: the mean of static word embeddings, read from the weights that the wordllama wheel carries.

WordLlama pools token vectors by their mean, so a table of word vectors gives the same direction without a tokeniser.
Words outside its vocabulary take one of a few thousand fixed random vectors: other languages and rare names then
still tell topics apart, if not by meaning.

Source: Miller, "WordLlama" (2024), whose vectors are trained so that their first dimensions stand alone
(Kusupati et al., "Matryoshka Representation Learning", arXiv:2205.13147).
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from stillwatch.footprint.footprints import TOPICS
from stillwatch.footprint.words import hash_of, open_table

_STRANGE = 4096  # Vectors shared by the words outside the vocabulary; a power of two.
_STRANGE_NORM = 6.0  # About the median norm of a known word's vector.
_STEPS_A_UNIT = 12.0  # Vectors are kept as 8-bit steps of 1/12: the largest entry of the first 64 is 8.0.


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Word vectors by word hash.

    Attributes:
        keys: Shape (words,). Hashes of the known words.
        table: Open-addressing index into ``keys``.
        vectors: Shape (words + 4096, TOPICS), in steps of 1/12; the last 4096 serve unknown words.
    """

    keys: NDArray[np.uint64]
    table: NDArray[np.int32]
    vectors: NDArray[np.int8]


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of the installed wordllama, whose files are read without importing it.

    Raises:
        FileNotFoundError: If the wheel carries no weights where version 0.4 keeps them.
    """
    spec = importlib.util.find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("wordllama is not installed; its wheel carries the word vectors")
    folder = Path(spec.origin).parent
    tokens = json.loads((folder / "tokenizers" / "l2_supercat_tokenizer_config.json").read_bytes())["model"]["vocab"]
    weights = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    rows: dict[int, int] = {}
    for token, row in tokens.items():
        if token.startswith("▁") and token[1:].isalpha():
            rows.setdefault(int(hash_of(token[1:])), row)
    keys = np.fromiter(rows.keys(), np.uint64, len(rows))
    known = weights[np.fromiter(rows.values(), np.int64, len(rows)), :TOPICS].astype(np.float32)
    strange = np.random.default_rng(0).standard_normal((_STRANGE, TOPICS)).astype(np.float32)
    strange *= _STRANGE_NORM / np.linalg.norm(strange, axis=1, keepdims=True)
    vectors = np.clip(np.rint(np.concatenate([known, strange]) * _STEPS_A_UNIT), -127, 127).astype(np.int8)
    return Vocabulary(keys, open_table(keys, 1 << 16), vectors)
