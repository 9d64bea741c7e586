"""(b) The same, less what our unmarked teacher would have said at each place: the key is the only randomness left."""

from __future__ import annotations

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.origin.radioactivity import keyed_finding
from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.scheme import Scheme, WeightedSum
from stillwatch.provenance.tails import log_sub_gaussian_tail
from stillwatch.provenance.weighing import WeightedPairs, answers_less_teacher

SOFTNESS = 30.0  # Of masses; plain sums are a little stronger where no context is frequent: docs/provenance.md.
CARD = Card(
    id="teacher_subtracted",
    title="Does the suspect depart from our unmarked teacher in the direction of our key?",
    null="The suspect's answers were made without knowledge, direct or learned, of the key. The suspect may have been "
    "taught by our teacher, as long as no key's mark was in what it learned.",
    assumptions="The keyed function is as good as independent coins for distinct pairs. Weights (what was said less "
    "our teacher's probabilities) are computed without the key. What the suspect was asked was not marked.",
    needs=(("answers", "keys", "teacher"),),
    guarantee="Given the answers, the weighted sum is sub-Gaussian over the key, so that p = exp(-z^2/2) holds at "
    "every sample size. Repeated pairs add up inside one weight. Several keys: Holm.",
    does_not_show="That no other of our keys, and no unmarked text of ours, was used; how much was taken; by whom. A "
    "large p-value does not clear the suspect.",
    source="Own; the control variate for the test of Sander et al., arXiv:2402.14904. Sub-Gaussian proxies: Hoeffding "
    "1963, Kearns & Saul 1998.",
)


def total_of(pairs: WeightedPairs, scheme: Scheme) -> WeightedSum:
    """Return the sum over coins; large weights are softened, so that a few frequent contexts do not drown the rest."""
    coins = pairs.by_coin(scheme)
    weights = coins.evened() if scheme.two_valued else coins.tempered(SOFTNESS)
    return scheme.weighted(coins.contexts, coins.tokens, weights)


class TeacherSubtracted:
    """Sums, over pairs, what was said beyond our teacher's probabilities times what the key favours."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the smallest p-value over the keys, corrected for their number."""
        assert material.teacher is not None
        lines = []
        weighed: dict[tuple[int, Start], WeightedPairs] = {}
        for key_id, scheme in material.schemes.items():
            shape = (scheme.width, scheme.start)
            if shape not in weighed:
                weighed[shape] = answers_less_teacher(material.answers, material.teacher, *shape)
            pairs = weighed[shape]
            if not len(pairs):
                return no_data(CARD, f"No answer is longer than the mark's context of {scheme.width} tokens.")
            summed = total_of(pairs, scheme)
            log_p = float(log_sub_gaussian_tail(summed.z))
            measured = {"total": summed.total, "variance_proxy": summed.variance}
            lines.append(Line(key_id, summed.z, log_p, log_p, len(pairs), measured))
        return keyed_finding(CARD, lines, "weighed pairs")


test: OriginTest = TeacherSubtracted()
