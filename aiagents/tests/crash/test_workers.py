"""Workers are killed, paused, replaced: nothing is lost, doubled or written late."""

import os
import random
import signal
from collections.abc import Sequence

from aiagents.testing.ledger import LOOK_S, Ledger, query, show
from aiagents.testing.messages_server import Behaviour
from aiagents.testing.platform import Child, Platform
from aiagents.testing.waiting import wait_until

IN_FLIGHT = 200
KILLS = 20
#: Executions beyond those in flight, so that a worker never lacks one.
SPARE = 30


def held_by(platform: Platform, worker: Child) -> list[str]:
    """The executions whose lease a worker holds."""
    rows = query(
        platform,
        "SELECT id FROM agents_execution WHERE status = 'running' "
        f"AND split_part(lease_owner, ':', 2) = '{worker.process.pid}'",
    )
    return [str(key) for (key,) in rows]


def keep_in_flight(ledger: Ledger, count: int) -> None:
    """Ask for more until so many calls of the model are open at once."""
    unfinished = ledger.look()
    missing = count + SPARE - unfinished["queued"] - unfinished["running"]
    if missing > 0:
        ledger.start(missing)
    ledger.platform.model.wait_for(
        lambda: ledger.platform.model.open_streams >= count, timeout=60
    )


def test_twenty_kills_with_200_in_flight(start_platform, rng: random.Random):
    ledger = start_platform(
        WORKER_CONCURRENCY=str(IN_FLIGHT // 2), EXECUTION_MAX_FAILURES=str(KILLS + 1)
    )
    platform = ledger.platform
    platform.model.default(Behaviour(seconds=40, events=20))
    lost_claims = 0
    for number in range(KILLS // 2):
        keep_in_flight(ledger, IN_FLIGHT)
        if number == KILLS // 2 - 1:
            platform.model.default(Behaviour())
        for victim in rng.sample(platform.workers, 2):
            victim.kill()
            lost_claims += len(held_by(platform, victim))
        platform.start_workers(2)
    ledger.wait_for_all(timeout=120)
    figures = ledger.check()
    show("20 workers killed", figures | {"lost_claims": lost_claims})
    assert lost_claims > KILLS * IN_FLIGHT / 4, "the kills hit too little"
    assert figures["by_status"] == {"succeeded": len(ledger.acknowledged)}
    assert figures["claims"] == len(ledger.acknowledged) + lost_claims
    assert figures["extra_calls"] <= lost_claims
    check_stories(ledger, rng.sample(ledger.acknowledged, 50))


def check_stories(ledger: Ledger, chosen: Sequence[str]) -> None:
    """What a reader is told to the end is what is stored, byte for byte."""
    for key in chosen:
        run = ledger.client.get(f"/api/v1/executions/{key}").json()
        events = ledger.client.get(f"/api/v1/executions/{key}/events").json()
        numbers = [event["seq"] for event in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        ends = [event for event in events if event["type"] == "done"]
        assert ends == events[-1:], f"{key}: {[e['type'] for e in events]}"
        assert ends[0]["data"]["status"] == run["status"]
        text = ""
        for event in events:
            match event["type"]:
                case "delta":
                    text += event["data"]["text"]
                case "reset":
                    text = event["data"]["text"]
        assert text == run["output"]


def test_a_paused_worker_writes_nothing_late(start_platform, rng: random.Random):
    ledger = start_platform(WORKER_CONCURRENCY="60")
    platform = ledger.platform
    platform.model.default(Behaviour(seconds=12, events=40))
    ledger.start(100)
    platform.model.wait_for(lambda: platform.model.open_streams >= 100, timeout=30)
    paused = rng.choice(platform.workers)
    paused.kill(signal.SIGSTOP)
    held = held_by(platform, paused)
    # It wakes up with whole answers in its sockets, while others are at work on the same runs.
    platform.model.default(Behaviour(seconds=15, events=40))
    first = len(platform.model.calls)
    platform.model.wait_for(
        lambda: (
            all(call.outcome == "finished" for call in platform.model.calls[:first])
            and platform.model.open_streams == len(held)
        ),
        timeout=60,
    )
    paused.kill(signal.SIGCONT)
    ledger.wait_for_all(timeout=90)
    told = streams(ledger)
    wait_until(
        lambda: paused.log.read_text().count('"claim_lost"') >= len(held),
        60,
        step=LOOK_S,
    )
    ledger.look()
    assert streams(ledger) == told
    figures = ledger.check()
    show("paused and continued", figures | {"paused_with": len(held)})
    assert figures["by_status"] == {"succeeded": 100}
    assert len(held) >= 40
    assert figures["extra_calls"] == len(held)
    check_stories(ledger, ledger.acknowledged)


def test_a_worker_that_wakes_after_the_end_changes_nothing(start_platform):
    ledger = start_platform(workers=1, WORKER_CONCURRENCY="60")
    platform = ledger.platform
    platform.model.default(Behaviour(seconds=12, events=40))
    ledger.start(50)
    platform.model.wait_for(lambda: platform.model.open_streams >= 50, timeout=30)
    (paused,) = platform.workers
    paused.kill(signal.SIGSTOP)
    platform.model.default(Behaviour())
    platform.start_worker()
    ledger.wait_for_all(timeout=90)
    told = streams(ledger)
    paused.kill(signal.SIGCONT)
    wait_until(
        lambda: paused.log.read_text().count('"claim_lost"') >= 50, 60, step=LOOK_S
    )
    ledger.look()
    assert streams(ledger) == told
    figures = ledger.check()
    show("continued after the end", figures)
    assert figures["by_status"] == {"succeeded": 50}
    assert figures["extra_calls"] == 50
    check_stories(ledger, ledger.acknowledged)


def streams(ledger: Ledger) -> dict[bytes, object]:
    """Every stored progress event."""
    with ledger.platform.redis.client() as redis:
        keys = redis.keys("progress:*:events")
        return {key: redis.xrange(key) for key in keys}


def test_five_rolling_restarts_fail_nothing(start_platform):
    ledger = start_platform()
    platform = ledger.platform
    platform.model.default(Behaviour(seconds=3, events=20))
    ledger.start(300)
    codes = []
    for _ in range(5):
        ledger.start(20)
        old = platform.workers[0]
        os.killpg(old.process.pid, signal.SIGTERM)
        platform.start_worker()
        codes.append(old.process.wait(30))
    ledger.wait_for_all(timeout=120)
    figures = ledger.check()
    released = figures["claims"] - len(ledger.acknowledged)
    show("5 rolling restarts", figures | {"released": released, "exit_codes": codes})
    assert figures["by_status"] == {"succeeded": 400}
    failures = query(
        platform, "SELECT count(*) FROM agents_execution WHERE failures > 0"
    )
    assert failures == [(0,)]
    assert released > 0, "no restart met a run"
    assert codes == [0] * 5
    check_stories(ledger, ledger.acknowledged[:50])
