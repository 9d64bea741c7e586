"""Log-probabilities off: the text stays, the numbers beside it go."""

from __future__ import annotations

from stillwatch.lab.defences.defence import Defence, unchanged

defence = Defence("logprobs off", "answers unchanged, no log-probabilities beside them", unchanged, logprobs=False)
