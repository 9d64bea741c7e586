"""Responses: where reasoning items and log-probabilities stand in them, whole and streamed.

Source: OpenAI's API reference of responses: items of type ``reasoning``, events ``response.reasoning_*``, and
``logprobs`` of ``output_text`` parts and of ``response.output_text`` events.
"""

from __future__ import annotations

from typing import Any

_HIDDEN_PARTS = ("reasoning_text", "summary_text")


def is_hidden_item(item: Any) -> bool:
    """Tell whether an item of a response's output, or of a stored conversation, is a reasoning trace."""
    return isinstance(item, dict) and item.get("type") == "reasoning"


def hide_in_response(response: dict[str, Any], reasoning: bool, logprobs: bool) -> bool:
    """Edit a response in place and tell whether it changed. Its settings, also called ``reasoning``, stay."""
    output = response.get("output")
    if not isinstance(output, list):
        return False
    changed = False
    if reasoning:
        kept = [item for item in output if not is_hidden_item(item)]
        changed = len(kept) < len(output)
        response["output"] = output = kept
    if logprobs:
        changed |= sum(_without_logprobs(item) for item in output) > 0  # All of them, not only the first.
    return changed


def _without_logprobs(item: Any) -> bool:
    parts = item.get("content") if isinstance(item, dict) else None
    if not isinstance(parts, list):
        return False
    return sum(_emptied(part) for part in parts) > 0


def _emptied(holder: Any) -> bool:
    if not isinstance(holder, dict) or not holder.get("logprobs"):
        return False
    holder["logprobs"] = []
    return True


class ItemHiding:
    """Hides in the events of one streamed response and closes the gaps in the numbers of items and events.

    Args:
        reasoning: Whether to hide reasoning.
        logprobs: Whether to hide log-probabilities.
    """

    def __init__(self, reasoning: bool, logprobs: bool) -> None:
        """Begin before the first event."""
        self._reasoning = reasoning
        self._logprobs = logprobs
        self._hidden: set[int] = set()
        self._left_out = 0

    def hide(self, event: dict[str, Any]) -> tuple[bool, bool]:
        """Edit an event in place; return whether it changed, and whether it is to be passed on."""
        if self._reasoning and self._is_reasoning(event):
            self._left_out += 1
            return True, False
        changed = False
        if isinstance(event.get("response"), dict):
            changed |= hide_in_response(event["response"], self._reasoning, self._logprobs)
        if self._logprobs:
            changed |= _emptied(event) | _emptied(event.get("part")) | _without_logprobs(event.get("item"))
        index = event.get("output_index")
        if isinstance(index, int) and (before := sum(hidden < index for hidden in self._hidden)):
            event["output_index"] = index - before
            changed = True
        if self._left_out and isinstance(event.get("sequence_number"), int):
            event["sequence_number"] -= self._left_out
            changed = True
        return changed, True

    def _is_reasoning(self, event: dict[str, Any]) -> bool:
        index, part = event.get("output_index"), event.get("part")
        if is_hidden_item(event.get("item")):
            if isinstance(index, int):
                self._hidden.add(index)
            return True
        if str(event.get("type", "")).startswith("response.reasoning"):
            return True
        if isinstance(index, int) and index in self._hidden:
            return True
        return isinstance(part, dict) and part.get("type") in _HIDDEN_PARTS
