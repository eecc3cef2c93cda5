"""A body over the limit is refused while it arrives, and a chunked one is understood.

Django's ASGI handler stores a whole body before any middleware sees the request, and takes a
chunked one, which names no length, for an empty one. So this stands in front of it.
"""

import uuid
from typing import Any

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    HTTPScope,
    Scope,
)

from aiagents.common import json as strict_json
from aiagents.common.api import problems
from aiagents.common.middleware import limit_of

LENGTH, ENCODING = b"content-length", b"transfer-encoding"


def limit_bodies(application: Any) -> ASGI3Application:
    """The application behind the limit of each address; over it the answer is 413.

    A chunked body is gathered and handed on with its length. A body that names its length is
    held to it by the server.
    """

    async def limited(
        scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
        elif _named_length(scope) > limit_of(scope["path"]):
            await _refuse(scope, send)
        elif ENCODING in dict(scope["headers"]):
            await _gathered(application, scope, receive, send)
        else:
            await application(scope, receive, send)

    return limited


async def _gathered(
    application: Any,
    scope: HTTPScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    body, has_more = b"", True
    while has_more:
        event = await receive()
        if event["type"] != "http.request":
            return  # The client has gone.
        body += event["body"]
        has_more = event["more_body"]
        if len(body) > limit_of(scope["path"]):
            await _refuse(scope, send)
            return
    await application(_with_length(scope, len(body)), _replay(body, receive), send)


def _with_length(scope: HTTPScope, length: int) -> HTTPScope:
    kept = [pair for pair in scope["headers"] if pair[0] not in {LENGTH, ENCODING}]
    headers = [*kept, (LENGTH, str(length).encode())]
    return {**scope, "headers": headers}


def _replay(body: bytes, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """Gives the gathered body once, and then what else happens to the connection."""
    gathered: list[ASGIReceiveEvent] = [
        {"type": "http.request", "body": body, "more_body": False}
    ]

    async def replayed() -> ASGIReceiveEvent:
        return gathered.pop() if gathered else await receive()

    return replayed


def _named_length(scope: HTTPScope) -> int:
    """What `Content-Length` says; 0 without one. Nonsense is left to Django to refuse."""
    text = dict(scope["headers"]).get(LENGTH, b"")
    return int(text[:18]) if text.isdigit() else 0


async def _refuse(scope: HTTPScope, send: ASGISendCallable) -> None:
    limit = limit_of(scope["path"])
    request_id = uuid.uuid4().hex  # noqa: TID251 - not a row
    detail = f"The body is over the limit of {limit} bytes."
    problem: dict[str, Any] = problems.body(status=413, detail=detail)
    body = strict_json.canonical(problem | {"request_id": request_id})
    headers = (
        (b"content-type", problems.CONTENT_TYPE.encode()),
        (LENGTH, str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        # What is still on its way is not waited for.
        (b"connection", b"close"),
    )
    await send(
        {
            "type": "http.response.start",
            "status": 413,
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
