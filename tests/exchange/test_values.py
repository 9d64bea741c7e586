import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.schema import EXCHANGE_COLUMNS
from stillwatch.exchange.values import UnusableError, converter, instant_us, integer, number, text, truth

MOMENT = dt.datetime(2026, 3, 4, 5, 6, 7, 890_000, dt.UTC)
MOMENT_US = 1_772_600_767_890_000


@pytest.mark.parametrize(
    "value",
    [
        MOMENT,
        "2026-03-04T05:06:07.890Z",
        "2026-03-04T05:06:07.890000000Z",
        "2026-03-04 06:06:07.89+01",
        "2026-03-04 05:06:07.890 UTC",
        1_772_600_767.89,
        1_772_600_767_890,
        MOMENT_US,
        MOMENT_US * 1000,
        "1772600767890",
        "1772600767.89",
        " 1772600767890000000 ",
    ],
)
def test_one_instant_in_every_spelling(value: object) -> None:
    assert instant_us(value, assume_utc=False) == MOMENT_US


@given(st.datetimes(dt.datetime(2001, 9, 10), dt.datetime(2400, 1, 1)), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_the_unit_of_an_epoch_number_follows_from_its_size(moment: dt.datetime, units_per_s: int) -> None:
    seconds = int(moment.replace(tzinfo=dt.UTC).timestamp())
    assert instant_us(seconds * units_per_s, assume_utc=False) == seconds * 1_000_000


@pytest.mark.parametrize("value", ["2026-03-04T05:06:07.89", dt.datetime(2026, 3, 4, 5, 6, 7, 890_000)])
def test_an_instant_without_zone_needs_leave(value: object) -> None:
    with pytest.raises(UnusableError) as caught:
        instant_us(value, assume_utc=False)
    assert "--assume-utc" in caught.value.hint
    assert instant_us(value, assume_utc=True) == MOMENT_US


@pytest.mark.parametrize("value", ["soon", 0, 5, -1, 2e11, True, [1], "1970-01-01T00:00:00Z", float("inf"), 10**40])
def test_no_instant(value: object) -> None:
    with pytest.raises(UnusableError):
        instant_us(value, assume_utc=True)


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_no_data_is_no_instant_and_no_fault(value: object) -> None:
    assert instant_us(value, assume_utc=False) is None


def test_numbers_are_read_from_text_and_checked() -> None:
    assert integer("turn", "12", 0, 99) == 12
    assert integer("turn", 12.0, 0, 99) == 12
    assert integer("turn", "", 0, 99) is None
    assert number("temperature", "0.7") == 0.7
    assert number("temperature", float("nan")) is None
    assert number("temperature", 10**400) is None
    for bad in ("x", True, 1.5, -1, 100, [1], "1_0", "١e"):
        with pytest.raises(UnusableError):
            integer("turn", bad, 0, 99)
    for bad in ("x", True, [1], {}):
        with pytest.raises(UnusableError):
            number("temperature", bad)


def test_truth_has_few_spellings() -> None:
    assert [truth("reasoning", value) for value in (True, "t", "FALSE", 0, "1", "", None)] == [
        True,
        True,
        False,
        False,
        True,
        None,
        None,
    ]
    for bad in ("maybe", 2, 1.0, []):
        with pytest.raises(UnusableError):
            truth("reasoning", bad)


def test_text_takes_numbers_but_no_structures() -> None:
    assert text("account_id", 17) == "17"
    for bad in (True, 1.5, {}, [], "\ud800"):
        with pytest.raises(UnusableError):
            text("account_id", bad)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.integers()), st.none()))
def test_no_value_gets_past_a_converter_with_another_error(value: object) -> None:
    for column in EXCHANGE_COLUMNS:
        try:
            converter(column, assume_utc=True)(value)
        except UnusableError as error:
            assert error.reason
            assert error.hint
