"""(d) Which cohort's traffic taught it? One test a key, at most 64 keys, corrected together."""

from __future__ import annotations

import math

from stillwatch.provenance.key_source import COHORTS_MOST
from stillwatch.provenance.origin import radioactivity, served_weights, teacher_subtracted
from stillwatch.provenance.origin.question import Card, Finding, Material, OriginTest, missing, no_data
from stillwatch.provenance.wording import chance

LEVEL = 0.01
CARD = Card(
    id="cohort_attribution",
    title="Which cohort's marked answers taught the suspect?",
    null="For each cohort by itself: the suspect was made without knowledge, direct or learned, of that cohort's key.",
    assumptions="Those of the test that is used: served_weights where it can run, else teacher_subtracted, else "
    "radioactivity. The choice hangs on what is at hand, never on what was found. Keys of cohorts are unrelated.",
    needs=(("answers", "keys"), ("suspect_weights", "keys", "teacher", "served_log")),
    guarantee=f"The chance that any cohort is named wrongly is at most the level ({LEVEL:g}), by Holm's correction "
    f"over at most {COHORTS_MOST} keys. This holds however many cohorts truly taught the suspect.",
    does_not_show="Which account within a cohort. Accounts of one cohort share a key.",
    source="Holm 1979; cohorts by key: own.",
)
_ORDER = (served_weights.test, teacher_subtracted.test, radioactivity.test)


class CohortAttribution:
    """Names the cohorts whose corrected p-value is at most the level."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the finding of the strongest test that can run, key by key."""
        if len(material.schemes) < 2:
            return no_data(CARD, "There is one key only, so there is nothing to attribute between.")
        if len(material.schemes) > COHORTS_MOST:
            raise ValueError(f"at most {COHORTS_MOST} keys in one test")
        used = next(test for test in _ORDER if not missing(test.card, material))
        found = used(material)
        if found.outcome != "tested":
            return no_data(CARD, found.said)
        named = [line for line in found.lines if line.log_p_adjusted <= math.log(LEVEL)]
        if named:
            listed = ", ".join(f"{line.subject} (p = {chance(line.log_p_adjusted)})" for line in named)
            said = (
                f"Named at level {LEVEL:g}, by {used.card.id}: {listed}. The other keys show no more than chance would."
            )
        else:
            said = f"No cohort is named at level {LEVEL:g}, by {used.card.id} over {len(found.lines)} keys."
        return Finding(CARD, "tested", found.log_p, said, found.lines, found.warnings)


test: OriginTest = CohortAttribution()
