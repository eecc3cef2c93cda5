"""A long answer in pieces, under both kinds of server."""

from collections.abc import AsyncGenerator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from aiagents.common.connections import in_thread


def stream_file(
    request: HttpRequest, pieces: Iterator[bytes], *, content_type: str, name: str
) -> StreamingHttpResponse:
    """A download under our own file name; each piece is made when the last one was taken.

    Under ASGI a plain iterator would be collected as a whole first, so it runs in threads.
    """
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


async def _in_threads(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    while piece := await in_thread(next, pieces, b""):
        yield piece
