"""Watermark: the teacher's choice of words is biased by a key; what it says stays the same."""

from __future__ import annotations

from stillwatch.lab.defences.defence import Defence, unchanged

defence = Defence("watermark", "answers whose words a key has biased", unchanged, logprobs=False, marked=True)
