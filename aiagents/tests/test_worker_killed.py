"""A worker is killed in the middle of 20 executions: all finish, each with one result."""

import signal
from collections.abc import Iterator

import pytest

from aiagents.testing.ledger import Ledger, open_ledger, query, show
from aiagents.testing.messages_server import Behaviour
from aiagents.testing.platform import Platform, platform

__all__ = ["platform"]
pytestmark = pytest.mark.slow
QUICK = {
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "0.5",
    "SWEEP_SECONDS": "0.3",
    "POLL_SECONDS": "0.5",
    "DRAIN_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def ledger(platform: Platform) -> Iterator[Ledger]:
    platform.env |= QUICK
    platform.start_web()
    platform.start_sweeper()
    platform.start_worker()
    opened = open_ledger(platform)
    yield opened
    opened.client.close()


def test_a_killed_worker_loses_nothing_and_doubles_nothing(ledger, platform):
    before = ledger.check()
    platform.model.default(Behaviour(seconds=3, events=30))
    ledger.start(20)
    ledger.wait_for("running", 20)
    platform.model.wait_for(lambda: platform.model.open_streams == 20, timeout=20)
    platform.kill_worker()
    platform.start_worker()
    ledger.wait_for_all(timeout=90)
    figures = ledger.check()
    show("worker killed among 20", figures)
    assert set(figures["by_status"]) == {"succeeded"}
    assert figures["extra_calls"] - before["extra_calls"] == 20
    silent = query(platform, "SELECT count(*) FROM agents_execution WHERE output = ''")
    assert silent[0][0] == 0


def test_a_drained_worker_gives_back_without_counting(ledger, platform):
    platform.model.default(Behaviour(seconds=4, events=30))
    ledger.start(5)
    ledger.wait_for("running", 5)
    platform.kill_worker(signal.SIGTERM)
    rows = query(
        platform,
        "SELECT failures, attempt FROM agents_execution WHERE status = 'queued'",
    )
    assert rows == [(0, 1)] * 5
    platform.model.default(Behaviour())
    platform.start_worker()
    ledger.wait_for_all(timeout=60)
    assert set(ledger.check()["by_status"]) == {"succeeded"}
