"""What is decided about a websocket before any app sees it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def refuse_foreign_origins(application: Application) -> Application:
    """Refuse a browser page of another site before the handshake.

    Browsers always send Origin with a websocket; programs need not, and prove themselves
    with a header or a ticket instead.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_ours(dict(scope["headers"]).get(b"origin")):
            await send({"type": "websocket.close", "code": 4403})
            return
        await application(scope, receive, send)

    return guarded


async def unknown_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """No such address: refused before the handshake."""
    await send({"type": "websocket.close", "code": 4404})


def _is_ours(origin: bytes | None) -> bool:
    if origin is None:
        return True
    host = urlsplit(origin.decode("latin-1")).hostname or ""
    return validate_host(host, settings.ALLOWED_HOSTS)
