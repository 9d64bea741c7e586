"""Answers that were collected before: the suspect itself need not be at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.tokens import Encoder, Text, read_texts


class RecordedAnswers:
    """Answers in a file of token ids or text.

    Args:
        path: As ``read_texts`` takes it; ``prompt`` or ``prompt_tokens`` say what was asked.
        encode: Of the teacher's tokenizer.

    Raises:
        SourceError: If the file cannot be read or is empty.
    """

    def __init__(self, path: Path, encode: Encoder | None) -> None:
        """Read the file."""
        self.texts = read_texts(path, encode)
        if not self.texts:
            raise SourceError(f"{path}: no answers", "one a line in a .jsonl file")
        self.name = path.name

    def answers(self, prompts: Sequence[Text], tokens_most: int, seed: int) -> list[Text]:  # noqa: ARG002
        """Return all answers in the file, whatever is asked."""
        return self.texts
