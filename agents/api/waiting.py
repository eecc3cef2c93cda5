"""Holding an answer until an execution has ended."""

import time

from django.db import connection
from redis.exceptions import RedisError

from agents import selectors
from agents.models import Execution
from aiagents.common import clock, redis_client
from aiagents.common.principals import Principal
from aiagents.common.progress import ProgressLog

#: The longest wait for news before the row is read again, in seconds.
LOOK_AGAIN_S = 1.0
WITHOUT_REDIS_S = 0.5


def wait_for_end(execution: Execution, *, by: Principal, seconds: float) -> Execution:
    """The execution as it stands when it is over, or when the time is up."""
    until = clock.monotonic() + seconds
    stream = ProgressLog(redis_client.sync_client())
    seq = 0
    while not execution.is_over and (left := until - clock.monotonic()) > 0:
        _give_connection_back()
        seq = _wait_for_news(
            stream, execution, after=seq, seconds=min(left, LOOK_AGAIN_S)
        )
        execution = selectors.get_execution(execution.id, by=by)
    return execution


def _give_connection_back() -> None:
    """Hold no connection while nothing is asked of it; a long wait would starve others."""
    if not connection.in_atomic_block:
        connection.close()


def _wait_for_news(
    stream: ProgressLog, execution: Execution, *, after: int, seconds: float
) -> int:
    try:
        return stream.wait_for_end(execution.id, after=after, seconds=seconds)
    except (RedisError, OSError):
        time.sleep(min(seconds, WITHOUT_REDIS_S))
        return after
