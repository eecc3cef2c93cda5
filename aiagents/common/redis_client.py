"""How does a process reach Redis, without ever waiting long for it?

One pool for code that may block and one per event loop. Nothing is tried twice: whoever asks
knows what to do without Redis, and a repeated command would not be the same command.
"""

import asyncio
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import Redis
from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from aiagents.common import clock

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 2.0
REST_S = 2.0
TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": READ_TIMEOUT_S,
}

_async_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, redis_asyncio.Redis]" = (
    WeakKeyDictionary()
)


class Rest:
    """After a failure a server is left alone for a moment: not every caller waits for it."""

    def __init__(self) -> None:
        self._until_s = 0.0

    def is_on(self) -> bool:
        """Whether the server has just failed in this process."""
        return clock.monotonic() < self._until_s

    def start(self) -> None:
        """It has failed."""
        self._until_s = clock.monotonic() + REST_S

    def end(self) -> None:
        """It has answered."""
        self._until_s = 0.0


#: The Redis of `sync_client`, which the broker need not be.
rest = Rest()


def sync_client() -> "Redis":
    """The process's client for code that may block; it answers bytes.

    Its calls raise `redis.exceptions.RedisError` or `OSError` when Redis is away.
    """
    return _sync_client(settings.REDIS_URL)


def async_client() -> "redis_asyncio.Redis":
    """The running event loop's client; it answers bytes. Raises as `sync_client`'s does."""
    loop = asyncio.get_running_loop()
    if loop not in _async_clients:
        _async_clients[loop] = redis_asyncio.Redis.from_url(
            settings.REDIS_URL, retry=AsyncRetry(NoBackoff(), 0), **TIMEOUTS
        )
    return _async_clients[loop]


@lru_cache(maxsize=4)
def _sync_client(url: str) -> "Redis":
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **TIMEOUTS)
