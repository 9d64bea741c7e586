"""Verdicts for gateways that decide by themselves: what the policy says of each account, without a request in hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stillwatch.exchange.discovery import SourceError
from stillwatch.response.ladder import Rung
from stillwatch.response.policy import Policy
from stillwatch.response.request import Request
from stillwatch.response.standing import StandingSource

_MINUTE_S = 60
_KINDS = ".parquet, .csv, .jsonl or .txt"


@dataclass(frozen=True, slots=True)
class Member:
    """An account that a gateway knows.

    Attributes:
        account_id: As in the logs that were scanned.
        credential: What the gateway sees of it: a user id, the hash of a key, the value of a header field.
    """

    account_id: str
    credential: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gateway is to do about one account, as far as rates a minute can say it.

    Attributes:
        member: Whom it is about.
        rung: As the policy has it.
        requests_a_minute: At most so many, or None for no bound. An actor's shared budget is divided by its accounts,
            and nobody gets less than 1; pushed limits cannot share what one account leaves.
        tokens_a_minute: Likewise.
    """

    member: Member
    rung: Rung
    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None

    @property
    def refuses(self) -> bool:
        """No request passes."""
        return self.rung >= Rung.VERIFY


def read_members(path: Path) -> list[Member]:
    """Return the accounts in a file, each credential once, in the file's order.

    Args:
        path: Parquet, CSV or JSON lines with a column ``account_id`` and, if it differs, ``credential``; or text with
            an account id a line. The ``accounts.parquet`` of a scan's result will do.

    Raises:
        SourceError: If the file cannot be read or a row has no account; it names the row.
    """
    try:
        rows = list(_rows(path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}", f"give accounts as {_KINDS}") from error
    found: dict[str, Member] = {}
    for place, (account_id, credential) in enumerate(rows, 1):
        if not isinstance(account_id, str) or not account_id:
            raise SourceError(f"{path}, row {place}: no account_id", "each row names one account")
        name = credential if isinstance(credential, str) and credential else account_id
        found.setdefault(name, Member(account_id, name))
    return list(found.values())


def _rows(path: Path) -> Iterator[tuple[object, object]]:
    kind = path.suffix.lower()
    if kind == ".parquet":
        from pyarrow import parquet

        names = [name for name in ("account_id", "credential") if name in parquet.read_schema(path).names]
        for row in parquet.read_table(path, columns=names).to_pylist():
            yield row.get("account_id"), row.get("credential")
    elif kind == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            for line in csv.DictReader(stream):
                yield line.get("account_id"), line.get("credential")
    elif kind in (".jsonl", ".ndjson"):
        for text in path.read_text("utf-8").splitlines():
            held = json.loads(text)
            if not isinstance(held, dict):
                raise ValueError("a line is no JSON object")
            yield held.get("account_id"), held.get("credential")
    elif kind == ".txt":
        for text in path.read_text("utf-8").splitlines():
            if text.strip():
                yield text.strip(), None
    else:
        raise ValueError(f"the ending {kind!r} is not known")


def verdicts_of(
    members: Iterable[Member],
    policy: Policy,
    standings: StandingSource,
    pseudonym: Callable[[str], int],
    now_us: int,
    least: Rung = Rung.SLOW,
) -> list[Verdict]:
    """Return the verdicts on those accounts that stand on the ladder, in the order given.

    Only accounts with a standing are looked at: the policy's quotas for everyone stay with the gateway. Rules that
    need a request's facts (country, model, …) see them as unknown.

    Args:
        members: Whom to look at.
        policy: Its enforced rules count.
        standings: Where accounts stand.
        pseudonym: Gives the pseudonym of an account id.
        now_us: The present.
        least: The lowest rung that is told.
    """
    found = []
    for member in members:
        account = pseudonym(member.account_id)
        standing = standings.of(account)
        if standing is None:
            continue
        judgement = policy.judge(Request(account=account, at_us=now_us), standing, now_us)
        if judgement.rung < least:
            continue
        rates: dict[bool, int] = {}
        for limit in judgement.limits:
            shared = 1 if limit.disclosed else standing.actor_accounts
            rate = max(1, int(limit.rate_per_s * _MINUTE_S / shared))
            rates[limit.in_tokens] = min(rate, rates.get(limit.in_tokens, rate))
        found.append(Verdict(member, judgement.rung, rates.get(False), rates.get(True)))
    return found
