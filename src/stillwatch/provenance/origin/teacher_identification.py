"""(g) Which of several models speaks most like the suspect? A ranking, without any error guarantee."""

from __future__ import annotations

import numpy as np

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data

CARD = Card(
    id="teacher_identification",
    title="Which of the candidates finds the suspect's answers likeliest?",
    null="None: this is a ranking, not a test.",
    assumptions="Candidates share one tokenizer. The true teacher may not be among them.",
    needs=(("answers", "teacher", "controls"),),
    guarantee="No error guarantee. A model that was never near ours can come first, for a like style or like data.",
    does_not_show="That the first of the ranking taught the suspect. Use it to choose what to test, never to accuse.",
    source="Own; in the spirit of Wadhwa et al., 'Who taught you that?', arXiv:2502.06659.",
    exploratory=True,
    about="resemblance",
)


class TeacherIdentification:
    """Ranks candidates by the mean log-probability of the suspect's tokens."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the ranking; there is no p-value."""
        assert material.teacher is not None
        answers = [answer for answer in material.answers if len(answer.tokens)]
        if not answers:
            return no_data(CARD, "All answers are empty.")
        candidates = (material.teacher, *material.controls)
        heights = np.array(
            [
                [
                    float(
                        np.maximum(model.log_probabilities(answer.prompt, answer.tokens), -30.0)[
                            np.arange(len(answer.tokens)), answer.tokens
                        ].mean()
                    )
                    for answer in answers
                ]
                for model in candidates
            ]
        )
        first = np.bincount(heights.argmax(axis=0), minlength=len(candidates)) / len(answers)
        nan = float("nan")
        lines = tuple(
            Line(
                model.name,
                nan,
                nan,
                nan,
                len(answers),
                {"nats_a_token": float(row.mean()), "share_first": float(share)},
            )
            for model, row, share in zip(candidates, heights, first, strict=True)
        )
        best = candidates[int(heights.mean(axis=1).argmax())]
        which = "our teacher" if best is material.teacher else best.name
        said = (
            f"Of {len(candidates)} candidates, {which} finds the answers likeliest on average. This is a ranking "
            "without an error guarantee, and no evidence by itself."
        )
        return Finding(CARD, "tested", nan, said, lines)


test: OriginTest = TeacherIdentification()
