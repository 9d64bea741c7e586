"""Asking the model server for a watermark in the request itself, and taking a client's refusal of one out of it.

The wall writes no watermark. It names the key, in a header field and, as configured, in the body; the server that holds
the key under that id marks. vLLM marks every request once it has a key unless ``watermarking`` is false; SGLang
marks where the object ``watermark`` is enabled; both leave it to a gateway to see that clients do not say otherwise.

Source: vLLM, "Text watermarking", and SGLang, "Text Watermarking", in their documentation (versions 0.32 and 0.5.23).
"""

from __future__ import annotations

from enum import Enum
from typing import Any

MARK_HEADER = "x-stillwatch-mark"
MARK_FIELD = "stillwatch_mark"
_REFUSALS = ("watermarking", "watermark")
_HOLDERS = ("vllm_xargs", "extra_body", "sampling_params", "custom_params", "extra_args")


class MarkStyle(Enum):
    """Where in the body the key's id goes; the header field carries it always."""

    NONE = "none"  # For servers that refuse fields which they do not know.
    VLLM = "vllm"  # ``vllm_xargs``, which vLLM hands to its sampling plug-ins.
    EXTRA = "extra"  # ``extra_body``, which LiteLLM and others unfold.
    SGLANG = "sglang"  # ``watermark``: enabled, under the server's key.


def marked(body: dict[str, Any], key: str, style: MarkStyle) -> dict[str, Any]:
    """Return a request's body that asks for the mark under ``key`` and cannot refuse it.

    Args:
        body: The parsed request; it is left as it is.
        key: The key's id, which is no secret.
        style: Where the id goes.
    """
    asked = {name: value for name, value in body.items() if name not in _REFUSALS}
    for holder in _HOLDERS:
        held = asked.get(holder)
        if isinstance(held, dict):
            asked[holder] = {name: value for name, value in held.items() if name not in (*_REFUSALS, MARK_FIELD)}
    if style is MarkStyle.SGLANG:
        asked["watermark"] = {"enabled": True}
    elif style is not MarkStyle.NONE:
        holder = "vllm_xargs" if style is MarkStyle.VLLM else "extra_body"
        held = asked.get(holder)
        asked[holder] = {**(held if isinstance(held, dict) else {}), MARK_FIELD: key}
    return asked
