"""Phrases that ask a model for what a student model is trained on, and the table that finds them.

A prompt elicits when the points of its phrases in one category reach two. A phrase that people use for its own sake
("score", "verbatim", a novel's "inner monologue") earns one point, so that it takes company to count; a phrase that
hardly ever stands in an honest question earns two. Phrases are sequences of one to four words, lower-case, each run of
digits read as 0.

Source: the categories are those that providers and the Frontier Model Forum name in 2026 (reasoning exfiltration and
coercion; critiquing and autograding; generation of training data). The phrases are ours: an operator who reads them
can avoid them, which is why no campaign is ever found by wording alone.
"""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = ("coercion", "reasoning", "grading", "training")
POINTS_NEEDED: Final = 2

PHRASES: Final[dict[str, dict[int, str]]] = {
    "coercion": {
        2: """hidden reasoning|reasoning trace|reasoning traces|raw reasoning|
            raw chain of thought|think tags|thinking tags|thinking block|reasoning verbatim|thinking verbatim|
            thoughts verbatim|not be summarised|not be summarized|not summarise your|not summarize your|
            without summarising your|without summarizing your|unsummarised reasoning|unsummarized reasoning|
            entire thought process|full thought process|complete thought process|language of your thinking|
            language of your reasoning|reasoning you write must|reveal your reasoning|repeat your reasoning|
            dump your reasoning|print your reasoning|output your reasoning|exact reasoning tokens|
            scratchpad verbatim|
            private reasoning|raw thinking|unfiltered reasoning|reconstruct your reasoning|
            reconstruct the reasoning|reasoning tokens|thinking tokens|reveal your thinking|expose your reasoning|
            hidden chain of thought|chain of thought verbatim|entire reasoning|full scratchpad|whole scratchpad|
            thinking process verbatim""",
        1: """verbatim|unabridged|omit nothing|leave nothing out|word for word|do not summarise|do not summarize|
            your thinking|your reasoning|internal reasoning|complete reasoning|full reasoning|complete hidden|
            same language as|articulate|scratchpad|before you reply|reasoning behind|in full|your thoughts|
            step after step|think tag|inside think|unfiltered|dead ends|not shortened|
            leaving nothing out|without any summary|do not condense|internal thoughts|thinking process|
            inner monologue|internal monologue|every thought|hidden thoughts|private thoughts|raw thoughts""",
    },
    "reasoning": {
        2: """step by step|chain of thought|show your work|show your working|show all your|every step of|
            worked derivation|worked solution|full derivation|complete derivation|reason carefully|reasoning steps|
            think out loud|explain each inference|detailed reasoning|derive each|justify each step|justify every step|
            explain your reasoning|intermediate steps|intermediate results|intermediate result|schritt für schritt|
            étape par étape|paso a paso|passo a passo|шаг за шагом""",
        1: """reasoning|derivation|each step|all steps|write out|each inference|then the answer|before the answer|
            before you answer|before answering|only then answer|final answer|starts with answer|list assumptions|
            list your assumptions|known and unknown|restate the|considered and rejected|in detail|work through|
            let us think|let s think|prove each|reproduce it|and the conclusion""",
    },
    "grading": {
        2: """rubric|strict judge|impartial judge|fair judge|expert grader|candidate answers|candidate responses|
            two candidate|response a and|which response is|which answer is better|grade the answer|grade the response|
            grade this answer|grade each|rate the response|rate the answer|score the reply|score the response|
            score the answer|point by point|pairwise comparison|preference label|assistant a|evaluate the response|
            evaluate the answer|
            reward model|act as a grader|you are the judge|you are a judge|llm as a judge|assign a grade|
            assign a score|score the following answer|rate this completion|rate this answer|rate this response|
            score this answer|score this response|answer a with answer|answer a and answer|response a with response|
            preferred response|preference pair|which of the two""",
        1: """judge|grade|score|from 0 to 0|scale of 0|out of 0|criteria|which is better|better answer|justify|
            correctness|completeness|helpfulness|compare the|critique|reward|verdict|rationale|rate the|
            faithfulness|response b|answer b""",
    },
    "training": {
        2: """training example|training examples|training data|training sample|instruction response pair|
            instruction response pairs|instruction tuning|fine tuning data|synthetic data|synthetic dataset|
            ideal answer|ideal response|ideal completion|gold answer|reference answer|best possible answer|
            no small talk|question answer pairs|generate 0 questions|generate 0 diverse|write 0 diverse|
            0 diverse instructions|demonstration data|
            fine tuning set|fine tuning dataset|fine tuning example|fine tuning examples|gold reference|golden answer|
            student model|instruction and output|question and answer pairs|chosen and one rejected|
            chosen and rejected|synthetic instruction|seed task|seed instruction|ideal assistant|
            self instruct|hard negatives|preference data""",
        1: """high quality|self contained|complete answer|comprehensive answer|detailed and helpful|helpful response|
            detailed answer|well structured|diverse|dataset|jsonl|short summary|headings|standalone|
            style of an ideal|json lines|
            without first person|neutral style|rising difficulty|increasing difficulty|fine tuning""",
    },
}


def phrases() -> list[tuple[tuple[str, ...], int, int]]:
    """Return each phrase's words, its category's place in ``CATEGORIES`` and its points."""
    return [
        (tuple(phrase.split()), CATEGORIES.index(category), points)
        for category, by_points in PHRASES.items()
        for points, text in by_points.items()
        for phrase in text.split("|")
    ]
