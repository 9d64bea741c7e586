from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from stillwatch.gateway.doors.decisions import DECIDER_AWAY, command_document
from stillwatch.gateway.doors.remote_decisions import RemoteDecisions
from stillwatch.response.command import Command
from stillwatch.response.ladder import Rung
from stillwatch.response.request import Request

ASKED = Request(0, 0, country="DE")


class Service:
    """A decision service of the test's own."""

    def __init__(self, command: Command, status: int = 200, body: bytes | None = None, wait_s: float = 0.0) -> None:
        self.command, self.status, self.body, self.wait_s = command, status, body, wait_s
        self.questions: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.questions.append(await request.json())
        await asyncio.sleep(self.wait_s)
        if self.body is not None:
            return web.Response(status=self.status, body=self.body)
        return web.json_response(command_document(self.command), status=self.status)


def during(service: Service, work: Callable[[str], Awaitable[Any]], port: int) -> Any:
    async def all_of_it() -> Any:
        application = web.Application()
        application.router.add_post("/decide", service.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            return await work(f"http://127.0.0.1:{port}")
        finally:
            await runner.cleanup()

    return asyncio.run(all_of_it())


def test_an_answer_is_kept_for_its_account_country_and_network_as_long_as_it_says(port: Callable[[], int]) -> None:
    service, now = Service(Command(Rung.HIDE, hide_reasoning=True, cache_s=2.0)), [0.0]

    async def work(address: str) -> list[int]:
        decisions = RemoteDecisions(address, 5.0, clock_s=lambda: now[0])
        counts = []
        for at_s, name, country in (
            (0, "ann", "DE"),
            (1.9, "ann", "DE"),
            (1.9, "ann", "FR"),
            (1.9, "bob", "DE"),
            (2.1, "ann", "DE"),
        ):
            now[0] = at_s
            command = await decisions.decide(name, Request(0, 0, country=country))
            assert command == service.command
            counts.append(len(service.questions))
        await decisions.close()
        return counts

    assert during(service, work, port()) == [1, 1, 2, 3, 4]
    assert service.questions[0] == {"account_id": "ann", "country": "DE"}


def test_an_answer_that_may_not_be_kept_is_asked_for_each_time(port: Callable[[], int]) -> None:
    service = Service(Command(Rung.SLOW))

    async def work(address: str) -> None:
        decisions = RemoteDecisions(address, 5.0)
        for _ in range(3):
            await decisions.decide("ann", ASKED)
        await decisions.close()

    during(service, work, port())
    assert len(service.questions) == 3


@pytest.mark.parametrize("open_when_away", [True, False])
@pytest.mark.parametrize(
    "service",
    [
        Service(Command(), status=500),
        Service(Command(), body=b"no json"),
        Service(Command(), body=b"[]"),
        Service(Command(), body=b"{}"),
        Service(Command(), body=b""),
        Service(Command(), wait_s=2.0),
        None,
    ],
    ids=["500", "text", "list", "object", "nothing", "slow", "away"],
)
def test_faults_of_the_service_are_answered_as_chosen(
    service: Service | None, open_when_away: bool, port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    async def work(address: str) -> list[Command]:
        decisions = RemoteDecisions(address, 0.3, open_when_away=open_when_away)
        found = [await decisions.decide("ann", ASKED) for _ in range(2)]
        await decisions.settle(found[0], 5)
        await decisions.close()
        return found

    listens = port()
    with caplog.at_level(logging.ERROR):
        found = during(service, work, listens) if service else asyncio.run(work(f"http://127.0.0.1:{listens}"))
    for command in found:
        assert command.fired == (DECIDER_AWAY,)
        assert (command.refusal is None) == open_when_away
        assert command.refusal is None or (command.refusal.status, command.refusal.retry_after_s) == (503, 1.0)
    assert len(caplog.records) == 1 and "ann" not in caplog.text  # One line for an absence, not one a request.
