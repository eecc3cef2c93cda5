"""Redis is killed and emptied, hangs, or is full of junk: the database holds the queue."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from aiagents.testing.ledger import LOOK_S, Ledger, show
from aiagents.testing.messages_server import Behaviour
from aiagents.testing.platform import QUEUES
from aiagents.testing.waiting import wait_until

RUNS = 1000
LOSSES = 3
JUNK = 1000
#: How long a request may take while Redis hangs, in seconds.
PATIENCE_S = 5.0


def messages_waiting(ledger: Ledger) -> int:
    """How many messages no worker has taken."""
    with ledger.platform.redis.client() as redis:
        return sum(redis.llen(queue) for queue in QUEUES.split(","))


def test_redis_is_wiped_three_times_during_1000(start_platform):
    ledger = start_platform()
    redis = ledger.platform.redis
    ledger.platform.model.default(Behaviour(seconds=0.5, events=5))
    resumed_s = []
    with ThreadPoolExecutor(4) as pool:
        posts = [pool.submit(ledger.post) for _ in range(RUNS)]
        for loss in range(1, LOSSES + 1):
            reach(ledger, loss * RUNS // (LOSSES + 1))
            redis.wipe()
            reach(ledger, len(ledger.acknowledged) + 50)
            redis.start()
            back = time.monotonic()
            finished = ledger.statuses()["succeeded"]
            reach_finished(ledger, finished + 1)
            resumed_s.append(round(time.monotonic() - back, 1))
    assert all(post.result() for post in posts), ledger.refused
    ledger.wait_for_all(timeout=60)
    # The workers' consumers have found the new broker, too.
    wait_until(lambda: not messages_waiting(ledger), 20, step=LOOK_S)
    figures = ledger.check()
    show("Redis wiped 3 times", figures | {"resumed_s": resumed_s})
    assert figures["by_status"] == {"succeeded": RUNS}
    assert figures["refused"] == {}
    assert figures["extra_calls"] == 0
    assert max(resumed_s) <= 15


def reach_finished(ledger: Ledger, count: int) -> None:
    ledger.wait_for("succeeded", count)


def reach(ledger: Ledger, count: int) -> None:
    wait_until(
        lambda: len(ledger.acknowledged) >= count,
        120,
        message=lambda: f"{len(ledger.acknowledged)} accepted, {ledger.refused}",
    )


def test_a_redis_that_hangs_delays_and_loses_nothing(start_platform):
    ledger = start_platform(workers=1)
    ledger.platform.model.default(Behaviour(seconds=0.5, events=5))
    ledger.start(20)
    ledger.platform.redis.pause()
    took = []
    for _ in range(20):
        began = time.monotonic()
        ledger.post()
        took.append(time.monotonic() - began)
    ledger.wait_for_all(timeout=60)
    ledger.platform.redis.resume()
    wait_until(lambda: not messages_waiting(ledger), 30, step=LOOK_S)
    figures = ledger.check()
    show("Redis hung", figures | {"slowest_s": round(max(took), 2)})
    assert figures["refused"] == {}
    assert figures["by_status"] == {"succeeded": 40}
    assert max(took) < PATIENCE_S


def test_junk_messages_do_no_harm(start_platform, rng: random.Random):
    ledger = start_platform(workers=1)
    ledger.platform.model.default(Behaviour(seconds=1, events=10))
    (worker,) = ledger.platform.workers
    first = ledger.start(20)
    with ledger.platform.redis.client() as redis:
        for number in range(JUNK):
            queue = rng.choice(QUEUES.split(","))
            redis.lpush(queue, junk(rng, number, known=first[0]))
    ledger.start(20)
    wait_until(lambda: not messages_waiting(ledger), 60, step=LOOK_S)
    ledger.wait_for_all(timeout=60)
    figures = ledger.check()
    show("1,000 junk messages", figures)
    assert worker.is_alive
    assert figures["by_status"] == {"succeeded": 40}
    assert figures["extra_calls"] == 0


def junk(rng: random.Random, number: int, *, known: str) -> bytes:
    """Something a worker cannot use: unreadable, unknown, forged, stale or repeated."""
    kinds = [
        rng.randbytes(rng.randint(0, 200)),
        b"not json",
        b"[1, 2]",
        b"{}",
        b"null",
        envelope(number, task="os.system", kwargs={"command": "true"}),
        envelope(number, task="agents.run_execution", kwargs={"execution_id": known}),
        envelope(number, task="agents.run_execution", kwargs={"execution_id": "../x"}),
        envelope(number, task="agents.run_execution", kwargs={"unknown": [1] * 500}),
        envelope(
            number,
            task="agents.run_execution",
            content="application/x-python-serialize",
        ),
        envelope(number, task="agents.run_execution", body="%%%"),
        envelope(number, task="agents.run_execution", body=""),
        json.dumps({"body": "e30=", "headers": 7, "properties": []}).encode(),
    ]
    return kinds[number % len(kinds)]


def envelope(
    number: int,
    *,
    task: str,
    kwargs: dict | None = None,
    content: str = "application/json",
    body: str | None = None,
) -> bytes:
    """A message in the form that Celery sends."""
    written = json.dumps([[], kwargs or {}, {}]) if body is None else body
    return json.dumps(
        {
            "body": written,
            "content-encoding": "utf-8",
            "content-type": content,
            "headers": {"lang": "py", "task": task, "id": f"junk-{number}"},
            "properties": {
                "correlation_id": f"junk-{number}",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "interactive"},
                "priority": 0,
                "delivery_tag": f"junk-{number}",
            },
        }
    ).encode()
