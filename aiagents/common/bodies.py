"""A body over the limit is refused while it arrives.

Django's ASGI handler stores a whole body before any middleware sees the request, and a chunked
one names no length. So this stands in front of it: nothing over the limit is read or stored.
"""

import uuid
from typing import Any

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)
from django.conf import settings

from aiagents.common import json as strict_json
from aiagents.common.api import problems


def limit_bodies(application: Any) -> ASGI3Application:
    """The application behind a limit of `MAX_REQUEST_BYTES`; over it the answer is 413."""

    async def limited(
        scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        if _named_length(scope) > settings.MAX_REQUEST_BYTES:
            await _refuse(send)
            return
        limit = _Limit(receive, send)
        await application(scope, limit.receive, limit.send)
        if limit.is_over and not limit.has_answered:
            await _refuse(send)

    return limited


class _Limit:
    """Counts what one request brings, and notes whether it was answered.

    Over the limit the application is told that the client has gone, so it tidies up and ends.
    """

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.has_answered = self.is_over = False
        self._receive = receive
        self._send = send
        self._count = 0

    async def receive(self) -> ASGIReceiveEvent:
        event = await self._receive()
        if event["type"] == "http.request":
            self._count += len(event.get("body", b""))
            self.is_over = self._count > settings.MAX_REQUEST_BYTES
        return {"type": "http.disconnect"} if self.is_over else event

    async def send(self, event: ASGISendEvent) -> None:
        self.has_answered = True
        await self._send(event)


def _named_length(scope: HTTPScope) -> int:
    """What `Content-Length` says; 0 without one. Nonsense is left to Django to refuse."""
    headers = dict(scope["headers"])
    text = headers.get(b"content-length", b"")
    return int(text[:18]) if text.isdigit() else 0


async def _refuse(send: ASGISendCallable) -> None:
    limit = settings.MAX_REQUEST_BYTES
    request_id = uuid.uuid4().hex  # noqa: TID251 - not a row
    detail = f"The body is over the limit of {limit} bytes."
    problem: dict[str, Any] = problems.body(status=413, detail=detail)
    body = strict_json.canonical(problem | {"request_id": request_id})
    headers = (
        (b"content-type", problems.CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
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
