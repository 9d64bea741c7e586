"""Files of token ids and text: every form that is read, every row that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.suspects.recorded import RecordedAnswers
from stillwatch.provenance.tokens import read_texts


def encode(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def written(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, "utf-8")
    return folder / name


def test_all_forms_are_read(tmp_path: Path) -> None:
    rows = [[1, 2], {"tokens": [3], "prompt_tokens": [4]}, {"text": "ab", "prompt": "c"}, "d"]
    lines = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    for path in (lines, written(tmp_path, "a.json", json.dumps(rows))):
        found = read_texts(path, encode)
        assert [text.tokens.tolist() for text in found] == [[1, 2], [3], [97, 98], [100]]
        assert [text.prompt.tolist() for text in found] == [[], [4], [99], []]
        assert found[2].words == "c"
    assert read_texts(written(tmp_path, "b.json", "[5, 6]"))[0].tokens.tolist() == [5, 6]
    assert read_texts(written(tmp_path, "c.txt", "xy"), encode)[0].tokens.tolist() == [120, 121]
    prompt = read_texts(written(tmp_path, "d.jsonl", '{"prompt": "only asked"}'))[0]
    assert prompt.words == "only asked" and len(prompt.tokens) == len(prompt.prompt) == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", "[1]\n[-1]", "row 2"),
        ("a.jsonl", "[1]\n{", "row 2: not JSON"),
        ("a.jsonl", '{"words": 1}', "row 1"),
        ("a.json", '["ab"]', "without a tokenizer"),
        ("a.json", "[[true]]", "text 1"),
        ("a.json", "[3000000000]", "out of range"),
        ("a.txt", "words", "without a tokenizer"),
    ],
)
def test_bad_rows_are_named(name: str, content: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        read_texts(written(tmp_path, name, content))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="missing"):
        read_texts(tmp_path / "missing.json")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SourceError, match="UTF-8"):
        read_texts(tmp_path / "bytes.txt", encode)


def test_recorded_answers_are_those_of_the_file(tmp_path: Path) -> None:
    recorded = RecordedAnswers(written(tmp_path, "a.jsonl", "[1, 2]\n[3]"), None)
    assert [text.tokens.tolist() for text in recorded.answers((), 5, 1)] == [[1, 2], [3]]
    with pytest.raises(SourceError, match="no answers"):
        RecordedAnswers(written(tmp_path, "b.jsonl", "\n"), None)
