"""Sends an answer over the connection, with the faults that concern the connection."""

import asyncio

from aiohttp import web

from aiagents.testing.messages_server.answers import Answer
from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.errors import ERRORS, RefusedError
from aiagents.testing.messages_server.ledger import Entry
from aiagents.testing.messages_server.sse import Chunks, dump, encode, event

#: The key of the request id in an aiohttp request.
REQUEST_ID = web.RequestKey("request_id", str)


async def send_stream(
    request: web.Request, answer: Answer, behaviour: Behaviour, entry: Entry
) -> web.StreamResponse:
    """Stream the answer at its pace; whatever happens is settled in the ledger."""
    chunks = encode(answer, behaviour)
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "request-id": request[REQUEST_ID],
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(chunks.opening)
    await _send_pieces(response, chunks, behaviour)
    await _end_stream(request, response, chunks, behaviour, entry)
    return response


async def send_whole(
    request: web.Request, answer: Answer, behaviour: Behaviour, entry: Entry
) -> web.StreamResponse:
    """Answer at once, after the time a stream would take."""
    await asyncio.sleep(behaviour.seconds or 0)
    if behaviour.silence_after is not None:
        await _silence()
    if behaviour.error_event_after is not None:
        raise RefusedError(behaviour.error or ERRORS["529"])
    body = dump(answer.message())
    headers = {"content-type": "application/json", "request-id": request[REQUEST_ID]}
    if behaviour.cut_after is not None or behaviour.end_after is not None:
        return await _send_half(request, body, headers, entry)
    if behaviour.bad_json_event:
        body = body[: len(body) // 2]
    entry.settle("finished")
    return web.Response(body=body, headers=headers)


def close_connection(request: web.Request) -> None:
    """Close the TCP connection after what was written to it; nothing can follow."""
    if request.transport is not None:
        request.transport.close()


async def _send_pieces(
    response: web.StreamResponse, chunks: Chunks, behaviour: Behaviour
) -> None:
    pieces = chunks.pieces[: _ending(behaviour)]
    loop = asyncio.get_running_loop()
    # Due times are counted from the start, so that delays do not add up.
    started = loop.time()
    interval = (behaviour.seconds or 0) / max(1, len(chunks.pieces))
    for number, piece in enumerate(pieces, start=1):
        wait = started + number * interval - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        await response.write(piece)


async def _end_stream(
    request: web.Request,
    response: web.StreamResponse,
    chunks: Chunks,
    behaviour: Behaviour,
    entry: Entry,
) -> None:
    if behaviour.silence_after is not None:
        await _silence()
    elif behaviour.cut_after is not None:
        entry.settle("cut")
        close_connection(request)
    elif behaviour.end_after is not None:
        entry.settle("cut")
    elif behaviour.error_event_after is not None:
        entry.settle("error")
        error = behaviour.error or ERRORS["529"]
        await response.write(event("error", error.body(request[REQUEST_ID])))
    else:
        entry.settle("finished")
        await response.write(chunks.closing)


async def _send_half(
    request: web.Request, body: bytes, headers: dict[str, str], entry: Entry
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    entry.settle("cut")
    close_connection(request)
    return response


async def _silence() -> None:
    """Until the client leaves or the server stops: both cancel the handler."""
    await asyncio.Event().wait()


def _ending(behaviour: Behaviour) -> int | None:
    """After how many pieces the stream ends early."""
    endings = (
        behaviour.cut_after,
        behaviour.end_after,
        behaviour.error_event_after,
        behaviour.silence_after,
    )
    return next((count for count in endings if count is not None), None)
