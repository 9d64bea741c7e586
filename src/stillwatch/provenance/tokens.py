"""Token ids from files: JSON lists, JSON lines, or text with a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillwatch.exchange.discovery import SourceError

Encoder = Callable[[str], list[int]]
BYTES_MOST = 1 << 30
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Text:
    """One text as token ids, with its prompt's where known.

    Attributes:
        tokens: What was generated.
        prompt: Empty where unknown.
        words: The prompt as text, where known: what an address is asked.
    """

    tokens: NDArray[np.int64]
    prompt: NDArray[np.int64]
    words: str = ""


def _ids(value: Any, where: str) -> NDArray[np.int64]:
    if not isinstance(value, list) or not all(isinstance(each, int) and not isinstance(each, bool) for each in value):
        raise SourceError(f"{where}: not a list of token ids", "token ids are whole numbers from 0")
    if any(not 0 <= each < 2**31 for each in value):
        raise SourceError(f"{where}: a token id out of range", "token ids are whole numbers from 0")
    return np.array(value, np.int64)


def _text(value: Any, where: str, encode: Encoder | None) -> Text:
    if isinstance(value, list):
        return Text(_ids(value, where), _NONE)
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict) or not {"tokens", "text", "prompt", "prompt_tokens"} & set(value):
        raise SourceError(f"{where}: neither token ids nor text", 'rows hold a list of ids, or {"tokens": [...]}')

    def read(ids: str, words: str) -> NDArray[np.int64]:
        if value.get(ids) is not None:
            return _ids(value[ids], where)
        if value.get(words) is None:
            return _NONE
        if encode is None:
            raise SourceError(f"{where}: text without a tokenizer", "give --tokenizer FOLDER, or token ids")
        return np.array(encode(str(value[words])), np.int64)

    words = value.get("prompt")
    prompt = read("prompt_tokens", "prompt") if encode is not None or value.get("prompt_tokens") is not None else _NONE
    return Text(read("tokens", "text"), prompt, words if isinstance(words, str) else "")


def read_texts(path: Path, encode: Encoder | None = None) -> list[Text]:
    """Return the texts of a file.

    ``.jsonl`` holds one text a line; ``.json`` one list of ids, or a list of texts; anything else is plain text. A text
    is a list of ids, or an object with ``tokens`` or ``text``, and ``prompt_tokens`` or ``prompt`` where known.

    Args:
        encode: Of the tokenizer that the marking engine used. Text can be read only with it, and may still come out
            as other ids than were generated: ids are better.

    Raises:
        SourceError: With file and row, if something cannot be read.
    """
    try:
        if path.stat().st_size > BYTES_MOST:
            raise SourceError(f"{path}: larger than a gigabyte", "split it")
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as UTF-8 text", "name a readable file") from error
    if path.suffix not in (".json", ".jsonl"):
        return [_text(content, str(path), encode)]
    rows: list[tuple[str, Any]] = []
    try:
        if path.suffix == ".jsonl":
            for number, line in enumerate(content.splitlines(), 1):
                where = f"{path}, row {number}"
                if line.strip():
                    rows.append((where, json.loads(line)))
        else:
            where = str(path)
            held = json.loads(content)
            many = isinstance(held, list) and bool(held) and not isinstance(held[0], int)
            rows = (
                [(f"{path}, text {number}", each) for number, each in enumerate(held, 1)] if many else [(where, held)]
            )
    except ValueError as error:
        raise SourceError(f"{where}: not JSON", "one JSON value a line in .jsonl, one in .json") from error
    return [_text(value, where, encode) for where, value in rows]
