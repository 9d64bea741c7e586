"""A worked answer: steps on lines of their own, then the final answer after four hash signs, as in GSM8K."""

from __future__ import annotations

from dataclasses import dataclass

LINE = "\n"
FINAL = "####"


@dataclass(frozen=True, slots=True)
class Answer:
    """The steps of a worked answer and what they end in."""

    steps: tuple[str, ...]  # Without line ends; none are empty.
    final: str  # Without spaces around it.

    @property
    def text(self) -> str:
        """The answer as it is written, with single spaces around each line end."""
        return " ".join([*(f"{step} {LINE}" for step in self.steps), f"{FINAL} {self.final}"])


def parsed(text: str) -> Answer | None:
    """Return the worked answer that ``text`` holds, or None if it names no final answer.

    The last ``####`` counts, so that steps may quote one. Empty lines are no steps.

    Source: the layout is that of the GSM8K data set (Cobbe et al., arXiv:2110.14168).
    """
    worked, mark, final = text.rpartition(FINAL)
    if not mark or not final.strip():
        return None
    return Answer(tuple(step.strip() for step in worked.split(LINE) if step.strip()), final.strip())
