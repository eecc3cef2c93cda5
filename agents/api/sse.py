"""Progress as server-sent events (WHATWG HTML §9.2)."""

import asyncio
import uuid
from collections.abc import AsyncGenerator

import orjson

from accounts import selectors as account_selectors
from agents import selectors
from aiagents.common import clock
from aiagents.common.connections import in_thread
from aiagents.common.principals import Principal
from aiagents.common.progress import ProgressEvent

#: A comment this often keeps proxies from closing a silent stream, in seconds.
KEEP_ALIVE_S = 20.0
#: How often the reader's rights are looked at again, in seconds.
RECHECK_S = 60.0


async def event_stream(
    execution_id: uuid.UUID, *, after: int, principal: Principal
) -> AsyncGenerator[bytes, None]:
    """Frames up to and with `done`; ends early when the reader's token has died."""
    events = selectors.follow_progress(execution_id, after=after)
    checked_at = asyncio.get_running_loop().time()
    pending = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            finished, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_S)
            now = asyncio.get_running_loop().time()
            if now - checked_at > RECHECK_S:
                look = account_selectors.find_current
                if await in_thread(look, principal, now=clock.now()) is None:
                    return
                checked_at = now
            if not finished:
                yield b": still here\n\n"
                continue
            event = pending.result()
            if event is None:
                return
            yield frame(event)
            pending = asyncio.ensure_future(anext(events, None))
    finally:
        pending.cancel()
        await events.aclose()


def frame(event: ProgressEvent) -> bytes:
    """One event; its `id` is what `Last-Event-ID` brings back."""
    head = f"id: {event.seq}\nevent: {event.type.value}\ndata: ".encode()
    return head + orjson.dumps(event.as_dict()) + b"\n\n"
