"""Telling workers and readers, after the commit, that an execution has changed.

Everything here is at best effort. A worker that was not told finds the row by polling, a
reader finds the end in the database; so an unreachable Redis is logged and never raised.
"""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from aiagents.common import dispatch, redis_client
from aiagents.common.progress import (
    Append,
    ProgressLog,
    ProgressType,
    announcement,
    closing,
    group_name,
)
from aiagents.common.progress.follow import Outcome
from aiagents.common.redis_client import rest

log = structlog.get_logger(__name__)

RUN_TASK = "agents.run_execution"
#: The Redis channel on which executors hear that a run should stop.
CANCEL_CHANNEL = "executor.cancel"


def enqueue_execution(*, execution_id: uuid.UUID, lane: str) -> None:
    """Wake a worker of the lane once the transaction has committed."""
    dispatch.enqueue_on_commit(RUN_TASK, queue=lane, execution_id=str(execution_id))


def wake_executions(rows: Sequence[tuple[uuid.UUID, str]]) -> None:
    """Wake workers for `(id, lane)` rows that nobody seems to have heard of."""
    for execution_id, lane in rows:
        dispatch.enqueue(RUN_TASK, queue=lane, execution_id=str(execution_id))


def announce_queued(*, execution_id: uuid.UUID, lane: str) -> None:
    """After the commit, open the progress stream with its first event and wake a worker."""
    transaction.on_commit(partial(_tell_queued, execution_id, lane), robust=True)


def announce_ended(*, execution_id: uuid.UUID, outcome: Outcome) -> None:
    """Close the stream of an execution that no worker will close, after the commit."""
    append = closing(execution_id, outcome)
    transaction.on_commit(partial(_append, append), robust=True)


def ask_to_stop(*, execution_id: uuid.UUID) -> None:
    """Tell the worker at once; without Redis it hears it at its next heartbeat."""
    transaction.on_commit(partial(_publish_stop, execution_id), robust=True)


def forget_streams(keys: Sequence[uuid.UUID]) -> None:
    """Delete the streamed text of runs that are deleted, after the commit.

    Without Redis it goes by itself within a day.
    """
    transaction.on_commit(partial(_forget, tuple(keys)), robust=True)


def text_so_far(execution_id: uuid.UUID) -> str:
    """The text that was streamed, for a run whose worker is gone; empty without Redis."""
    if rest.is_on():
        return ""
    try:
        events = ProgressLog(redis_client.sync_client()).replay(execution_id)
    except (RedisError, OSError):
        rest.start()
        return ""
    text = ""
    for event in events:
        if event.type is ProgressType.DELTA:
            text += event.data["text"]
        elif event.type is ProgressType.RESET:
            text = event.data["text"]
    return text


def _tell_queued(execution_id: uuid.UUID, lane: str) -> None:
    event = (ProgressType.STATUS, {"status": "queued"})
    _append(Append(key=execution_id, attempt=0, events=[event]))
    dispatch.wake(RUN_TASK, queue=lane, execution_id=str(execution_id))


def _append(append: Append) -> None:
    if rest.is_on():
        return
    try:
        appended = ProgressLog(redis_client.sync_client()).append(append)
        if appended.watched and appended.events:
            _announce(append.key, announcement(appended.events))
    except (RedisError, OSError) as error:
        rest.start()
        log.warning("progress_not_told", action="progress_not_told", cause=repr(error))


def _announce(key: uuid.UUID, message: dict[str, Any]) -> None:
    async_to_sync(get_channel_layer().group_send)(group_name(key), message)


def _forget(keys: Sequence[uuid.UUID]) -> None:
    try:
        ProgressLog(redis_client.sync_client()).forget(keys)
    except (RedisError, OSError) as error:
        log.warning(
            "streams_not_deleted", action="streams_not_deleted", cause=repr(error)
        )


def _publish_stop(execution_id: uuid.UUID) -> None:
    if rest.is_on():
        return
    try:
        redis_client.sync_client().publish(CANCEL_CHANNEL, str(execution_id))
    except (RedisError, OSError) as error:
        rest.start()
        log.warning("stop_not_told", action="stop_not_told", cause=repr(error))
