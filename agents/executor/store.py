"""The ORM, called from the event loop: in threads, and patient when the database is away."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from aiagents.common import clock
from aiagents.common.connections import in_own_connection

T = TypeVar("T")
THREADS = 4
#: How long a finished result is held for a database that is away, in seconds.
PATIENCE_S = 60.0
AWAY = (OperationalError, InterfaceError)

log = structlog.get_logger(__name__)


async def see_through(work: Coroutine[Any, Any, T]) -> T:
    """Once begun, it is finished: a result that may be stored is not given up.

    The heartbeat stops what it finds ended, and that may be our own commit, whose end is still
    to be told.
    """
    begun = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        return await begun


class Store:
    """Runs services in a few threads, each with a connection of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="store")

    async def call(self, service: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The answer of `service`. Raises what it raises."""
        loop = asyncio.get_running_loop()
        work = partial(in_own_connection, service, *args, **kwargs)
        return await loop.run_in_executor(self._pool, work)

    async def insist(self, service: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `call`, repeated with jitter for a minute while the database is away.

        Safe for the services of `attempts`: a repetition finds the fence moved and changes
        nothing, so a COMMIT of unknown outcome is not applied twice.
        """
        give_up_at = clock.monotonic() + PATIENCE_S
        while True:
            try:
                return await self.call(service, *args, **kwargs)
            except AWAY as error:
                if clock.monotonic() > give_up_at:
                    raise
                log.warning("database_away", action="database_away", cause=repr(error))
                await asyncio.sleep(random.uniform(0.2, 2.0))  # noqa: S311 - jitter

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
