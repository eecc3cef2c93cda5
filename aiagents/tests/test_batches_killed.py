"""Batches in real processes: sweeper and worker are killed, and every row ends once."""

from collections.abc import Iterator
from typing import Any

import pytest

from aiagents.testing.ledger import Ledger, open_ledger, query, show
from aiagents.testing.messages_server import Behaviour
from aiagents.testing.platform import Platform, platform
from aiagents.testing.waiting import wait_until

__all__ = ["platform"]
pytestmark = pytest.mark.slow
ROWS = 30
QUICK = {
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "0.5",
    "SWEEP_SECONDS": "0.3",
    "POLL_SECONDS": "0.5",
    "DRAIN_SECONDS": "0.5",
    "BATCH_FEED_SECONDS": "0.2",
    "BATCH_POLL_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def ledger(platform: Platform) -> Iterator[Ledger]:
    platform.env |= QUICK
    platform.start_web()
    platform.start_worker()
    opened = open_ledger(platform)
    yield opened
    opened.client.close()


@pytest.fixture(autouse=True)
def sweeper(platform: Platform, ledger) -> Iterator[None]:
    platform.start_sweeper()
    yield
    kill_sweeper(platform)


def kill_sweeper(platform: Platform) -> None:
    for child in platform.children:
        if child.name == "sweeper" and child.is_alive:
            child.kill()


def create(ledger: Ledger, **fields: Any) -> str:
    text = ledger.inputs[ledger.text_key]
    rows = [
        ledger.inputs | {ledger.text_key: f"{text} [[marker:r-{n}]]"}
        for n in range(ROWS)
    ]
    body = {"agent": ledger.slug, "rows": rows, **fields}
    answer = ledger.client.post("/api/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["status_url"])


def look(ledger: Ledger, at: str) -> Any:
    return ledger.client.get(at).json()


def wait_for(ledger: Ledger, at: str, done: int, timeout: float = 300) -> None:
    wait_until(
        lambda: look(ledger, at)["progress"]["done"] >= done,
        timeout,
        message=lambda: str(look(ledger, at)),
        step=0.3,
    )


def wait_for_end(ledger: Ledger, at: str, timeout: float = 300) -> Any:
    wait_until(
        lambda: look(ledger, at)["status"] == "finished",
        timeout,
        message=lambda: str(look(ledger, at)),
        step=0.3,
    )
    return look(ledger, at)


def run_count(platform: Platform) -> int:
    return int(query(platform, "SELECT count(*) FROM agents_execution")[0][0])


def check_results(ledger: Ledger, at: str) -> None:
    answer = ledger.client.get(f"{at}/results")
    lines = answer.text.strip().split("\n")
    assert len(lines) == ROWS
    assert all('"status":"succeeded"' in line for line in lines)


def test_rows_are_started_once_though_everything_is_killed(ledger, platform):
    platform.model.default(Behaviour(seconds=0.5, events=5))
    before = run_count(platform)
    at = create(ledger, max_in_flight=8)
    wait_for(ledger, at, 5)
    kill_sweeper(platform)
    platform.kill_worker()
    platform.start_worker()
    platform.start_sweeper()
    ended = wait_for_end(ledger, at)
    assert ended["progress"]["succeeded"] == ROWS
    show("batch, sweeper and worker killed", ledger.check())
    check_results(ledger, at)
    assert run_count(platform) - before == ROWS


def test_a_providers_batch_outlives_the_process_that_sent_it(ledger, platform):
    platform.model.default(Behaviour())
    calls = len(platform.model.calls)
    at = create(ledger, mode="provider_batch")
    sent = "SELECT count(*) FROM agents_shipment WHERE provider_id <> ''"
    wait_until(lambda: query(platform, sent)[0][0] == 1, 300)
    kill_sweeper(platform)
    platform.start_sweeper()
    ended = wait_for_end(ledger, at)
    assert ended["progress"]["succeeded"] == ROWS
    assert len(platform.model.calls) - calls == ROWS
    show("provider's batch, sweeper killed", ledger.check())
    check_results(ledger, at)
