"""What honest accounts are held to do: every constant that a benign claim rests on, in one place to dispute.

"Measured" means on public collections of prompts that people wrote (864 accounts with at least eight prompts: HALIE,
RealHumanEval, WildChat and others), folded by this software. They hold few businesses and no paying customers, so
that claims are set well above what was measured. An operator who knows better passes other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Benign:
    """Limits that honest accounts keep.

    A concentration says how alike accounts are: an account's share follows a Beta law whose parameters sum to it.
    """

    # Elicitation. Mean shares were measured at 0.0003 coercion, 0.006 to 0.013 worked reasoning, 0.003 grading and
    # 0.002 training; the limits leave room for the evaluators and builders whom public chats lack.
    coercion_share: float = 0.005
    coercion_concentration: float = 8.0  # Measured: 8.0.
    reasoning_share: float = 0.05
    reasoning_concentration: float = 1.0  # Measured: 0.2 to 0.8. Some people send nothing but exercises.
    grading_share: float = 0.02
    grading_concentration: float = 3.0  # Measured: 3.0.
    training_share: float = 0.03
    training_concentration: float = 5.0  # Measured: 5 to 8.

    # Rhythm. Six hours are less than most people sleep. No account of an image service with at least 12 active
    # hours (24 of them) touched its quietest six; the limit allows one late night in about three weeks.
    night_h: int = 6
    night_share: float = 0.04

    # Breadth. The mean cosine of two prompts of one person: a tenth of the measured people were below 0.05, prompts
    # drawn at random from all people had 0.026.
    topic_cosine: float = 0.05
    opening_share: float = 0.5  # Judgement: of a person's exchanges, half go on with a conversation.
    opening_concentration: float = 2.0  # Judgement: any share is about as common.
    alone_share: float = 0.9  # Measured mean share of a person's word sequences that never came back: 0.77 to 0.86.
    alone_concentration: float = 4.0  # Judgement.

    # Monoculture. Measured mean collision share over 64 template buckets: 0.07 to 0.10. For settings no public data
    # exist: most clients never change them, so that only an account's kind can tell.
    template_collision: float = 0.1
    setting_collision: float = 0.5
    collision_most: float = 0.9  # A kind that agrees more than this tells nothing by agreeing.

    # Several answers at once: judgement. Chat clients never ask for them; an image service's users did for 0.20.
    extra_answer_share: float = 0.05
    extra_answer_concentration: float = 1.0

    # Probing. Share of word sequences that came back at least three times: measured 0.07 to 0.12, those of templates
    # included, which the detector leaves out.
    probe_share: float = 0.1
    probe_concentration: float = 2.0

    # Volume. The log of exchanges an active day about its kind's median: an image service's users reached 3.7
    # spreads at one in a thousand, where Student's t with 4 degrees of freedom allows 7.2.
    volume_freedom: float = 4.0
    volume_spread_least: float = 0.5
    kind_accounts_least: int = 30  # Fewer accounts give no median worth comparing with.


BENIGN = Benign()
