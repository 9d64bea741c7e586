"""(f) Descent of weights: does the suspect's next token agree with ours more often than with unrelated models'?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.suspects.model import Scorer
from stillwatch.provenance.tails import holm, log_binomial_tail
from stillwatch.provenance.tokens import Text
from stillwatch.provenance.wording import chance, strength

CARD = Card(
    id="lineage",
    title="Are the suspect's weights derived from ours (fine-tuned, merged, pruned)?",
    null="For at least one of the control models, the suspect's next token agrees with it at least as often as with "
    "our teacher, over prompts like these.",
    assumptions="Prompts are independent draws, chosen before the test, in nobody's training data. Controls are as "
    "near to the suspect as an unrelated model can be: of its size, language, time and training data. A poor choice of "
    "controls makes the finding worthless, and no p-value shows it.",
    needs=(("suspect_weights", "teacher", "controls", "prompts"), ("answers", "teacher", "controls", "prompts")),
    guarantee="Exact sign test for each control over the prompts on which they differ; the largest p-value is that of "
    "the whole claim, the others are shown after Holm-Bonferroni.",
    does_not_show="Distillation. A student taught by our answers with weights of its own need not agree; a model that "
    "shares our training data may. This test is about weights only.",
    source="Nikolic, Baluta & Saxena, arXiv:2502.00706, who use a z-test in the place of the exact one.",
    about="descent",
)


def next_tokens(model: Scorer, prompts: tuple[Text, ...]) -> NDArray[np.int64]:
    """Return the token that ``model`` finds likeliest after each prompt, shape (prompts,)."""
    one = np.zeros(1, np.int64)
    return np.array([int(np.argmax(model.log_probabilities(prompt.prompt, one)[0])) for prompt in prompts], np.int64)


class Lineage:
    """Compares agreements prompt by prompt."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the largest p-value over the controls."""
        assert material.teacher is not None
        prompts = material.prompts
        if material.suspect_weights is not None:
            theirs = next_tokens(material.suspect_weights, prompts)
        else:
            if len(material.answers) != len(prompts):
                return no_data(CARD, "The answers do not belong to the prompts one by one.")
            theirs = np.array([answer.tokens[0] if len(answer.tokens) else -1 for answer in material.answers], np.int64)
        ours = next_tokens(material.teacher, prompts) == theirs
        found = []
        for control in material.controls:
            other = next_tokens(control, prompts) == theirs
            more, less = int((ours & ~other).sum()), int((other & ~ours).sum())
            log_p = log_binomial_tail(more, more + less, 0.5)
            z = (more - less) / (more + less) ** 0.5 if more + less else 0.0
            measured = {"agreement_with_ours": float(ours.mean()), "agreement_with_control": float(other.mean())}
            found.append(Line(control.name, z, log_p, log_p, more + less, measured))
        adjusted = holm(np.array([line.log_p for line in found]))
        lines = tuple(
            Line(line.subject, line.z, line.log_p, float(log_p), line.units, line.measured)
            for line, log_p in zip(found, adjusted, strict=True)
        )
        worst = max(lines, key=lambda line: line.log_p)
        said = (
            f"{strength(worst.log_p).capitalize()} of derived weights: p = {chance(worst.log_p)} against the nearest "
            f"control, {worst.subject}. The suspect agrees with ours on {ours.mean():.0%} of {len(prompts)} prompts."
        )
        warnings = ("Fewer than five controls: the nearest unrelated model may be missing.",) if len(lines) < 5 else ()
        return Finding(CARD, "tested", worst.log_p, said, lines, warnings)


test: OriginTest = Lineage()
