from pathlib import Path

import pytest

import stillwatch.exchange.formats as formats
from stillwatch.exchange.formats.registry import FORMATS
from stillwatch.exchange.schema import EXCHANGE_COLUMNS


def test_every_format_has_a_file_of_its_name() -> None:
    folder = Path(formats.__path__[0])
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    for form in FORMATS:
        assert (folder / f"{form.name}.py").is_file()


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_formats_tell_fields_of_columns_that_exist_and_know_no_strangers(form: object) -> None:
    assert hasattr(form, "fields")
    assert set(form.fields) <= {column.name for column in EXCHANGE_COLUMNS}
    assert {"timestamp", "account_id"} <= set(form.fields)
    for stranger in ({}, {"a": 1}, {"messages": []}, {"request": None}, {"conversation": []}, {"data": []}):
        assert not form.recognises(stranger)  # type: ignore[attr-defined]


def test_documentation_names_every_format_and_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    for form in FORMATS:
        assert f"`{form.name}`" in page
        for column, field in form.fields.items():
            assert f"| `{column}` | {field} |" in page or form.name == "canonical"
