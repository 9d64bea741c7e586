"""What a door is told to do with a request: the only thing that doors obey."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from stillwatch.response.counters import Limit
from stillwatch.response.ladder import Rung

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the model's place, as a problem document.

    Attributes:
        status: 403, 429 or 503.
        type: URI that names the kind of problem.
        title: The kind in a few words; equal for equal types.
        detail: What this client can do about it. Says nothing of evidence, campaigns or other accounts.
        link: Where to verify or appeal, if anywhere.
        retry_after_s: Seconds until it may pass, where time alone helps.

    Source:
        RFC 9457 (problem details), RFC 9110 section 10.2.3 (Retry-After).
    """

    status: int
    type: str
    title: str
    detail: str
    link: str | None = None
    retry_after_s: float | None = None

    def body(self) -> bytes:
        """Return the document as UTF-8 JSON, of media type ``PROBLEM_JSON``."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.link is not None:
            document["link"] = self.link
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the header fields that go with the document, names in lower case."""
        fields = [("content-type", PROBLEM_JSON), ("cache-control", "no-store")]
        if self.retry_after_s is not None:
            fields.append(("retry-after", str(max(1, math.ceil(self.retry_after_s)))))
        if self.link is not None:
            fields.append(("link", f'<{self.link}>; rel="help"'))
        return tuple(fields)


@dataclass(frozen=True, slots=True)
class Command:
    """What to do with one request.

    Attributes:
        rung: Where the account stands after the policy.
        refusal: Answer this instead of asking the model; None lets the request through.
        hide_reasoning: Take reasoning out of the answer.
        hide_logprobs: Take log-probabilities out of the answer.
        mark_key: Have the model server mark the answer under the key of this id; None leaves it unmarked.
        headers: To add to the answer, refusal or not; names in lower case. Those of ``refusal`` are not among them.
        fired: Ids of the rules that fired and count.
        shadow: Ids of the rules that fired and would count, were they enforced.
        cache_s: Seconds for which the same command holds for requests of the same account, country and autonomous
            system; 0 for this request only.
        shadow_rung: Where the account would stand, were every rule enforced.
        shadow_refusal: ``type`` of the refusal that there would then have been, or None.
        to_settle: Limits in tokens that were charged by estimate: hand the command to ``Decider.settle`` with the
            true counts when the answer is done.
        estimated_tokens: What was charged to them.
        answer_only: Leave of the answer's texts what comes after the worked steps; reasoning and log-probabilities are
            then hidden too.
    """

    rung: Rung = Rung.NONE
    refusal: Refusal | None = None
    hide_reasoning: bool = False
    hide_logprobs: bool = False
    mark_key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    fired: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    cache_s: float = 0.0
    shadow_rung: Rung = Rung.NONE
    shadow_refusal: str | None = None
    to_settle: tuple[Limit, ...] = field(default=(), repr=False)
    estimated_tokens: float = 0.0
    answer_only: bool = False
