"""Waking workers: one wake-up is on its way at most, and none is missed."""

import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings

from aiagents.common import dispatch, redis_client

QUEUE = "interactive"
TASK = "agents.run_execution"


@async_to_sync
async def look(*queues):
    await dispatch.begin_look(queues)
    await redis_client.async_client().aclose()


@pytest.fixture
def sent(monkeypatch):
    """What was sent instead of being put into the broker's queue."""
    messages = []
    monkeypatch.setattr(
        dispatch, "enqueue", lambda task, **more: messages.append((task, more))
    )
    look(QUEUE, "batch")
    return messages


def wake(queue=QUEUE):
    dispatch.wake(TASK, queue=queue, execution_id="1")


def test_a_burst_sends_one_task(sent):
    for _ in range(5):
        wake()
    assert sent == [(TASK, {"queue": QUEUE, "execution_id": "1"})]


def test_each_queue_has_its_own(sent):
    wake()
    wake("batch")
    assert [more["queue"] for _, more in sent] == [QUEUE, "batch"]


def test_what_comes_during_a_look_wakes_again(sent):
    wake()
    look(QUEUE)
    wake()
    assert len(sent) == 2


def test_a_lost_task_is_not_waited_for_long():
    dispatch.wake(TASK, queue=QUEUE)
    left = redis_client.sync_client().pttl(f"wake:{QUEUE}")
    assert 0 < left <= dispatch.WAKE_S * 1000


def test_without_redis_every_wake_is_sent(sent):
    redis_client.rest.end()
    try:
        with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
            wake()
            wake()
            look(QUEUE)
    finally:
        redis_client.rest.end()
    assert len(sent) == 2
