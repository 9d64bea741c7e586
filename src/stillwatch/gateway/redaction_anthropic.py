"""Messages: where thinking stands in them, whole and streamed.

Source: Anthropic's API reference, content blocks ``thinking`` and ``redacted_thinking``, deltas ``thinking_delta`` and
``signature_delta`` of streamed messages.
"""

from __future__ import annotations

from typing import Any

_BLOCKS = ("thinking", "redacted_thinking")  # No sets: what a server calls a type may be a list.
_DELTAS = ("thinking_delta", "signature_delta")
_OF_A_BLOCK = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})


def _is_thinking(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in _BLOCKS


def hide_in_message(message: dict[str, Any], reasoning: bool) -> bool:
    """Take the thinking blocks out of a message, in place, and tell whether there were any."""
    content = message.get("content")
    if not reasoning or not isinstance(content, list):
        return False
    kept = [block for block in content if not _is_thinking(block)]
    message["content"] = kept
    return len(kept) < len(content)


class BlockHiding:
    """Hides the thinking blocks of one streamed message and closes the gaps in the numbers of the others."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self._hidden: set[int] = set()

    def hide(self, event: dict[str, Any]) -> tuple[bool, bool]:
        """Edit an event in place; return whether it changed, and whether it is to be passed on."""
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            return hide_in_message(event["message"], True), True
        if kind not in _OF_A_BLOCK:
            return False, True
        index, delta = event.get("index"), event.get("delta")
        if kind == "content_block_start" and _is_thinking(event.get("content_block")):
            if isinstance(index, int):
                self._hidden.add(index)
            return True, False
        if isinstance(delta, dict) and delta.get("type") in _DELTAS:
            return True, False
        if not isinstance(index, int):
            return False, True
        if index in self._hidden:
            return True, False
        before = sum(hidden < index for hidden in self._hidden)
        if not before:
            return False, True
        event["index"] = index - before
        return True, True
