"""A marked request names its key and cannot refuse; everything else in it stays."""

from __future__ import annotations

from typing import Any

import pytest

from stillwatch.gateway.marking import MarkStyle, marked

BODY: dict[str, Any] = {
    "model": "m",
    "watermarking": False,
    "watermark": {"enabled": False},
    "vllm_xargs": {"watermarking": False, "kept": 1, "stillwatch_mark": "forged"},
    "sampling_params": {"watermarking": False},
    "extra_body": {"watermark": None},
}


@pytest.mark.parametrize("style", list(MarkStyle))
def test_no_refusal_survives(style: MarkStyle) -> None:
    got = marked(BODY, "cohort-7", style)
    assert "watermarking" not in str(got) and "forged" not in str(got)
    assert got.get("watermark", {"enabled": True}) == {"enabled": True}
    assert got["model"] == "m" and got["vllm_xargs"]["kept"] == 1
    assert BODY["watermarking"] is False  # The client's own request is left as it is.


def test_each_style_puts_the_key_in_its_place() -> None:
    assert marked({}, "k", MarkStyle.VLLM) == {"vllm_xargs": {"stillwatch_mark": "k"}}
    assert marked({"extra_body": "odd"}, "k", MarkStyle.EXTRA) == {"extra_body": {"stillwatch_mark": "k"}}
    assert marked({}, "k", MarkStyle.SGLANG) == {"watermark": {"enabled": True}}
    assert marked({"a": 1}, "k", MarkStyle.NONE) == {"a": 1}
