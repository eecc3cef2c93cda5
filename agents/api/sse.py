"""Progress as server-sent events (WHATWG HTML §9.2)."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator

import orjson

from accounts import selectors as account_selectors
from agents import selectors
from aiagents.common import clock, rights
from aiagents.common.connections import in_thread
from aiagents.common.principals import Principal
from aiagents.common.progress import ProgressEvent

#: A comment this often keeps proxies from closing a silent stream, in seconds.
KEEP_ALIVE_S = 20.0
#: How often the reader's rights are looked at again without having been told, in seconds.
RECHECK_S = 60.0


async def event_stream(
    execution_id: uuid.UUID, *, after: int, principal: Principal
) -> AsyncGenerator[bytes, None]:
    """Frames up to and with `done`; ends at once when the reader's credential has ended."""
    events = selectors.follow_progress(execution_id, after=after)
    checked_at = clock.monotonic()
    async with (
        contextlib.aclosing(events),
        rights.listening(principal.user_id) as told,
        contextlib.aclosing(_with_pauses(events, told)) as paced,
    ):
        async for event in paced:
            if event is None or clock.monotonic() - checked_at > RECHECK_S:
                checked_at = clock.monotonic()
                look = account_selectors.find_current
                if await in_thread(look, principal, now=clock.now()) is None:
                    return
            yield frame(event) if event else b": still here\n\n"


def frame(event: ProgressEvent) -> bytes:
    """One event; its `id` is what `Last-Event-ID` brings back."""
    head = f"id: {event.seq}\nevent: {event.type.value}\ndata: ".encode()
    return head + orjson.dumps(event.as_dict()) + b"\n\n"


async def _with_pauses(
    events: AsyncGenerator[ProgressEvent, None], told: asyncio.Event
) -> AsyncGenerator[ProgressEvent | None, None]:
    """The events; None after a silence, and when the reader's rights may have changed."""
    pending = asyncio.ensure_future(anext(events, None))
    heard = asyncio.ensure_future(told.wait())
    try:
        while True:
            finished, _ = await asyncio.wait(
                {pending, heard}, timeout=KEEP_ALIVE_S, return_when="FIRST_COMPLETED"
            )
            if heard in finished:
                told.clear()
                heard = asyncio.ensure_future(told.wait())
                yield None
            elif not finished:
                yield None
            if pending not in finished:
                continue
            event = pending.result()
            if event is None:
                return
            yield event
            pending = asyncio.ensure_future(anext(events, None))
    finally:
        heard.cancel()
        pending.cancel()
        # A generator that still runs cannot be closed.
        await asyncio.wait({heard, pending})
