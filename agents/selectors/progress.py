"""Reading the progress of one execution that the caller may see."""

import uuid
from collections.abc import AsyncGenerator

from redis.exceptions import RedisError

from agents.selectors.executions import find_outcome
from aiagents.common import redis_client
from aiagents.common.connections import in_thread
from aiagents.common.progress import (
    AsyncProgressLog,
    Outcome,
    ProgressEvent,
    ProgressLog,
    ProgressType,
    closing,
    follow,
    virtual_ending,
)


def replay_progress(execution_id: uuid.UUID, *, after: int) -> list[ProgressEvent]:
    """The events numbered above `after`.

    Where the stream is gone, the stored end of the execution stands in for it.
    """
    outcome = find_outcome(execution_id)
    log = ProgressLog(redis_client.sync_client())
    try:
        events = log.replay(execution_id)
        if outcome and events and events[-1].type is not ProgressType.DONE:
            log.append(closing(execution_id, outcome))
            events = log.replay(execution_id)
    except (RedisError, OSError):
        events = []
    if not events and outcome:
        return virtual_ending(outcome, after=after)
    return [event for event in events if event.seq > after]


async def follow_progress(
    execution_id: uuid.UUID, *, after: int
) -> AsyncGenerator[ProgressEvent, None]:
    """Every event numbered above `after`, then new ones, up to and with `done`."""

    async def read_outcome() -> Outcome | None:
        return await in_thread(find_outcome, execution_id)

    log = AsyncProgressLog(redis_client.async_client())
    async for event in follow(
        log, execution_id, after=after, find_outcome=read_outcome
    ):
        yield event
