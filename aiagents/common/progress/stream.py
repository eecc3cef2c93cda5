"""Append and replay on a Redis Stream, fenced by attempt.

Each stream has a head: a hash with the last `seq`, the highest `attempt` that wrote and
whether it is `closed`. One script reads the head, refuses a late worker (a lower attempt) and
anything after `done`, numbers the events and appends them, so that a fence and a number can
never disagree. A head that is missing although events were written (Redis was emptied)
continues after `floor` and answers `lost`, and the writer then sends a `reset`.

A stream is announced over the channel layer only while somebody follows it: a reader marks
its interest before it replays, and the script answers the mark after it appended, so an
event is either in the replay or announced.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from redis import Redis
from redis import asyncio as redis_asyncio
from redis.exceptions import NoScriptError

from aiagents.common import clock
from aiagents.common.progress.events import ProgressEvent, ProgressType, decode, encode

PREFIX = "progress"
WATCH_S = 60
MAX_EVENTS = 20_000

APPEND = f"""
local head = redis.call('HMGET', KEYS[1], 'seq', 'attempt', 'closed')
local seq = tonumber(head[1])
local attempt = tonumber(ARGV[1])
local lost = 0
if seq == nil then
  seq = tonumber(ARGV[2])
  if seq > 0 then lost = 1 end
elseif head[3] == '1' or tonumber(head[2]) > attempt then
  return {{-1, 0, 0}}
end
for i = 5, #ARGV do
  seq = seq + 1
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', {MAX_EVENTS}, seq .. '-0', 'e', ARGV[i])
end
redis.call('HSET', KEYS[1], 'seq', seq, 'attempt', attempt, 'closed', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return {{seq, lost, redis.call('EXISTS', KEYS[3])}}
"""
#: How Redis names a script (EVALSHA).
APPEND_SHA = hashlib.sha1(APPEND.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Events to be added to one stream."""

    key: uuid.UUID
    attempt: int
    events: Sequence[tuple[ProgressType, dict[str, Any]]]
    #: The last number this writer knows of, for the case that the stream was lost.
    floor: int = 0
    #: Whether these are the last events; later ones are refused.
    closes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of an `Append`."""

    events: tuple[ProgressEvent, ...] = ()
    #: A later attempt has written, or the stream is closed: stop writing.
    fenced: bool = False
    #: Earlier events are gone; readers need a `reset`.
    lost: bool = False
    #: Somebody follows: announce the events.
    watched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a stream stands."""

    seq: int
    closed: bool


def lost_floor(attempt: int) -> int:
    """The number after which a stream continues when its own count is lost.

    Far above any real number, so that a reader who had counted further still sees the rest.
    """
    return attempt << 20


def retention_s() -> int:
    """How long a stream outlives its last event, in seconds."""
    return int(settings.PROGRESS_RETENTION_S)


def _keys(key: uuid.UUID) -> tuple[str, str, str]:
    tag = f"{PREFIX}:{{{key.hex}}}"
    return f"{tag}:head", f"{tag}:events", f"{tag}:watched"


def _arguments(append: Append) -> list[Any]:
    head = [append.attempt, append.floor, retention_s(), "1" if append.closes else "0"]
    return head + [encode(kind, data) for kind, data in append.events]


def _outcome(append: Append, answer: Sequence[int]) -> Appended:
    last, lost, watched = answer
    if last < 0:
        return Appended(fenced=True)
    first = last - len(append.events) + 1
    numbered = tuple(
        ProgressEvent(seq=first + index, type=kind, data=data)
        for index, (kind, data) in enumerate(append.events)
    )
    return Appended(events=numbered, lost=bool(lost), watched=bool(watched))


def _is_unknown(answer: object) -> bool:
    return isinstance(answer, NoScriptError)


def _range(after: int) -> str:
    return f"({after}-0" if after else "-"


def _decoded(rows: Any) -> list[ProgressEvent]:
    """Events from stream rows, whose type in redis-py admits what our client never answers."""
    return [decode(int(row_id.partition(b"-")[0]), row[b"e"]) for row_id, row in rows]


class ProgressLog:
    """The stream for code that may block: services after a commit, the sweeper."""

    def __init__(self, client: "Redis") -> None:
        """`client` answers bytes."""
        self._script = client.register_script(APPEND)
        self._client = client

    def append(self, append: Append) -> Appended:
        """Number and store the events unless the writer is late."""
        keys = _keys(append.key)
        return _outcome(append, self._script(keys=list(keys), args=_arguments(append)))

    def replay(self, key: uuid.UUID, *, after: int = 0) -> list[ProgressEvent]:
        """The stored events numbered above `after`."""
        return _decoded(self._client.xrange(_keys(key)[1], min=_range(after)))

    def forget(self, keys: Sequence[uuid.UUID]) -> None:
        """Delete whole streams."""
        for key in keys:
            self._client.delete(*_keys(key))

    def wait_for_end(self, key: uuid.UUID, *, after: int, seconds: float) -> int:
        """Block until `done` is stored or the time is up; returns the last number seen."""
        until = clock.monotonic() + seconds
        last = after
        while (left := until - clock.monotonic()) > 0:
            stream = _keys(key)[1]
            answer: Any = self._client.xread(
                {stream: f"{last}-0"}, block=max(int(left * 1000), 1)
            )
            for _, rows in answer or ():
                events = _decoded(rows)
                last = events[-1].seq
                if events[-1].type is ProgressType.DONE:
                    return last
        return last


class AsyncProgressLog:
    """The stream for an event loop: the executor, sockets, SSE."""

    def __init__(self, client: "redis_asyncio.Redis") -> None:
        """`client` answers bytes."""
        self._client = client

    async def append_all(self, appends: Sequence[Append]) -> list[Appended]:
        """Many streams in one round trip."""
        answers = await self._evaluate(appends)
        # A server that was restarted does not know the script; such calls did nothing.
        unknown = [place for place, answer in enumerate(answers) if _is_unknown(answer)]
        if unknown:
            await self._client.script_load(APPEND)
            again = await self._evaluate([appends[place] for place in unknown])
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [
            _outcome(one, answer) for one, answer in zip(appends, answers, strict=True)
        ]

    async def _evaluate(self, appends: Sequence[Append]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for append in appends:
            pipeline.evalsha(APPEND_SHA, 3, *_keys(append.key), *_arguments(append))
        return await pipeline.execute(raise_on_error=False)

    async def replay(self, key: uuid.UUID, *, after: int = 0) -> list[ProgressEvent]:
        """The stored events numbered above `after`."""
        return _decoded(await self._client.xrange(_keys(key)[1], min=_range(after)))

    async def head(self, key: uuid.UUID) -> Head | None:
        """The last number and whether the stream is closed; None when there is no stream."""
        seq, closed = await self._client.hmget(_keys(key)[0], ["seq", "closed"])
        return None if seq is None else Head(seq=int(seq), closed=closed == b"1")

    async def watch(self, key: uuid.UUID) -> None:
        """Ask that new events be announced for the next minute."""
        await self._client.set(_keys(key)[2], b"1", ex=WATCH_S)
