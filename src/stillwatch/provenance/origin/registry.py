"""The tests of origin, registered once, and the way to run them all."""

from __future__ import annotations

from collections.abc import Sequence

from stillwatch.provenance.origin import (
    canaries,
    cohort_attribution,
    lineage,
    radioactivity,
    served_choices,
    served_weights,
    teacher_identification,
    teacher_subtracted,
)
from stillwatch.provenance.origin.question import NEEDS, Finding, Material, OriginTest, missing

TESTS: tuple[OriginTest, ...] = (
    radioactivity.test,
    teacher_subtracted.test,
    served_weights.test,
    cohort_attribution.test,
    canaries.test,
    lineage.test,
    teacher_identification.test,
    served_choices.test,
)


def chosen(names: Sequence[str]) -> tuple[OriginTest, ...]:
    """Return the tests of these ids, all of them for none.

    Raises:
        ValueError: If a test is unknown.
    """
    known = {test.card.id: test for test in TESTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no test is called {unknown[0]}: there are {', '.join(known)}")
    return tuple(test for test in TESTS if not names or test.card.id in names)


def run(material: Material, tests: Sequence[OriginTest] = TESTS) -> tuple[Finding, ...]:
    """Return the finding of each test; one that lacks something says what."""
    found = []
    for test in tests:
        absent = missing(test.card, material)
        if absent:
            said = "Not possible without " + " and ".join(NEEDS[need] for need in absent) + "."
            found.append(Finding(test.card, "not possible", float("nan"), said))
        else:
            found.append(test(material))
    return tuple(found)
