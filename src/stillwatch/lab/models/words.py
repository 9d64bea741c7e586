"""The tokeniser of built-in models: a word is a token, spaces stand between words and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

PAD, END, UNKNOWN = "<pad>", "<end>", "<unknown>"
_SPECIAL = (PAD, END, UNKNOWN)


class Words:
    """Words with their numbers; the first three numbers are padding, end and unknown."""

    def __init__(self, words: Sequence[str]) -> None:
        """Number the words in their order.

        Raises:
            ValueError: If a word comes twice, is empty or holds a space.
        """
        self.words = (*_SPECIAL, *words)
        self._number = {word: number for number, word in enumerate(self.words)}
        if len(self._number) != len(self.words) or any(not word or " " in word for word in words):
            raise ValueError("words must differ, must not be empty and must hold no space")

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of ``text``; a word that is not known becomes the unknown token."""
        return [self._number.get(word, 2) for word in text.split(" ") if word]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``, without padding and end."""
        return " ".join(self.words[token] for token in tokens if token > 1)

    def tokenizer_json(self) -> dict[str, Any]:
        """Return the same tokeniser in the format of the tokenizers library (``tokenizer.json``)."""
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": number, "content": word} | flags for number, word in enumerate(_SPECIAL)],
            "normalizer": None,
            "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "Removed", "invert": False},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": self._number, "unk_token": UNKNOWN},
        }

    @classmethod
    def from_tokenizer_json(cls, held: dict[str, Any]) -> Words:
        """Return the tokeniser that ``tokenizer_json`` described.

        Raises:
            ValueError: If it is another kind of tokeniser.
        """
        model = held.get("model", {})
        vocabulary = model.get("vocab")
        if model.get("type") != "WordLevel" or not isinstance(vocabulary, dict):
            raise ValueError("not the tokeniser of a built-in model")
        ordered = sorted(vocabulary, key=vocabulary.__getitem__)
        if tuple(ordered[:3]) != _SPECIAL:
            raise ValueError("not the tokeniser of a built-in model")
        return cls(ordered[3:])
