"""Once only: one row for one key, and one winner between cancel and completion."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from aiagents.common import ids
from aiagents.testing.ledger import Ledger, query, show
from aiagents.testing.messages_server import Behaviour, Call
from aiagents.testing.waiting import wait_until

KEYS = 20
CALLERS = 50
PAIRS = 500
CANCELLERS = 40
STREAM_S = 0.5
#: When a cancel is sent, from the model's last word; the way through the web takes a while.
EARLIEST_S, LATEST_S = -0.3, 0.02


def test_fifty_parallel_posts_with_one_key(start_platform):
    ledger = start_platform(workers=1)
    slowest = 0.0
    with ThreadPoolExecutor(CALLERS) as pool:
        for number in range(KEYS):
            key = f"order-{ids.new_id()}"
            began = time.monotonic()
            answers = list(
                pool.map(
                    lambda _, n=number, k=key: ledger.ask(
                        f"[[marker:k-{n}]]", **{"Idempotency-Key": k}
                    ),
                    range(CALLERS),
                )
            )
            slowest = max(slowest, time.monotonic() - began)
            assert {answer.status_code for answer in answers} == {202}
            (only,) = {answer.json()["id"] for answer in answers}
            marked = [a for a in answers if a.headers.get("Idempotent-Replayed")]
            assert len(marked) == CALLERS - 1
            ledger.acknowledged.append(only)
    ledger.wait_for_all(timeout=60)
    figures = ledger.check()
    show("50 posts with one key, 20 times", figures | {"slowest_s": round(slowest, 2)})
    assert figures["by_status"] == {"succeeded": KEYS}
    assert figures["model_calls"] == KEYS


def test_cancel_against_completion(start_platform, rng: random.Random):
    ledger = start_platform(WORKER_CONCURRENCY="20")
    ledger.platform.model.default(Behaviour(seconds=STREAM_S, events=5))
    told: dict[str, int] = {}
    with ThreadPoolExecutor(CANCELLERS) as pool:
        posts = pool.submit(ledger.start, PAIRS)
        cancels = []
        for call in begun_calls(ledger):
            at = call.received_at + STREAM_S + rng.uniform(EARLIEST_S, LATEST_S)
            cancels.append(pool.submit(cancel, ledger, call.marker, at, told))
        for done in (posts, *cancels):
            done.result()
    ledger.wait_for_all(timeout=60)
    figures = ledger.check()
    rows = query(ledger.platform, "SELECT id, status FROM agents_execution")
    statuses = {str(key): status for key, status in rows}
    outcomes = Counter((told[key], statuses[key]) for key in ledger.acknowledged)
    shown = {f"{code} {status}": n for (code, status), n in outcomes.items()}
    show("cancel against completion", figures | {"told": shown})
    assert set(outcomes) == {(202, "cancelled"), (409, "succeeded")}
    assert min(outcomes.values()) >= PAIRS // 20, "there was hardly a race"
    check_told(ledger, statuses)


def begun_calls(ledger: Ledger) -> Iterator[Call]:
    """Each call of the model, as soon as it has come."""
    model, seen = ledger.platform.model, 0
    while seen < PAIRS:
        model.wait_for(lambda: len(model.calls) > seen, 60)  # noqa: B023
        new = model.calls[seen:]
        seen += len(new)
        yield from new


def cancel(
    ledger: Ledger, marker: str | None, at_s: float, told: dict[str, int]
) -> None:
    time.sleep(max(at_s - time.monotonic(), 0))
    number = int((marker or "").removeprefix("m-"))
    # A call may come before the answer to the request that led to it.
    key = wait_until(
        lambda: next((k for k, n in list(ledger.numbers.items()) if n == number), "")
    )
    told[key] = ledger.client.post(f"/api/v1/executions/{key}/cancel").status_code


def check_told(ledger: Ledger, statuses: dict[str, str]) -> None:
    """The API, the completion event and the stream name the same winner."""
    events = query(
        ledger.platform,
        "SELECT aggregate_id, type FROM analytics_event WHERE type IN "
        "('execution.succeeded', 'execution.cancelled')",
    )
    named = {str(key): kind.removeprefix("execution.") for key, kind in events}
    assert named == statuses
    for key in random.Random(1).sample(ledger.acknowledged, 100):
        run = ledger.client.get(f"/api/v1/executions/{key}").json()
        last = ledger.client.get(f"/api/v1/executions/{key}/events").json()[-1]
        assert run["status"] == statuses[key]
        assert last["type"] == "done"
        assert last["data"]["status"] == statuses[key]
