"""Chat completions and completions: where reasoning and log-probabilities stand in them.

Source: OpenAI's API reference for ``logprobs``; the chat completions of vLLM (``reasoning``, ``reasoning_content``,
``prompt_logprobs``), DeepSeek (``reasoning_content``), OpenRouter (``reasoning``, ``reasoning_details``), LiteLLM
(``thinking_blocks``, ``provider_specific_fields``) and Mistral (content parts of type ``thinking``).
"""

from __future__ import annotations

from typing import Any

REASONING_FIELDS = (
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "reasoning_text",
    "reasoning_opaque",
    "thinking",
    "thinking_blocks",
)
_REASONING_PARTS = ("thinking", "redacted_thinking", "reasoning")  # No set: what a server calls a type may be a list.
_SAYS_NOTHING: tuple[object, ...] = (None, "", [])


def hide_in_completion(document: dict[str, Any], reasoning: bool, logprobs: bool) -> bool:
    """Edit a completion, whole or a chunk of one, in place and tell whether it changed."""
    changed = logprobs and _blanked(document, "prompt_logprobs")
    for choice in document["choices"]:
        if not isinstance(choice, dict):
            continue
        if logprobs:
            changed |= _blanked(choice, "logprobs") | _blanked(choice, "prompt_logprobs")
        if reasoning:
            changed |= _without_fields(choice)
            for place in ("message", "delta"):
                if isinstance(choice.get(place), dict):
                    changed |= hide_in_turn(choice[place])
    return changed


def hide_in_turn(turn: dict[str, Any]) -> bool:
    """Take the reasoning out of a message or a delta, in place, and tell whether there was any."""
    changed = _without_fields(turn)
    if isinstance(turn.get("provider_specific_fields"), dict):
        changed |= _without_fields(turn["provider_specific_fields"])
    content = turn.get("content")
    if isinstance(content, list):
        kept = [part for part in content if not (isinstance(part, dict) and part.get("type") in _REASONING_PARTS)]
        if len(kept) < len(content):
            turn["content"] = kept
            changed = True
    return changed


def _without_fields(holder: dict[str, Any]) -> bool:
    held = [name for name in REASONING_FIELDS if name in holder]
    for name in held:
        del holder[name]
    return bool(held)


def _blanked(holder: dict[str, Any], name: str) -> bool:
    """Make a field null where it says something; clients expect the field itself to be there."""
    if holder.get(name) is None:
        return False
    holder[name] = None
    return True


class ChunkHiding:
    """Hides in the chunks of one streamed completion, and leaves out chunks that then say nothing.

    A chunk that only carried reasoning would still tell when and how much the model reasoned.

    Args:
        reasoning: Whether to hide reasoning.
        logprobs: Whether to hide log-probabilities.
    """

    def __init__(self, reasoning: bool, logprobs: bool) -> None:
        """Begin before the first chunk."""
        self._reasoning = reasoning
        self._logprobs = logprobs
        self._begun: set[Any] = set()  # Choices whose role the client was told; some servers repeat it each time.

    def hide(self, chunk: dict[str, Any]) -> tuple[bool, bool]:
        """Edit a chunk in place; return whether it changed, and whether it still says anything."""
        changed = hide_in_completion(chunk, self._reasoning, self._logprobs)
        telling = not chunk["choices"] or chunk.get("usage") is not None
        for choice in chunk["choices"]:
            telling |= self.tells(choice)
        return changed, telling or not changed

    def tells(self, choice: Any) -> bool:
        """Tell whether a choice of a chunk, as it now is, says anything that the client was not told."""
        if not isinstance(choice, dict) or choice.get("finish_reason") is not None:
            return True
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return True
        index = choice.get("index")
        if delta.get("role") is not None and isinstance(index, int | None) and index not in self._begun:
            self._begun.add(index)
            return True
        return any(name != "role" and value not in _SAYS_NOTHING for name, value in delta.items())
