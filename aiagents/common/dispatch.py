"""Waking workers: a task by name, after the commit, at best effort.

The database row is the truth. A message that cannot be sent is only a late start, because
the sweeper and the workers' own polling find the row; so an unreachable broker is logged
and never fails the caller.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from aiagents.common import redis_client
from aiagents.common.redis_client import Rest, rest

#: How long a task that was sent counts as on its way, should it get lost, in seconds.
WAKE_S = 1
#: A worker that looks does not wait longer for Redis, in seconds.
LOOK_S = 0.5

broker_rest = Rest()
log = structlog.get_logger(__name__)


def wake(task: str, *, queue: str, **kwargs: Any) -> None:
    """Send `task` to `queue` unless one is on its way already.

    For tasks that look for all there is to do: whoever does calls `begin_look` first, so that
    what comes during the look sends the next one.
    """
    if not _is_on_its_way(queue):
        enqueue(task, queue=queue, **kwargs)


async def begin_look(queues: Sequence[str]) -> None:
    """From now on a `wake` of these queues sends a task again; without Redis it does anyway."""
    try:
        async with asyncio.timeout(LOOK_S):
            await redis_client.async_client().delete(*map(_mark, queues))
    except (RedisError, OSError) as error:
        log.warning("wake_mark_kept", action="wake_mark_kept", cause=repr(error))


def _is_on_its_way(queue: str) -> bool:
    if rest.is_on():
        return False
    try:
        client = redis_client.sync_client()
        return client.set(_mark(queue), b"1", nx=True, ex=WAKE_S) is None
    except (RedisError, OSError):
        rest.start()
        return False


def _mark(queue: str) -> str:
    return f"wake:{queue}"


def enqueue_on_commit(task: str, *, queue: str, **kwargs: Any) -> None:
    """Send `task` to `queue` once the surrounding transaction has committed."""
    transaction.on_commit(partial(enqueue, task, queue=queue, **kwargs), robust=True)


def enqueue(task: str, *, queue: str, **kwargs: Any) -> None:
    """Send `task` to `queue` now; an unreachable broker is logged, not raised."""
    if _broker_rests():
        return
    try:
        current_app.send_task(task, kwargs=kwargs, queue=queue, ignore_result=True)
    except (OperationalError, OSError) as error:
        broker_rest.start()
        log.warning(
            "wake_up_not_sent", action="wake_up_not_sent", task=task, cause=repr(error)
        )


def _broker_rests() -> bool:
    """Whether the broker has just failed here, which may be the Redis that others asked."""
    is_same = settings.BROKER_URL == settings.REDIS_URL
    return broker_rest.is_on() or (is_same and rest.is_on())
