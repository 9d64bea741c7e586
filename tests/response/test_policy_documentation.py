"""The pages about policies and the ladder say what the code does."""

import re
from pathlib import Path

import pytest

from stillwatch.response.features import FEATURES
from stillwatch.response.ladder import Rung
from stillwatch.response.policy import SUBJECTS
from stillwatch.response.policy_file import PolicyError, parse_policy

DOCS = Path(__file__).parents[2] / "docs"
POLICY = (DOCS / "policy.md").read_text("utf-8")
LADDER = (DOCS / "ladder.md").read_text("utf-8")


def test_every_feature_stands_in_the_page_with_type_and_default() -> None:
    for feature in FEATURES:
        shown = '""' if feature.default == "" else str(feature.default).lower()
        assert f"| `{feature.name}` | {feature.kind} | {shown} | {feature.meaning} |" in POLICY, feature.name
    named = re.findall(r"^\| `(\w+)` \| (?:bool|int|double|string) \|", POLICY, flags=re.M)
    assert named == [feature.name for feature in FEATURES]


def test_every_subject_of_a_limit_stands_in_the_page() -> None:
    for subject in SUBJECTS:
        assert f"`{subject}`" in POLICY


def test_every_rung_stands_in_the_page_in_order() -> None:
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", LADDER, flags=re.M)
    assert rows == [(str(int(rung)), rung.word) for rung in Rung]


@pytest.mark.parametrize("place", range(3))
def test_examples_are_policies(place: int) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", POLICY, flags=re.M | re.S)
    assert len(blocks) == 3
    text = blocks[place]
    if not text.startswith("version"):
        text = "version: 1\nname: example\nenforce: true\n" + text
    try:
        parse_policy(text, "docs/policy.md", DOCS)
    except PolicyError as error:
        pytest.fail(str(error))
