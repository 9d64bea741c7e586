from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from stillwatch.response.decision import Decider
from stillwatch.response.ladder import Rung
from stillwatch.response.policy_file import load_policy
from stillwatch.response.policy_watch import PolicyWatch
from stillwatch.response.request import Request
from stillwatch.response.standing import Standings

SECOND_US = 1_000_000


def text(rung: str, rules: str = "", extra: str = "") -> str:
    return f"""
version: 1
name: watched
enforce: true
{extra}
ladder: {{{rung}: {{link: https://example.org/{rung}}}}}
rules:
  - {{id: all, when: 'true', then: {{rung: {rung}}}, reason: Everybody.}}
{rules}
"""


class Watched:
    def __init__(self, folder: Path, content: str, *, in_background: bool = False) -> None:
        self.path = folder / "policy.yaml"
        self.path.write_text(content)
        self.decider = Decider(load_policy(self.path), Standings({"account": np.zeros(0, np.uint64)}, {}))
        self.watch = PolicyWatch(self.path, self.decider, poll_s=2.0, in_background=in_background)
        self.now_us = 0

    def put(self, content: str) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(content)
        beside.replace(self.path)

    def rung(self, later_s: int = 2) -> Rung:
        self.now_us += later_s * SECOND_US
        self.watch.poll(self.now_us)
        return self.decider.decide(Request(1, self.now_us), self.now_us).rung


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path, text("verify"))


def test_a_changed_file_is_in_force_at_the_next_look(watched: Watched) -> None:
    assert watched.rung() is Rung.VERIFY and watched.watch.loadings == 0
    watched.put(text("suspend"))
    assert watched.rung(later_s=1) is Rung.VERIFY  # Not every second.
    assert watched.rung(later_s=1) is Rung.SUSPEND
    assert (watched.watch.loadings, watched.watch.failures, watched.watch.error) == (1, 0, "")
    watched.rung()
    assert watched.watch.loadings == 1


FAILING_TEST = (
    "  - {id: odd, when: known, then: {rung: slow}, reason: x, tests: [{given: {known: true}, fires: false}]}"
)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("version: 1\nrules: [", "line 2"),
        (text("verify", extra="enfroce: false"), "enforce"),
        (text("verify", FAILING_TEST), "odd"),
        ("", "policy.yaml"),
    ],
)
def test_a_broken_file_leaves_the_policy_before_it(watched: Watched, broken: str, said: str) -> None:
    watched.put(broken)
    for _ in range(10):  # Looked at again and again, and told once.
        assert watched.rung() is Rung.VERIFY
    assert watched.watch.failures == 1 and said in watched.watch.error
    watched.put(text("suspend"))
    assert watched.rung() is Rung.SUSPEND
    assert watched.watch.error == ""


def test_a_removed_file_leaves_the_policy_and_is_told(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.rung() is Rung.VERIFY and watched.watch.failures == 1


def test_a_list_of_networks_beside_it_is_watched_too(tmp_path: Path) -> None:
    networks = tmp_path / "networks.csv"
    networks.write_text("asn,class\n1,hosting\n")
    rule = "  - {id: rented, when: asn_class == 'hosting', then: {rung: suspend}, reason: x}"
    watched = Watched(tmp_path, text("verify", rule, "networks_file: networks.csv"))
    here = Request(1, 0, asn=2)
    assert watched.decider.decide(here, 0).rung is Rung.VERIFY
    networks.write_text("asn,class\n1,hosting\n2,hosting\n")
    watched.rung()
    assert watched.decider.decide(here, 0).rung is Rung.SUSPEND

    watched.put(text("verify", rule, "networks_file: other.csv"))  # Not there yet.
    watched.rung()
    assert watched.watch.error and watched.decider.decide(here, 0).rung is Rung.SUSPEND
    (tmp_path / "other.csv").write_text("asn,class\n")
    watched.rung(later_s=10)
    assert not watched.watch.error and watched.decider.decide(here, 0).rung is Rung.VERIFY


def test_every_request_meets_one_policy_or_the_other(tmp_path: Path) -> None:
    """Rung and link come from one file, while a thread swaps them as fast as it can."""
    watched = Watched(tmp_path, text("verify"), in_background=True)
    stop = threading.Event()

    def swap() -> None:
        policies = [load_policy(watched.path)]
        watched.put(text("suspend"))
        policies.append(load_policy(watched.path))
        while not stop.is_set():
            for policy in policies:
                watched.decider.policy = policy

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    until = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < until:
        for _ in range(2000):
            command = watched.decider.decide(Request(1, 0), 0)
            assert command.refusal is not None and command.refusal.link == f"https://example.org/{command.rung.word}"
            seen.add(command.rung)
    stop.set()
    thread.join()
    assert len(seen) == 2


def test_loading_in_a_thread_ends_and_counts(tmp_path: Path) -> None:
    watched = Watched(tmp_path, text("verify"), in_background=True)
    watched.put(text("suspend"))
    os.utime(watched.path)
    until = time.monotonic() + 20
    while watched.rung() is Rung.VERIFY:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert watched.watch.loadings == 1
