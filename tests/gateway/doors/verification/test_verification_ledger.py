from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.doors.verification import ledger as module
from stillwatch.gateway.doors.verification.ledger import EVENT_KEPT_S, Delivery, Ledger, Pending
from stillwatch.gateway.doors.verification.ticket import TICKET_S, Tickets

KEY = b"0123456789abcdef"


def test_a_delivery_has_effect_once_however_it_comes_again() -> None:
    ledger = Ledger(None)
    assert ledger.take_delivery("stripe", "evt_1", b"a", 0) is Delivery.NEW
    assert ledger.take_delivery("stripe", "evt_1", b"a", 1) is Delivery.REPLAYED
    assert ledger.take_delivery("stripe", "evt_1", b"b", 2) is Delivery.REPEATED
    assert ledger.take_delivery("persona", "evt_1", b"c", 3) is Delivery.NEW
    assert ledger.take_delivery("stripe", "evt_1", b"d", 4 * 86400) is Delivery.REPEATED
    ledger.forget_delivery("stripe", "evt_1", b"d")
    assert ledger.take_delivery("stripe", "evt_1", b"d", 4 * 86400) is Delivery.NEW


def test_the_ledger_outlives_its_process_and_forgets_what_is_old(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = Ledger(path)
    first.take_delivery("stripe", "evt_1", b"a", 0)
    first.close()
    assert path.stat().st_mode & 0o077 == 0
    second = Ledger(path)
    assert second.take_delivery("stripe", "evt_1", b"a", 10) is Delivery.REPLAYED
    assert second.take_delivery("stripe", "evt_1", b"a", EVENT_KEPT_S + 1) is Delivery.NEW
    second.close()


def test_a_sign_in_is_good_once_and_lapses(monkeypatch) -> None:
    ledger = Ledger(None)
    pending = Pending(2**64 - 3, "nonce", "verifier", "browser", 100.0)
    ledger.begin("one", pending, 0)
    assert ledger.take("other", 1) is None
    assert ledger.take("one", 1) == pending
    assert ledger.take("one", 1) is None
    ledger.begin("two", pending, 0)
    assert ledger.take("two", 101) is None
    monkeypatch.setattr(module, "PENDING_MOST", 3)
    for place in range(5):
        ledger.begin(f"s{place}", Pending(1, "", "", "", 200.0 + place), 0)
    assert [ledger.take(f"s{place}", 1) is not None for place in range(5)] == [False, False, True, True, True]


@given(st.lists(st.tuples(st.sampled_from([b"ann", b"bob"]), st.integers(0, 4)), max_size=20), st.integers(1, 3))
def test_one_person_stands_behind_a_bounded_number_of_accounts(tries: list[tuple[bytes, int]], most: int) -> None:
    ledger = Ledger(None)
    behind: dict[bytes, set[int]] = {b"ann": set(), b"bob": set()}
    for person, account in tries:
        allowed = ledger.vouch(person, account, most, 0)
        assert allowed == (account in behind[person] or len(behind[person]) < most)
        if allowed:
            behind[person].add(account)


@given(st.integers(0, 2**64 - 2), st.integers(0, 2**33))
def test_a_ticket_names_its_account_until_it_lapses(account: int, now_s: int) -> None:
    tickets = Tickets(KEY)
    ticket = tickets.make(account, now_s)
    assert tickets.account_of(ticket, now_s + TICKET_S) == account
    assert tickets.account_of(ticket, now_s + TICKET_S + 1) is None
    assert Tickets(KEY[::-1]).account_of(ticket, now_s) is None


@given(st.integers(0, 38), st.sampled_from("ABCDEFGHabcdefgh0123-_ /+é"))
def test_no_changed_ticket_is_good_for_another_account(place: int, sign: str) -> None:
    tickets = Tickets(KEY)
    ticket = tickets.make(77, 0)
    changed = ticket[:place] + sign + ticket[place + 1 :]
    assert tickets.account_of(changed, 0) in ((None, 77) if place == 38 or changed == ticket else (None,))


@given(st.text(max_size=60))
def test_no_text_is_a_ticket_by_chance(text: str) -> None:
    assert Tickets(KEY).account_of(text, 0) is None


def test_keys_show_nowhere() -> None:
    assert KEY.decode() not in repr(Tickets(KEY)) and Tickets(KEY)._key.hex() not in repr(vars(Tickets))
