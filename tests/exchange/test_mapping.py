from pathlib import Path

import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.mapping import check_mapping, load_mapping


@pytest.mark.parametrize(
    "text", ["account_id: customer\nprompt: text\n", '{"account_id": "customer", "prompt": "text"}']
)
def test_yaml_and_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "map").write_text(text)
    assert load_mapping(tmp_path / "map") == {"account_id": "customer", "prompt": "text"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acount_id: customer", "account_id"),
        ("nonsense: customer", "the columns are"),
        ("account_id: 5", "not a column name"),
        ("account_id: a\nprompt: a", "two columns"),
        ("- a", "no mapping"),
        ("", "no mapping"),
        ("a: [", "neither YAML nor JSON"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map").write_text(text)
    with pytest.raises(SourceError, match=said):
        load_mapping(tmp_path / "map")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--map"):
        load_mapping(tmp_path / "map")


def test_columns_that_no_file_has() -> None:
    check_mapping({"account_id": "customer"}, ["customer", "when"])
    with pytest.raises(SourceError, match="did you mean 'customer'"):
        check_mapping({"account_id": "custmer"}, ["customer", "when"])
    with pytest.raises(SourceError, match="the files have customer, when"):
        check_mapping({"account_id": "xyz"}, ["when", "customer"])
