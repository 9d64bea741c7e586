"""No defence: the undefended answer, with log-probabilities."""

from __future__ import annotations

from stillwatch.lab.defences.defence import Defence, unchanged

defence = Defence("none", "answers as the teacher gives them", unchanged, logprobs=True)
