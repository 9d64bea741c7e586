"""Leaving the answer only: what a model says on its way there goes, where the text itself says where that ends.

Nothing is rewritten and nothing is added, so that no false statement can come of it. Where a text says nothing of its
parts, it stays as it is: docs/decisions/0016-answer-only-leaves-out-and-never-rewrites.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TAG = "(think|thinking|thoughts?|reasoning|scratchpad|reflection|inner_monologue)"
_THOUGHT = re.compile(rf"<{_TAG}>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(rf"</{_TAG}>", re.IGNORECASE)
_LINE = r"^[ \t]*[*_#>]*[ \t]*"
_FINAL = re.compile(_LINE + r"(?:the[ ])?final answer[ \t]*[*_]*[ \t]*[:：]", re.MULTILINE | re.IGNORECASE)
_ANSWER = re.compile(_LINE + r"answer[ \t]*[*_]*[ \t]*[:：]", re.MULTILINE | re.IGNORECASE)
_NUMBER = re.compile(r"^#### *[-+$€£]?\d[\d,. ]*%?\s*\Z", re.MULTILINE)  # As the GSM8K data set ends its answers.


def answer_of(text: str) -> str:
    """Return what of a text is its answer: without tagged thoughts, and from the mark of a final answer on.

    A closing tag without an opening one ends a thought too, since some servers put the opening one into the prompt.
    The line of the last "Final answer:" begins the answer, else that of "Answer:" if there is one alone (several make
    a list of questions), else a last line that holds nothing but "####" and a number.
    """
    text = _THOUGHT.sub("", text)
    ends = list(_END_OF_THOUGHT.finditer(text))
    if ends:
        text = text[ends[-1].end() :]
    finals, answers = list(_FINAL.finditer(text)), list(_ANSWER.finditer(text))
    if finals:
        return text[finals[-1].start() :].lstrip()
    if len(answers) == 1:
        return text[answers[0].start() :].lstrip()
    number = _NUMBER.search(text)
    return (text[number.start() :] if number else text).lstrip()


def leave_answers(document: Any) -> bool:
    """Edit a parsed answer, of any shape that is known, in place and tell whether it changed."""
    changed = False
    for holder, name in texts_of(document):
        answer = answer_of(holder[name])
        changed |= answer != holder[name]
        holder[name] = answer
    return changed


def texts_of(document: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where the texts of an answer stand: the object that holds each, and its name there."""
    if isinstance(document, list):
        for each in document:
            yield from texts_of(each)
        return
    if not isinstance(document, dict):
        return
    for choice in _objects(document.get("choices")):
        yield from _named(choice, "text")
        yield from _content(choice.get("message"))
    for item in _objects(document.get("output")):
        yield from _content(item)
    if document.get("type") == "message":
        yield from _content(document)
    yield from _content(document.get("message"))
    if "done" in document:  # Ollama's.
        yield from _named(document, "response")
    if isinstance(document.get("meta_info"), dict):  # SGLang's own.
        yield from _named(document, "text")
    if document.get("object") == "list":
        yield from texts_of(document.get("data"))


def _content(turn: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(turn, dict) and turn.get("role", "assistant") == "assistant":
        yield from _named(turn, "content")
        for part in _objects(turn.get("content")):
            if part.get("type") in ("text", "output_text"):
                yield from _named(part, "text")


def _named(holder: dict[str, Any], name: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(holder.get(name), str):
        yield holder, name


def _objects(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
