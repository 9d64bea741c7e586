import json
from pathlib import Path

from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.response.features import FEATURES
from stillwatch.response.policy_file import DEFAULT_POLICY


def run(*arguments: object, code: int = 0) -> str:
    held = CliRunner().invoke(
        application, ["policy", *map(str, arguments)], env={"COLUMNS": "150", "TERM": "dumb", "NO_COLOR": "1"}
    )
    assert held.exit_code == code, held.output
    return held.stdout if code == 0 else held.stderr


def test_the_policy_that_comes_along_passes() -> None:
    text = run("check")
    assert "nothing is enforced" in text
    assert "tests pass" in text
    held = json.loads(run("check", "--json"))
    assert (held["enforced"], held["untested"]) == (False, [])


def test_default_prints_the_file(tmp_path: Path) -> None:
    text = run("default")
    assert text == DEFAULT_POLICY.read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("enforce: false", "enforce: true", 1))
    assert "enforced" in run("check", tmp_path / "mine.yaml")


def test_a_bad_policy_is_told_with_file_line_rule_and_hint(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = DEFAULT_POLICY.read_text("utf-8").replace("when: in_campaign\n", "when: in_campain\n")
    path.write_text(text)
    line = text.split("\n").index("  - id: campaign-observe") + 1
    error = run("check", path, code=2)
    assert error == (
        f"stillwatch: {path}, line {line}, rule 'campaign-observe': the condition cannot be used: there is no feature "
        "'in_campain' (did you mean 'in_campaign'?)\n"
    )


def test_a_decision_is_explained_rule_by_rule() -> None:
    given = '{"in_campaign": true, "evidence_nats": 7, "verification": "phone", "country": "DE"}'
    held = json.loads(run("check", "--request", given, "--json"))
    fired = [step["rule"] for step in held["steps"] if step["fired"]]
    assert fired == ["campaign-observe", "campaign-cap", "campaign-hide", "quota"]
    assert [step["rung_after"] for step in held["steps"]][:3] == ["observe", "cap", "hide"]
    assert held["were_all_enforced"]["hide_reasoning"]
    assert held["were_all_enforced"]["refusal"] is None
    text = run("check", "--request", given)
    assert "fires (in shadow)" in text
    assert "rung hide; no reasoning" in text
    refused = run("check", "--request", '{"rung": "suspend", "account_age_days": 1}')
    assert "answered 403 Account suspended" in refused


def test_a_request_that_makes_no_sense_is_told() -> None:
    for given, said in (
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"contry": "DE"}', "no feature 'contry'"),
        ('{"country": 5}', "country is string"),
        ('{"hour_utc": 5}', "follows from other facts"),
    ):
        assert said in run("check", "--request", given, code=2)


def test_features_are_listed_with_types_and_defaults() -> None:
    held = json.loads(run("features", "--json"))
    assert [each["name"] for each in held] == [feature.name for feature in FEATURES]
    assert {each["type"] for each in held} == {"bool", "int", "double", "string"}
    text = run("features")
    assert all(feature.name in text for feature in FEATURES)
