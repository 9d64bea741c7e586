"""(a) The published radioactivity test: does the suspect's own text lean to what our key favours?"""

from __future__ import annotations

import numpy as np

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.pairs import pairs_of
from stillwatch.provenance.schemes.scheme import distinct
from stillwatch.provenance.tails import holm, log_sub_gaussian_tail
from stillwatch.provenance.wording import chance, strength

CARD = Card(
    id="radioactivity",
    title="Does the suspect's own text lean to what our key favours?",
    null="The suspect's answers were made without knowledge, direct or learned, of the key.",
    assumptions="The keyed function is as good as independent coins for distinct pairs of context and token. Nothing "
    "that the suspect was asked, and could copy, was marked by the key. The key was fixed before the test.",
    needs=(("answers", "keys"),),
    guarantee="Each distinct pair counts once over all answers. Binomial or Gamma tail over the key, exact for ideal "
    "functions; for SynthID the bound exp(-z^2/2). Several keys: Holm.",
    does_not_show="How much was taken, when, or by whom. A large p-value does not clear the suspect: paraphrase, "
    "other teachers mixed in, and widths above 2 hide a mark.",
    source="Sander, Fernandez, Durmus, Douze & Furon, arXiv:2402.14904, sections 3 and 4; Fernandez et al., "
    "arXiv:2308.00113, for counting distinct pairs and exact tails.",
)


class Radioactivity:
    """Counts what the key favours among distinct pairs of the suspect's answers."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the smallest p-value over the keys, corrected for their number."""
        lines = []
        for key_id, scheme in material.schemes.items():
            everything = pairs_of(
                [answer.tokens for answer in material.answers],
                scheme.width,
                scheme.start,
                [answer.prompt for answer in material.answers],
            )
            pairs = distinct(scheme, everything)
            if not len(pairs):
                return no_data(CARD, f"No answer is longer than the mark's context of {scheme.width} tokens.")
            found = scheme.judged(pairs.contexts, pairs.tokens)
            measured = {
                "total": found.total,
                "repeats_left_out": float(len(everything) - len(pairs)),
                "log_p_bound": float(log_sub_gaussian_tail(found.z)),
            }
            lines.append(Line(key_id, found.z, found.log_p, found.log_p, len(pairs), measured))
        return keyed_finding(CARD, lines, "distinct pairs of the suspect's answers")


def keyed_finding(card: Card, lines: list[Line], counted: str, warnings: tuple[str, ...] = ()) -> Finding:
    """Return the finding of a test with one line a key: Holm over the keys, the strongest one said."""
    adjusted = holm(np.array([line.log_p for line in lines]))
    corrected = tuple(
        Line(line.subject, line.z, line.log_p, float(log_p), line.units, line.measured)
        for line, log_p in zip(lines, adjusted, strict=True)
    )
    best = min(corrected, key=lambda line: line.log_p_adjusted)
    keys = f", corrected for {len(lines)} keys" if len(lines) > 1 else ""
    said = (
        f"{strength(best.log_p_adjusted).capitalize()}: p = {chance(best.log_p_adjusted)}{keys}; z = {best.z:.1f} for "
        f"key {best.subject}, over {best.units:,} {counted}."
    )
    return Finding(card, "tested", best.log_p_adjusted, said, corrected, warnings)


test: OriginTest = Radioactivity()
