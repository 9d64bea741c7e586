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


def mixed(log: Log, name: str, scale: float, folder: Path) -> Mixed:
    """Mix a campaign in, with the columns that the log has and no other, and scan both together."""
    real = pq.read_table(log.path, columns=list(log.columns)).select(log.columns)
    _, traffic = campaign_exchanges(preset(name), SEED, log.start, log.days, scale, columns=log.columns)
    schema = pa.schema([(name, EXCHANGE_SCHEMA.field(name).type) for name in log.columns])
    both = pa.concat_tables([part.select(log.columns).cast(schema) for part in (real, traffic)]).sort_by("timestamp")
    pq.write_table(both, folder / log.name)
    members, honest = (frozenset(part["account_id"].unique().to_pylist()) for part in (traffic, real))
    assert not members & honest and len(members) >= 30
    span, own = pc.min_max(traffic["timestamp"]), pc.min_max(real["timestamp"])
    assert own["min"].as_py() < span["min"].as_py() and span["max"].as_py() < own["max"].as_py()
    return Mixed(scanned(folder / log.name), members, honest)


@pytest.mark.parametrize(("log", "people"), [(USERS, 1570), (IMAGES, 4247)], ids=["users", "images"])
def test_nobody_in_a_real_log_is_a_campaign(log: Log, people: int) -> None:
    outcome = scanned(log.path)
    assert outcome.scan.accounts == people == len(outcome.score)
    assert outcome.scan.exchanges == pq.read_metadata(log.path).num_rows
    absent = {name for name, _ in outcome.scan.absent_columns}
    assert absent & set(EXCHANGE_SCHEMA.names) == set(EXCHANGE_SCHEMA.names) - set(log.columns)
    assert outcome.scan.campaigns == ()


# The habit without a sign in a log of times and counts: with cover and conversations of several turns the whole is no
# steadier than chance; 2.6 nats jointly, and no strong view.
_UNSTEADY = "images: a pool whose cover hides its queue leaves sign-up (4 nats) and sleeplessness, and no strong view"

CAMPAIGNS = [
    pytest.param(USERS, "anthropic-2026-09-151m", 0.006, id="users-151m"),
    pytest.param(USERS, "anthropic-2026-02-3.4m", 0.05, id="users-3.4m"),
    pytest.param(IMAGES, "anthropic-2026-09-151m", 0.006, id="images-151m"),
    pytest.param(
        IMAGES,
        "anthropic-2026-02-150k",
        0.08,
        id="images-150k",
        marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=_UNSTEADY),
    ),
]


@pytest.mark.parametrize(("log", "name", "scale"), CAMPAIGNS)
def test_a_campaign_at_the_logs_own_times_is_found(log: Log, name: str, scale: float, tmp_path: Path) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    found = mixed(log, name, scale, tmp_path)
    assert found.outcome.scan.accounts == len(found.members) + len(found.honest)
    assert len(found.flagged & found.members) > len(found.members) / 2
    assert not found.flagged & found.honest
