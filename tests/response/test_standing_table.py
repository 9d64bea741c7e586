import re
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Entry, Overlay, SnapshotError, edit_overlay, overlay_path, read_overlay
from stillwatch.response.standing import (
    Reloading,
    Standing,
    Standings,
    apply_overlay,
    read_snapshot,
    write_snapshot,
)

SECOND_US = 1_000_000
whole = st.integers(0, 2**64 - 1)


def table(accounts: list[int], rung: Rung = Rung.CAP, campaign: int = 1) -> Standings:
    rows = len(accounts)
    return Standings(
        {
            "account": np.array(sorted(accounts), np.uint64),
            "actor": np.full(rows, 77, np.uint64),
            "rung": np.full(rows, rung, np.uint8),
            "campaign": np.full(rows, campaign, np.int64),
            "evidence_nats": np.full(rows, 7.5),
        },
        {"campaign": ["", "c-1"]},
        made_us=5,
    )


@given(st.sets(whole, max_size=200), st.lists(whole, max_size=50))
def test_every_account_is_found_and_no_other(accounts: set[int], others: list[int]) -> None:
    held = table(list(accounts))
    for account in accounts:
        found = held.of(account)
        assert found is not None
        assert (found.rung, found.actor, found.campaign_id, found.actor_accounts) == (
            Rung.CAP,
            77,
            "c-1",
            len(accounts),
        )
    for other in set(others) - accounts:
        assert held.of(other) is None


def test_rows_keep_their_own_values() -> None:
    held = Standings(
        {
            "account": np.array([3, 9], np.uint64),
            "plan": np.array([1, 0]),
            "verification": np.array([0, 2]),
            "owner_country": np.array([1, 0]),
            "created_us": np.array([-1, 12]),
            "verified": np.array([0, 1]),
        },
        {"plan": ["", "pro"], "verification": ["", "none", "id"], "owner_country": ["", "IR"]},
    )
    assert held.of(3) == Standing(Rung.NONE, 3, plan="pro", owner_country="IR")
    assert held.of(9) == Standing(Rung.NONE, 9, verification="id", created_us=12, verified=True)


@pytest.mark.parametrize(
    ("columns", "names", "said"),
    [
        ({"account": [2, 2]}, {}, "rise strictly"),
        ({"account": [1, 2], "rung": [1]}, {}, "rung has 1 rows"),
        ({"account": [1], "rung": [8]}, {}, "higher than the ladder"),
        ({"account": [1], "campaign": [1]}, {"campaign": [""]}, "campaign needs"),
        ({"account": [1], "plan": [70_000]}, {}, "plan holds a number"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(columns: dict, names: dict, said: str) -> None:
    arrays = {name: np.array(values, np.uint64 if name == "account" else np.int64) for name, values in columns.items()}
    with pytest.raises(ValueError, match=said):
        Standings(arrays, names)


def test_a_table_cannot_be_changed_from_outside() -> None:
    accounts = np.array([1, 2], np.uint64)
    held = Standings({"account": accounts}, {})
    accounts[1] = 9
    assert held.of(2) is not None
    with pytest.raises(ValueError, match="read-only"):
        held.columns["rung"][0] = 1


def test_bytes_an_account() -> None:
    assert table(list(range(1000))).bytes_held <= 200 * 1000


@given(st.sets(whole, max_size=60))
def test_a_snapshot_holds_the_same(tmp_path_factory: pytest.TempPathFactory, accounts: set[int]) -> None:
    path = tmp_path_factory.mktemp("snapshot") / "standings"
    written = table(list(accounts), Rung.HIDE)
    write_snapshot(path, written)
    read = read_snapshot(path)
    assert (len(read), read.made_us, read.names) == (len(written), 5, written.names)
    assert all(np.array_equal(read.columns[name], written.columns[name]) for name in written.columns)
    assert [path] == list(path.parent.iterdir())


@given(st.data())
def test_a_damaged_snapshot_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("snapshot") / "standings"
    raw = bytearray(table(list(range(40))).to_bytes())
    cut = data.draw(st.booleans(), "cut")
    place = data.draw(st.integers(0, len(raw) - 1), "place")
    if cut:
        del raw[place:]
    else:
        raw[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
    path.write_bytes(raw)
    with pytest.raises(SnapshotError, match=re.escape(str(path))):
        read_snapshot(path)


def test_a_missing_snapshot_says_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="standings make"):
        read_snapshot(tmp_path / "none")


def test_a_new_file_is_private_and_a_replaced_one_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "standings"
    write_snapshot(path, table([1]))
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    write_snapshot(path, table([2]))
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_overlay_comes_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "standings.overlay"
    entry = Entry(
        restored=True, rung=Rung.SLOW, verification="id", reason="wrong\nline é", by="ann", at_us=5, until_us=9
    )
    edit_overlay(path, lambda entries: entries.update({2**64 - 1: entry, 3: Entry()}))
    edit_overlay(path, lambda entries: entries.pop(3))
    assert read_overlay(path) == Overlay({2**64 - 1: entry})


def test_edits_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "standings.overlay"

    def edit(account: int) -> None:
        edit_overlay(path, lambda entries: entries.update({account: Entry(restored=True)}))

    threads = [threading.Thread(target=edit, args=(account,)) for account in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_overlay(path).entries) == set(range(20))


def test_a_damaged_overlay_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "standings.overlay"
    path.write_text('{"account": "1"}\nnonsense\n')
    with pytest.raises(SnapshotError, match="line 2"):
        read_overlay(path)


def test_what_entries_do() -> None:
    found = Standing(Rung.HIDE, 77, 9.0, "c-1", actor_accounts=8, plan="pro")
    restored = apply_overlay(Overlay({1: Entry(restored=True)}), 1, found, 0)
    assert restored == Standing(Rung.NONE, 1, plan="pro", restored=True)
    assert apply_overlay(Overlay({1: Entry(rung=Rung.SUSPEND)}), 1, found, 0) == found._replace(rung=Rung.SUSPEND)
    verified = apply_overlay(Overlay({1: Entry(verification="id")}), 1, None, 0)
    assert verified == Standing(Rung.NONE, 1, verified=True, verification="id")
    lapsed = Overlay({1: Entry(restored=True, until_us=10)})
    assert apply_overlay(lapsed, 1, found, 9) == restored
    assert apply_overlay(lapsed, 1, found, 10) is found


class TestReloading:
    def test_swaps_whole_tables_and_the_overlay(self, tmp_path: Path) -> None:
        path = tmp_path / "standings"
        held = Reloading(path, in_background=False)
        assert held.of(1) is None
        write_snapshot(path, table([1, 2, 3]))
        held.poll(SECOND_US)
        cohort = [held.of(account) for account in (1, 2, 3)]
        assert {standing.rung for standing in cohort if standing} == {Rung.CAP}
        edit_overlay(overlay_path(path), lambda entries: entries.update({2: Entry(restored=True)}))
        held.poll(2 * SECOND_US)
        second = held.of(2)
        assert second is not None
        assert second.restored
        write_snapshot(path, table([1, 2, 3, 4], Rung.SUSPEND))
        held.poll(3 * SECOND_US)
        assert [standing.rung for account in (1, 2, 3, 4) if (standing := held.of(account))] == [7, 0, 7, 7]

    def test_looks_only_so_often(self, tmp_path: Path) -> None:
        path = tmp_path / "standings"
        held = Reloading(path, poll_s=2, in_background=False)
        held.poll(10 * SECOND_US)
        write_snapshot(path, table([1]))
        held.poll(12 * SECOND_US - 1)
        assert held.of(1) is None
        held.poll(12 * SECOND_US)
        assert held.of(1) is not None

    def test_a_bad_file_leaves_the_old_table_but_takes_the_overlay(self, tmp_path: Path) -> None:
        path = tmp_path / "standings"
        write_snapshot(path, table([1, 2]))
        held = Reloading(path, in_background=False)
        path.write_bytes(b"nonsense")
        edit_overlay(overlay_path(path), lambda entries: entries.update({2: Entry(restored=True)}))
        held.poll(SECOND_US)
        assert "standings" in held.error
        assert held.of(1) is not None
        second = held.of(2)
        assert second is not None
        assert second.restored
        write_snapshot(path, table([1], Rung.SLOW))
        held.poll(2 * SECOND_US)
        assert held.error == ""
        first = held.of(1)
        assert first is not None
        assert first.rung == Rung.SLOW

    def test_a_removed_file_leaves_the_table(self, tmp_path: Path) -> None:
        path = tmp_path / "standings"
        write_snapshot(path, table([1]))
        held = Reloading(path, in_background=False)
        path.unlink()
        held.poll(SECOND_US)
        assert held.of(1) is not None
        assert held.error == ""

    def test_readers_see_one_table_or_the_other(self, tmp_path: Path) -> None:
        """A campaign is met as a whole: no reader meets half a cohort after the other half."""
        path = tmp_path / "standings"
        write_snapshot(path, table(list(range(50)), Rung.OBSERVE))
        held = Reloading(path, poll_s=0)
        stop = threading.Event()
        mixed = []

        def read() -> None:
            while not stop.is_set():
                whole_table = held.standings
                rungs = {standing.rung for account in range(50) if (standing := whole_table.of(account))}
                if len(rungs) != 1:
                    mixed.append(rungs)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for turn in range(1, 30):
            write_snapshot(path, table(list(range(50)), Rung(turn % 8)))
            held.poll(turn)
        stop.set()
        for reader in readers:
            reader.join()
        for thread in threading.enumerate():
            if thread.name == "standings":
                thread.join()
        assert not mixed
        held.poll(100)
        for thread in threading.enumerate():
            if thread.name == "standings":
                thread.join()
        last = held.of(0)
        assert last is not None
        assert last.rung == Rung(29 % 8)
