import json
from pathlib import Path

import pytest

from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.quarantine import REASONS_MAX, Quarantine, StrictError


def row(number: int, reason: str = "prompt is blank") -> Rejected:
    return Rejected("a.jsonl", number, reason, "a hint")


def test_rows_are_written_and_appear_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    with Quarantine(path) as quarantine:
        quarantine.add([row(3), row(5, "other")])
        quarantine.add([row(6)])
        assert not path.exists()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"file": "a.jsonl", "row": 3, "reason": "prompt is blank", "hint": "a hint"}
    assert [line["row"] for line in lines] == [3, 5, 6]
    assert quarantine.by_reason == (("prompt is blank", 2), ("other", 1))
    assert quarantine.count == 3
    assert [each.name for each in tmp_path.iterdir()] == ["rejected.jsonl"]
    quarantine.close()


def test_a_failed_scan_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Quarantine(tmp_path / "rejected.jsonl") as quarantine:
        quarantine.add([row(1)])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    path.write_text("before")
    quarantine = Quarantine(path)
    quarantine.add([row(1)])
    assert path.read_text() == "before"
    quarantine.close()
    assert json.loads(path.read_text())["row"] == 1


def test_strict_stops_at_the_first_row() -> None:
    quarantine = Quarantine(None, strict=True)
    quarantine.add([])
    with pytest.raises(StrictError, match=r"a\.jsonl, row 7: prompt is blank \(a hint\)") as caught:
        quarantine.add([row(7), row(8)])
    assert caught.value.rejected.row == 7


def test_reasons_are_bounded() -> None:
    quarantine = Quarantine(None)
    quarantine.add(row(1, f"reason {number}") for number in range(REASONS_MAX + 10))
    assert len(quarantine.by_reason) == REASONS_MAX + 1
    assert quarantine.by_reason[0] == ("another reason", 10)
