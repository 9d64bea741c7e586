"""The request and the answer as the large APIs shape them, read the same way whichever log they lie in.

Source: the request and response bodies of OpenAI's chat completions, responses and legacy completions, and of
Anthropic's messages; OpenTelemetry's input-messages schema for ``parts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillwatch.exchange.formats.format import Exchange, as_json, as_object, first_of

_SYSTEM_ROLES = frozenset({"system", "developer"})
_USER_ROLES = frozenset({"user", "human"})
_TOOL_PARTS = frozenset({"tool_result", "tool_call_response", "function_call_output"})


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a list of messages says of its exchange; None: not in the list."""

    system_instructions: str | None
    prompt: str | None
    turn: int | None

    def columns(self) -> Exchange:
        """Return the columns that it fills."""
        return {"system_instructions": self.system_instructions, "prompt": self.prompt, "turn": self.turn}


def text_of(content: Any) -> str | None:
    """Return the text in a message's content, its parts joined by newlines; None where it has no text part.

    Images, files and the results of tools are no text of the user's.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return None
    found = []
    for part in content:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, Mapping) and part.get("type", "text") in ("text", "input_text", "output_text"):
            text = first_of(part, "text", "content")
            text = text.get("value") if isinstance(text, Mapping) else text
            if isinstance(text, str):
                found.append(text)
            elif "text" in part and part["text"] == "":
                found.append("")
    return "\n".join(found) if found else None


def _content(message: Mapping[str, Any]) -> Any:
    return message.get("parts") if message.get("content") is None else message.get("content")


def _only_tool_results(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, Mapping) and part.get("type") in _TOOL_PARTS for part in content)
    )


def conversation_of(messages: Any) -> Conversation:
    """Return the last user message's text, the system's and developer's, and how many user messages came before.

    Messages of role user that only carry a tool's results are not the user's words and are passed over.

    Args:
        messages: A list of messages, or one text, which is then the only user message.
    """
    messages = as_json(messages)
    if isinstance(messages, str):
        return Conversation(None, messages, 0)
    if isinstance(messages, Mapping):
        messages = messages.get("messages", [messages])
    if not isinstance(messages, list):
        return Conversation(None, None, None)
    system: list[str] = []
    users = 0
    prompt: str | None = None
    for message in messages:
        if isinstance(message, str):
            users, prompt = users + 1, message
            continue
        if not isinstance(message, Mapping):
            continue
        role = str(message.get("role", "")).lower()
        content = _content(message)
        if role in _SYSTEM_ROLES and (text := text_of(content)):
            system.append(text)
        elif role in _USER_ROLES and not _only_tool_results(content):
            users, prompt = users + 1, text_of(content)
    return Conversation("\n".join(system) or None, prompt, users - 1 if users else None)


def request_columns(body: Mapping[str, Any]) -> Exchange:
    """Return the columns that a request's body fills: messages, model and settings."""
    messages = first_of(body, "messages", "input", "prompt")
    conversation = conversation_of(messages)
    columns: Exchange = dict(conversation.columns())
    if system := text_of(first_of(body, "system", "instructions")):
        both = [system, conversation.system_instructions]
        columns["system_instructions"] = "\n".join(text for text in both if text)
    columns["request_model"] = body.get("model")
    columns["temperature"] = body.get("temperature")
    columns["max_tokens"] = first_of(body, "max_completion_tokens", "max_output_tokens", "max_tokens")
    columns["choice_count"] = body.get("n")
    columns["reasoning"] = reasoning_asked(body) if messages is not None else None
    return columns


def reasoning_asked(settings: Mapping[str, Any]) -> bool:
    """Tell whether a request's settings ask for reasoning: an effort, a thinking budget, or a switch that is on."""
    effort = settings.get("reasoning_effort")
    if isinstance(effort, str):
        return effort.lower() not in ("none", "")
    reasoning = as_json(settings.get("reasoning"))
    if isinstance(reasoning, Mapping):
        if "enabled" in reasoning:
            return bool(reasoning["enabled"])
        asked = first_of(reasoning, "effort", "summary", "max_tokens")
        return asked is not None and str(asked).lower() != "none"
    thinking = as_json(settings.get("thinking"))
    if isinstance(thinking, Mapping):
        return str(thinking.get("type", "enabled")).lower() != "disabled"
    template = as_object(settings.get("chat_template_kwargs"))
    switches = (settings.get("enable_thinking"), settings.get("include_reasoning"), template.get("enable_thinking"))
    return any(switch is True for switch in (reasoning, thinking, *switches))


def end_user_of(body: Mapping[str, Any]) -> Any:
    """Return the end user that a request names: safety identifier, user, or the metadata's user id."""
    return first_of(body, "safety_identifier", "user") or first_of(as_object(body.get("metadata")), "user_id")


def usage_columns(usage: Any) -> Exchange:
    """Return tokens read and written from a ``usage`` object of either API.

    Anthropic counts tokens read from and written to its cache apart; they were read too.
    """
    usage = as_object(usage)
    read = first_of(usage, "prompt_tokens", "input_tokens", "input", "promptTokens")
    if isinstance(read, int):
        cached = (usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens"))
        if "input_tokens" in usage:
            read += sum(tokens for tokens in cached if isinstance(tokens, int))
    written = first_of(usage, "completion_tokens", "output_tokens", "output", "completionTokens")
    return {"input_tokens": read, "output_tokens": written}


def known(*columns: Exchange) -> Exchange:
    """Return the columns that have a value, later ones before earlier."""
    merged: Exchange = {}
    for some in columns:
        merged.update({name: value for name, value in some.items() if value is not None})
    return merged
