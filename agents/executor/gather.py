"""Doing together what many flights want at nearly the same moment.

A transaction, or a round trip to Redis, costs more than one more row or event in it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
R = TypeVar("R")
#: How long the first item waits for company, in seconds.
PAUSE_S = 0.01
#: Items of one turn.
MOST = 50

log = structlog.get_logger(__name__)


class Gather(Generic[T, R]):
    """Hands items to `work` in lists; each caller gets the answer to its own."""

    def __init__(
        self,
        work: Callable[[list[T]], Awaitable[Sequence[R]]],
        *,
        shared: tuple[type[Exception], ...] = (),
    ) -> None:
        """`work` answers in the order of its items.

        What it raises of `shared` is the fate of all of them; after any other error each item is
        tried alone, so that one bad item spoils nothing.
        """
        self._work = work
        self._shared = shared
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._bell = asyncio.Event()

    async def ask(self, item: T) -> R:
        """The answer to this item. Raises what `work` raised for it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        self._bell.set()
        return await answer

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._bell.wait()
            await asyncio.sleep(PAUSE_S)
            turn, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._bell.clear()
            await self._do(turn)

    async def _do(self, turn: "list[tuple[T, asyncio.Future[R]]]") -> None:
        try:
            answers = await self._work([item for item, _ in turn])
        except Exception as error:
            log.exception("turn_failed", action="turn_failed", items=len(turn))
            await self._after_failure(turn, error)
            return
        for (_, answer), value in zip(turn, answers, strict=True):
            if not answer.done():
                answer.set_result(value)

    async def _after_failure(
        self, turn: "list[tuple[T, asyncio.Future[R]]]", error: Exception
    ) -> None:
        if len(turn) > 1 and not isinstance(error, self._shared):
            for one in turn:
                await self._do([one])
            return
        for _, answer in turn:
            if not answer.done():
                answer.set_exception(error)
