"""Taking reasoning and log-probabilities out of whole answers, whichever API shaped them.

Only fields that are documented to carry either are touched. Whatever has another shape goes through as it is, and what
comes out is JSON whenever what went in was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson

from stillwatch.gateway.answer_only import leave_answers
from stillwatch.gateway.redaction_anthropic import hide_in_message
from stillwatch.gateway.redaction_openai import hide_in_completion, hide_in_turn
from stillwatch.gateway.redaction_responses import hide_in_response, is_hidden_item
from stillwatch.response.command import Command

_NATIVE_LOGPROBS = frozenset(
    {"input_token_logprobs", "output_token_logprobs", "input_top_logprobs", "output_top_logprobs"}
    | {"input_token_ids_logprobs", "output_token_ids_logprobs"}
)


@dataclass(frozen=True, slots=True)
class Hiding:
    """What is to be taken out of answers.

    Attributes:
        reasoning: Reasoning traces and thinking blocks, signed and encrypted ones included.
        logprobs: Log-probabilities of tokens, of the prompt's too.
        answer_only: What stands before the answer within texts; both of the above go with it.
    """

    reasoning: bool = False
    logprobs: bool = False
    answer_only: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything is to be taken out."""
        return self.reasoning or self.logprobs or self.answer_only


def hiding_of(command: Command) -> Hiding:
    """Return what a command asks to be taken out."""
    return Hiding(command.hide_reasoning, command.hide_logprobs, command.answer_only)


def parsed(data: bytes | bytearray) -> Any:
    """Return a JSON value, also one that only lenient writers make (NaN, lone surrogates).

    Raises:
        ValueError: If it is no JSON even so.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def written(value: Any) -> bytes:
    """Return ``value`` as compact UTF-8 JSON; numbers that JSON does not have become null."""
    try:
        return orjson.dumps(value)
    except TypeError:  # A lone surrogate, which only an escape can spell, or a number beyond 64 bits.
        return json.dumps(value, separators=(",", ":")).encode()


def redacted(body: bytes, hiding: Hiding) -> bytes:
    """Return an answer's body without what ``hiding`` names: the same bytes where it has none, or is no JSON."""
    try:
        document = parsed(body)
    except ValueError:
        return body
    changed = hide_in_document(document, hiding)
    if hiding.answer_only:
        changed |= leave_answers(document)
    return written(document) if changed else body


def hide_in_document(document: Any, hiding: Hiding) -> bool:
    """Edit a parsed answer in place and tell whether it changed.

    Known are OpenAI's chat completions, completions and responses (also with the fields that vLLM, SGLang, DeepSeek,
    OpenRouter and LiteLLM add), Anthropic's messages, Ollama's chat, and lists of any of these.
    """
    if isinstance(document, list):
        return sum(hide_in_document(each, hiding) for each in document) > 0  # All of them, not only the first.
    if not isinstance(document, dict):
        return False
    if isinstance(document.get("choices"), list):
        return hide_in_completion(document, hiding.reasoning, hiding.logprobs)
    if document.get("object") == "response" or isinstance(document.get("output"), list):
        return hide_in_response(document, hiding.reasoning, hiding.logprobs)
    if document.get("type") == "message" and isinstance(document.get("content"), list):
        return hide_in_message(document, hiding.reasoning) | hide_in_response(
            {"output": [document]}, False, hiding.logprobs
        )
    if document.get("object") == "list" and isinstance(document.get("data"), list):
        return _hide_in_list(document, hiding)
    changed = False
    if hiding.reasoning and isinstance(document.get("message"), dict):
        changed = hide_in_turn(document["message"])
    if hiding.reasoning and "response" in document and "thinking" in document:
        del document["thinking"]
        changed = True
    if hiding.logprobs and isinstance(document.get("meta_info"), dict):
        held = _NATIVE_LOGPROBS & document["meta_info"].keys()
        for name in held:
            del document["meta_info"][name]
        changed |= bool(held)
    return changed


def _hide_in_list(document: dict[str, Any], hiding: Hiding) -> bool:
    """Edit a stored conversation or a list of stored answers, as the APIs give them back later."""
    before = document["data"]
    kept = [item for item in before if not (hiding.reasoning and is_hidden_item(item))]
    document["data"] = kept
    changed = sum(hide_in_document(each, hiding) for each in kept)
    return changed > 0 or len(kept) < len(before)
