"""Real logs, with most columns missing: nobody in them is a campaign, and one mixed in at their times is found."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.engine.scan import Outcome, Request, scan
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.range.presets import preset
from stillwatch.range.simulation import campaign_exchanges

MATERIAL = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED = 5
PRESET, SCALE = "anthropic-2026-02-150k", 0.08  # 72 accounts with about 15,000 exchanges.
PSEUDONYMS = Pseudonyms(b"0123456789abcdef")
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Log:
    """A real log, the columns that it has, and where in its time a campaign is mixed in."""

    name: str
    columns: tuple[str, ...]
    start: dt.datetime
    days: int

    @property
    def path(self) -> Path:
        path = MATERIAL / self.name
        if not path.is_file():
            pytest.skip(f"the real material {self.name} is not beside the project")
        return path


USERS = Log(
    "real_users.parquet",
    ("timestamp", "account_id", "conversation_id", "request_model", "prompt"),
    dt.datetime(2023, 2, 4, tzinfo=dt.UTC),
    24,
)
IMAGES = Log(
    "real_image_requests.parquet",
    ("timestamp", "account_id", "request_model", "input_tokens", "choice_count"),
    dt.datetime(2024, 11, 16, tzinfo=dt.UTC),
    22,
)
LOGS = [pytest.param(USERS, id="users"), pytest.param(IMAGES, id="images")]
pytestmark = pytest.mark.shared


def scanned(path: Path) -> Outcome:
    quarantine = Quarantine(None)
    outcome = scan(Request((str(path),)), PSEUDONYMS, quarantine, NOW, lambda *_: None)
    assert quarantine.count == 0
    return outcome


@dataclass(frozen=True)
class Mixed:
    """A real log with a campaign in it, as it was scanned."""

    outcome: Outcome
    members: frozenset[str]
    honest: frozenset[str]

    @property
    def flagged(self) -> set[str]:
        return {each.account_id for campaign in self.outcome.scan.campaigns for each in campaign.accounts}


def mixed(log: Log, folder: Path) -> Mixed:
    """Mix a campaign in, with the columns that the log has and no other, and scan both together."""
    real = pq.read_table(log.path, columns=list(log.columns)).select(log.columns)
    _, traffic = campaign_exchanges(preset(PRESET), SEED, log.start, log.days, SCALE, columns=log.columns)
    schema = pa.schema([(name, EXCHANGE_SCHEMA.field(name).type) for name in log.columns])
    both = pa.concat_tables([part.select(log.columns).cast(schema) for part in (real, traffic)]).sort_by("timestamp")
    pq.write_table(both, folder / log.name)
    members, honest = (frozenset(part["account_id"].unique().to_pylist()) for part in (traffic, real))
    assert not members & honest and len(members) > 60
    span, own = pc.min_max(traffic["timestamp"]), pc.min_max(real["timestamp"])
    assert own["min"].as_py() < span["min"].as_py() and span["max"].as_py() < own["max"].as_py()
    return Mixed(scanned(folder / log.name), members, honest)


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mixed]:
    """Each log is scanned once; a log that is absent skips the tests of both."""
    sys.stdout.write(f"seed {SEED}\n")
    return {log.name: mixed(log, tmp_path_factory.mktemp("mixed")) for log in (USERS, IMAGES)}


@pytest.mark.parametrize(("log", "people"), [(USERS, 1570), (IMAGES, 4247)], ids=["users", "images"])
def test_nobody_in_a_real_log_is_a_campaign(log: Log, people: int) -> None:
    outcome = scanned(log.path)
    assert outcome.scan.accounts == people == len(outcome.score)
    assert outcome.scan.exchanges == pq.read_metadata(log.path).num_rows
    absent = {name for name, _ in outcome.scan.absent_columns}
    assert absent & set(EXCHANGE_SCHEMA.names) == set(EXCHANGE_SCHEMA.names) - set(log.columns)
    assert outcome.scan.campaigns == ()


@pytest.mark.parametrize("log", LOGS)
def test_a_campaign_beside_them_wrongs_no_real_person(log: Log, mixtures: dict[str, Mixed]) -> None:
    found = mixtures[log.name]
    assert found.outcome.scan.accounts == len(found.members) + len(found.honest)
    assert not found.flagged & found.honest


# What the views say of the whole campaign, were it drawn as one group (nats, after their caps), and what keeps it
# hidden. A discovery takes 6 to 7 nats against every explanation, two views, and a strong one among them.
_USERS = (
    "users: sign-up 4.0 by first use (77 before its cap), elicitation 6.0 (119), which the explanation of one prompt "
    "set excuses; timing -0.7, template 0.0 as no identity ties the accounts, topic 0.0, nothing else has data: 4.0 "
    "jointly and no strong view; content draws it in pieces of 4 to 25 accounts"
)
_IMAGES = (
    "images: nothing ties the accounts, so no group is drawn at all; sign-up 4.0 (211 before its cap), timing -0.7, "
    "client 0.0, pivot -0.7: 2.6 jointly; the detector of sleeplessness, which no view asks, has 3 nats or more on 59 "
    "of 72 of its accounts and on none of 4,247 real ones"
)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(USERS, id="users", marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=_USERS)),
        pytest.param(IMAGES, id="images", marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=_IMAGES)),
    ],
)
def test_a_campaign_at_the_logs_own_times_is_found(log: Log, mixtures: dict[str, Mixed]) -> None:
    found = mixtures[log.name]
    assert len(found.flagged & found.members) > len(found.members) / 2
    assert not found.flagged & found.honest
