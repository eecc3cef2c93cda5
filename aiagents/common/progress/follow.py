"""Reading a stream to its end: join, replay, go live, without a gap and without a double.

The order matters. The reader joins the group and marks its interest first and replays then,
so an event appended in between is announced, replayed or both; numbers drop the double. An
announcement that does not continue the last number is only a hint to replay again.
"""

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from aiagents.common import clock
from aiagents.common.progress.events import ProgressEvent, ProgressType
from aiagents.common.progress.groups import announced, group_name
from aiagents.common.progress.stream import (
    WATCH_S,
    Append,
    AsyncProgressLog,
    lost_floor,
)

#: How long to wait for an announcement before looking at the stream and the row again.
PATIENCE_S = 5.0
REDIS_AWAY_S = 1.0
MAX_WAITING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the database says of something that is over."""

    status: str
    text: str
    attempt: int


#: Answers what the database holds once the work is over, and None before.
FindOutcome = Callable[[], Awaitable[Outcome | None]]


def virtual_ending(outcome: Outcome, *, after: int) -> list[ProgressEvent]:
    """The end of a stream that no longer exists, made from the stored result."""
    floor = lost_floor(outcome.attempt)
    ending = [
        ProgressEvent(
            seq=floor + 1, type=ProgressType.RESET, data={"text": outcome.text}
        ),
        ProgressEvent(
            seq=floor + 2, type=ProgressType.DONE, data={"status": outcome.status}
        ),
    ]
    return [event for event in ending if event.seq > after]


def closing(key: uuid.UUID, outcome: Outcome) -> Append:
    """The last events of a stream whose writer died before it could write them."""
    return Append(
        key=key,
        attempt=outcome.attempt,
        floor=lost_floor(outcome.attempt),
        closes=True,
        events=[
            (ProgressType.RESET, {"text": outcome.text}),
            (ProgressType.DONE, {"status": outcome.status}),
        ],
    )


async def follow(
    log: AsyncProgressLog, key: uuid.UUID, *, after: int, find_outcome: FindOutcome
) -> AsyncGenerator[ProgressEvent, None]:
    """Yield every event numbered above `after`, then new ones, up to and with `done`."""
    reader = _Reader(log=log, key=key, last=after, find_outcome=find_outcome)
    async for event in reader.events():
        yield event


class _Reader:
    """One reader's place in one stream."""

    def __init__(
        self,
        *,
        log: AsyncProgressLog,
        key: uuid.UUID,
        last: int,
        find_outcome: FindOutcome,
    ) -> None:
        self._log = log
        self._key = key
        self._last = last
        self._find_outcome = find_outcome
        self._inbox: _Inbox | None = None
        self._is_live = False
        self._is_over = False
        self._watched_at = 0.0

    async def events(self) -> AsyncGenerator[ProgressEvent, None]:
        try:
            while not self._is_over:
                for event in await self._next_batch():
                    self._last = event.seq
                    self._is_over = event.type is ProgressType.DONE
                    yield event
        finally:
            await self._leave()

    async def _next_batch(self) -> list[ProgressEvent]:
        try:
            if self._is_live:
                return await self._announced()
            return await self._catch_up()
        except (RedisError, OSError):
            await self._leave()
            return await self._without_redis()

    async def _catch_up(self) -> list[ProgressEvent]:
        if self._inbox is None:
            self._inbox = await _Inbox.open(group_name(self._key))
        await self._watch()
        events = await self._log.replay(self._key, after=self._last)
        self._is_live = True
        return events or await self._ending()

    async def _watch(self) -> None:
        """Renew the interest in time: without it there are no announcements."""
        if clock.monotonic() - self._watched_at > WATCH_S / 2 or not self._is_live:
            self._watched_at = clock.monotonic()
            await self._log.watch(self._key)

    async def _announced(self) -> list[ProgressEvent]:
        await self._watch()
        message = await self._inbox.next() if self._inbox else None
        events = (
            [e for e in announced(message) if e.seq > self._last] if message else []
        )
        continues = bool(events) and events[0].seq == self._last + 1
        self._is_live = continues or (message is not None and not events)
        return events if continues else []

    async def _ending(self) -> list[ProgressEvent]:
        """What is owed to a reader who has the whole stream although the work is over."""
        outcome = await self._find_outcome()
        if outcome is None:
            return []
        head = await self._log.head(self._key)
        if head is None:
            self._is_over = True
            return virtual_ending(outcome, after=self._last)
        if not head.closed:
            await self._log.append_all([closing(self._key, outcome)])
        # Somebody else may have closed it since the replay that found nothing.
        missed = await self._log.replay(self._key, after=self._last)
        self._is_over = not missed
        return missed

    async def _without_redis(self) -> list[ProgressEvent]:
        await asyncio.sleep(REDIS_AWAY_S)
        outcome = await self._find_outcome()
        return virtual_ending(outcome, after=self._last) if outcome else []

    async def _leave(self) -> None:
        self._is_live = False
        if self._inbox is not None:
            await self._inbox.close()
            self._inbox = None


class _Inbox:
    """A bounded mailbox in a group of the channel layer.

    The layer's own queue has no bound, and cancelling its `receive` destroys the channel, so a
    task empties it for as long as the reader lives. What does not fit is dropped; the gap in
    the numbers then sends the reader back to the stream.
    """

    def __init__(self, *, layer: Any, group: str, channel: str) -> None:
        self._layer, self._group, self._channel = layer, group, channel
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._arrived = asyncio.Event()
        self._pump = asyncio.create_task(self._empty_channel())

    @classmethod
    async def open(cls, group: str) -> "_Inbox":
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        return cls(layer=layer, group=group, channel=channel)

    async def next(self) -> dict[str, Any] | None:
        """The next announcement, or None when none came in time."""
        if not self._waiting:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._arrived.wait()
        return self._waiting.popleft() if self._waiting else None

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._layer.group_discard(self._group, self._channel)
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    async def _empty_channel(self) -> None:
        while True:
            self._waiting.append(await self._layer.receive(self._channel))
            self._arrived.set()
