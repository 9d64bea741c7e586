"""The ladder: what an account can meet, from nothing to suspension, each step reversible."""

from __future__ import annotations

from enum import IntEnum


class Rung(IntEnum):
    """A step of the ladder. Steps up to MARK add to those below; VERIFY and SUSPEND refuse instead.

    The order is that of harm to somebody honest who is on it by mistake, so that the greater of two is the harsher.
    """

    NONE = 0  # Nothing is known against the account; the quotas of everyone hold.
    OBSERVE = 1  # Nothing changes on the wire; the decision is logged.
    SLOW = 2  # The account's own pace is bounded: 429 with Retry-After above it.
    CAP = 3  # All accounts of one actor draw on one budget of requests and tokens.
    HIDE = 4  # Reasoning and log-probabilities are taken out of answers, streamed ones included.
    MARK = 5  # The model server is told to watermark what it writes.
    VERIFY = 6  # 403 with a link, until the holder has proven who they are.
    SUSPEND = 7  # 403, until somebody restores the account.

    @property
    def word(self) -> str:
        """The name as policies and reports write it: in lower case."""
        return self.name.lower()


WORDS = {rung.word: rung for rung in Rung}
MEANINGS = {
    Rung.NONE: "nothing but the quotas of everyone",
    Rung.OBSERVE: "logged, nothing else",
    Rung.SLOW: "its own pace is bounded",
    Rung.CAP: "one budget for all accounts of the actor",
    Rung.HIDE: "no reasoning and no log-probabilities in answers",
    Rung.MARK: "answers are watermarked",
    Rung.VERIFY: "refused until verified",
    Rung.SUSPEND: "refused until restored",
}
