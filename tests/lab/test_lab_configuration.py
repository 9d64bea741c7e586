from __future__ import annotations

from pathlib import Path

import pytest

from stillwatch.lab.configuration import Distillation, read_configuration
from stillwatch.lab.requirement import MissingFrameworkError, require


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text, "utf-8")
    return path


def test_what_is_not_named_keeps_its_default(tmp_path: Path) -> None:
    assert read_configuration(written(tmp_path, "")) == Distillation()
    told = read_configuration(
        written(tmp_path, "exchanges: 20\nrate: 1\nmode: on-policy\nprices: {compute_usd_per_hour: 2}\n")
    )
    assert (told.exchanges, told.rate, told.mode) == (20, 1.0, "on-policy")
    assert told.prices.compute_usd_per_hour == 2.0 and told.prices.prompt_usd_per_million == 3.0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("exchange: 3", "did you mean exchanges"),
        ("exchanges: many", "'many' is not a whole number"),
        ("exchanges: 2.5", "2.5 is not a whole number"),
        ("exchanges: true", "True is not a whole number"),
        ("exchanges: 0", "at least 1"),
        ("mode: telepathy", "sampled answers, offline logits, on-policy"),
        ("student_kind: lazy", "passive, adaptive, inferring, asking in parts"),
        ("{student_kind: asking in parts, defence: half poisoned}", "false answers"),
        ("defence: moat", "no defence 'moat'"),
        ("{mode: offline logits, defence: answer only}", "no log-probabilities"),
        ("{mode: on-policy, defence: reordered}", "one's own models"),
        ("own_share: 2", r"own_share in \[0, 1\]"),
        ("prices: 3", "prices: needs"),
        ("prices: {prompt: 3}", "prices.prompt is unknown"),
        ("prices: {compute_usd_per_hour: -1}", "negative"),
        ("[1, 2]", "no `key: value` pairs"),
        ("{", "is not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(text: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"run\.yaml: .*{word}"):
        read_configuration(written(tmp_path, text))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: cannot be read"):
        read_configuration(tmp_path / "none.yaml")


def test_an_absent_framework_names_the_command() -> None:
    require(("math",))
    with pytest.raises(MissingFrameworkError, match=r"no_such_thing.*pip install 'stillwatch\[lab\]'"):
        require(("math", "no_such_thing"))


def test_the_examples_are_read() -> None:
    folder = Path(__file__).parents[2] / "docs" / "examples" / "lab"
    told = {path.stem: read_configuration(path) for path in folder.glob("*.yaml")}
    assert set(told) == {"sampled", "logits", "on_policy", "folder"}
    assert told["on_policy"].mode == "on-policy" and told["logits"].mode == "offline logits"
