"""The progress of all executions in flight, told in one round trip every 100 ms.

A track holds what one execution has still to tell; text is coalesced. When Redis is away the
untold text is dropped, and once it is back readers get a `reset` with all text so far, which
the track can always produce.
"""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from agents.executor.gather import Gather
from agents.services.claims import Claim
from aiagents.common import redis_client
from aiagents.common.progress import (
    Append,
    Appended,
    AsyncProgressLog,
    ProgressType,
    announcement,
    group_name,
    lost_floor,
)

#: The longest text of one frame, in characters; keeps frames under 16 KB.
MAX_DELTA_CHARS = 4_000

log = structlog.get_logger(__name__)
Untold = list[tuple[ProgressType, dict[str, Any]]]


class Track:
    """What one attempt has still to tell."""

    def __init__(self, claim: Claim, *, read_text: Callable[[], str]) -> None:
        """`read_text` gives all text of the attempt so far."""
        self.key: uuid.UUID = claim.execution_id
        self.attempt = claim.attempt
        self.closes = False
        #: A later attempt writes now, or the stream is closed.
        self.is_fenced = False
        self._read_text = read_text
        self._untold: Untold = []
        self._text: list[str] = []
        self._last_seq = 0
        self._needs_reset = False

    def tell(self, kind: ProgressType, **data: Any) -> None:
        """Add one event, after the text that came before it."""
        self._settle_text()
        self._untold.append((kind, data))

    def tell_text(self, text: str) -> None:
        """Add text."""
        self._text.append(text)

    def close(self, status: str) -> None:
        """Add the last event."""
        self.tell(ProgressType.DONE, status=status)
        self.closes = True

    def take(self) -> Append | None:
        """What is to be sent now, or None."""
        self._settle_text()
        events, self._untold = self._untold, []
        if self._needs_reset:
            events = self._with_reset(events)
        if not events or self.is_fenced:
            return None
        floor = self._last_seq or (lost_floor(self.attempt) if self.attempt > 1 else 0)
        return Append(
            key=self.key,
            attempt=self.attempt,
            events=events,
            floor=floor,
            closes=self.closes,
        )

    def sent(self, append: Append, appended: Appended) -> None:
        """Learn what became of an append."""
        self.is_fenced = appended.fenced
        if appended.events:
            self._last_seq = appended.events[-1].seq
        has_reset = any(kind is ProgressType.RESET for kind, _ in append.events)
        self._needs_reset = appended.lost and not has_reset and not append.closes

    def not_sent(self) -> None:
        """Redis is away: what was taken is gone, and readers will need all of it."""
        self._needs_reset = True

    def _settle_text(self) -> None:
        if not self._text:
            return
        text = "".join(self._text)
        self._text = []
        for start in range(0, len(text), MAX_DELTA_CHARS):
            piece = text[start : start + MAX_DELTA_CHARS]
            self._untold.append((ProgressType.DELTA, {"text": piece}))

    def _with_reset(self, events: Untold) -> Untold:
        kept = [
            e for e in events if e[0] not in {ProgressType.DELTA, ProgressType.RESET}
        ]
        return [(ProgressType.RESET, {"text": self._read_text()}), *kept]


class Feed:
    """Sends what the tracks have to tell."""

    def __init__(self) -> None:
        self._log = AsyncProgressLog(redis_client.async_client())
        self._layer = get_channel_layer()
        self._tracks: dict[uuid.UUID, Track] = {}
        self._round = asyncio.Lock()
        self._ends = Gather(self._send_ends)

    def open(self, claim: Claim, *, read_text: Callable[[], str]) -> Track:
        """Begin to tell of an attempt."""
        track = Track(claim, read_text=read_text)
        self._tracks[claim.execution_id] = track
        return track

    async def finish(self, track: Track) -> None:
        """Send the rest of a track and forget it."""
        if self._tracks.get(track.key) is track:
            del self._tracks[track.key]
        await self._ends.ask(track)

    async def run(self) -> None:
        """Send for ever, about ten times a second."""
        while True:
            await asyncio.sleep(settings.PROGRESS_INTERVAL_S)
            async with self._round:
                await self._send(list(self._tracks.values()))

    async def run_ends(self) -> None:
        """Send the ends of tracks for ever, as they come."""
        await self._ends.run()

    async def _send_ends(self, tracks: list[Track]) -> list[None]:
        # What a round under way has taken of these tracks must arrive first.
        async with self._round:
            await self._send(tracks)
        return [None] * len(tracks)

    async def _send(self, tracks: list[Track]) -> None:
        taken = [(track, append) for track in tracks if (append := track.take())]
        if not taken:
            return
        try:
            outcomes = await self._log.append_all([append for _, append in taken])
        except (RedisError, OSError) as error:
            log.warning(
                "progress_not_told", action="progress_not_told", cause=repr(error)
            )
            for track, _ in taken:
                track.not_sent()
            return
        for (track, append), appended in zip(taken, outcomes, strict=True):
            track.sent(append, appended)
            if appended.watched and appended.events:
                await self._announce(track.key, appended)

    async def _announce(self, key: uuid.UUID, appended: Appended) -> None:
        try:
            await self._layer.group_send(group_name(key), announcement(appended.events))
        except (RedisError, OSError) as error:
            log.warning(
                "progress_not_told", action="progress_not_told", cause=repr(error)
            )
