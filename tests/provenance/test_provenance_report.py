"""The report: what it may conclude, what it must not, and that programs can read it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from stillwatch.provenance.origin.question import Finding, Material
from stillwatch.provenance.origin.registry import TESTS, run
from stillwatch.provenance.report import as_json, as_text, conclusion, reported
from stillwatch.provenance.wording import chance, strength


def finding(place: int, p: float) -> Finding:
    return Finding(TESTS[place].card, "tested", math.log(p), f"p = {p}")


def test_tests_of_teaching_are_corrected_together_and_others_left_out() -> None:
    found = reported("it", [finding(0, 0.01), finding(1, 0.02), finding(5, 1e-9), finding(6, 1e-9)])
    assert np.allclose(np.exp(found.adjusted[:2]), [0.02, 0.02])
    assert math.isnan(found.adjusted[2]) and math.isnan(found.adjusted[3])
    assert math.isclose(math.exp(found.log_p), 0.02)


def test_descent_of_weights_alone_concludes_nothing_about_teaching() -> None:
    found = reported("it", [finding(5, 1e-30)])
    assert math.isnan(found.log_p) and "Nothing is said for or against it" in conclusion(found)


@pytest.mark.parametrize(
    ("p", "said"),
    [(1e-9, "Very strong evidence"), (1e-4, "Strong evidence"), (0.01, "Weak evidence"), (0.4, "No evidence")],
)
def test_words_follow_the_chance(p: float, said: str) -> None:
    found = reported("it", [finding(0, p)])
    assert conclusion(found).startswith(said)
    assert ("does not clear it" in conclusion(found)) == (p > 0.05)
    assert "proof" not in as_text(found) and "proves" not in as_text(found)


def test_the_conclusion_names_its_test_and_where_chance_is_no_longer_the_question() -> None:
    found = conclusion(reported("it", [finding(0, 1e-5), finding(1, 1e-40)]))
    assert f"by {TESTS[1].card.id}, corrected over 2 tests" in found and "dispute are the assumptions" in found
    assert "dispute" not in conclusion(reported("it", [finding(0, 1e-9)]))


def test_text_tells_null_assumptions_and_limits_of_all_that_ran() -> None:
    found = reported("it", [finding(0, 0.2), *run(Material("it"), TESTS[1:3])], ["a note"])
    text = as_text(found)
    for label in ("Null:", "If true:", "How sure:", "Does not show:", "Source:", "Not run:", "Note: a note"):
        assert label in text
    assert max(map(len, text.splitlines())) <= 104


def test_json_has_no_nan_and_says_the_same() -> None:
    found = reported("it", [finding(0, 1e-9), *run(Material("it"), TESTS[1:])])
    held = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert held["conclusion"] == conclusion(found)
    assert held["tests"][1]["log_p"] is None and held["tests"][1]["outcome"] == "not possible"
    assert [each["id"] for each in held["tests"]] == [test.card.id for test in TESTS]


def test_chances_are_written_so_that_none_becomes_zero() -> None:
    assert [chance(math.log(p)) for p in (1.0, 0.32, 0.0041, 3.1e-7)] == ["1", "0.32", "0.0041", "3.1e-07"]
    assert chance(-1000.0) == "10^-434"
    assert strength(math.log(0.06)) == "no evidence"
