"""PostgreSQL is away for ten seconds: nothing acknowledged is lost, no paid result is thrown away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import pytest

from aiagents.testing import databases
from aiagents.testing.ledger import Ledger, show
from aiagents.testing.messages_server import Behaviour
from aiagents.testing.postgres_server import PostgresServer
from aiagents.testing.waiting import wait_until
from aiagents.tests.crash.conftest import fill, running

IN_FLIGHT = 200
AWAY_S = 10.0
HANG_S = 5.0
#: How many ask each path at once.
CALLERS = 4
HEALTHY_S = 15.0
#: As long as in production: the outage is shorter than a lease.
LEASES = {"LEASE_SECONDS": "30", "HEARTBEAT_SECONDS": "2"}


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with databases.own_postgres() as own:
        yield own


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request during the outage."""

    path: str
    answer: httpx2.Response
    seconds: float


def test_postgres_is_away_for_ten_seconds(server: PostgresServer):
    fill(server.url)
    with running(server.url, workers=2, env=LEASES) as ledger:
        ledger.platform.model.default(Behaviour(seconds=25, events=25))
        ledger.start(IN_FLIGHT)
        model = ledger.platform.model
        model.wait_for(lambda: model.open_streams >= IN_FLIGHT, timeout=60)
        server.stop()
        told = ask_for(ledger, AWAY_S)
        server.start()
        healthy_s = wait_until_healthy(ledger)
        ledger.wait_for_all(timeout=60)
        figures = ledger.check()
        by_path = {path: [a for a in told if a.path == path] for path in PATHS}
        slowest = max(answered.seconds for answered in told)
        show(
            "PostgreSQL away 10 s",
            figures
            | {"asked": {path: len(by_path[path]) for path in PATHS}}
            | {"slowest_s": round(slowest, 2), "healthy_s": round(healthy_s, 1)},
        )
        assert figures["by_status"] == {"succeeded": len(ledger.acknowledged)}
        assert figures["extra_calls"] == 0, "paid results were thrown away"
        assert healthy_s <= HEALTHY_S
        assert slowest <= HANG_S
        for answered in told:
            check_refusal(answered)


POST, LIST, PAGE = "/api/v1/agents/{slug}/executions", "/api/v1/executions", "/"
PATHS = (POST, LIST, PAGE)


def ask_for(ledger: Ledger, seconds: float) -> list[Answered]:
    """Ask one path after the other, in several threads, until the time is up."""
    until = time.monotonic() + seconds
    paths = PATHS * CALLERS
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = pool.map(lambda path: list(ask_until(ledger, path, until)), paths)
        return [answered for some in answers for answered in some]


def ask_until(ledger: Ledger, path: str, until: float) -> Iterator[Answered]:
    while (began := time.monotonic()) < until:
        answer = ask(ledger, path)
        yield Answered(path=path, answer=answer, seconds=time.monotonic() - began)


def ask(ledger: Ledger, path: str) -> httpx2.Response:
    return ledger.ask("") if path == POST else ledger.client.get(path)


def check_refusal(answered: Answered) -> None:
    """503 with Retry-After: as a problem for programs, as a page for people."""
    answer = answered.answer
    assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    kind = "text/html" if answered.path == PAGE else "application/problem+json"
    assert answer.headers["Content-Type"].startswith(kind)


def wait_until_healthy(ledger: Ledger) -> float:
    """Seconds until every path answers well again."""
    began = time.monotonic()
    wait_until(
        lambda: ledger.post() and ledger.client.get(LIST).is_success,
        60,
        message="not healthy",
    )
    return time.monotonic() - began
