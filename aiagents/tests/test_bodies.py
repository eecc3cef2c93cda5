"""Bodies over the limit, as an ASGI server hands them over."""

import json

import pytest
from asgiref.testing import ApplicationCommunicator

from aiagents.asgi import application
from aiagents.common.bodies import limit_bodies


def scope(*headers):
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/auth/login",
        "raw_path": b"/auth/login",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "scheme": "http",
    }


async def answer_to(asked, chunks, app=application):
    """The status and body, and how many chunks were taken."""
    communicator = ApplicationCommunicator(app, asked)
    for chunk in chunks:
        await communicator.send_input(
            {"type": "http.request", "body": chunk, "more_body": True}
        )
    start = await communicator.receive_output(10)
    body = await communicator.receive_output(10)
    left = communicator.input_queue.qsize()
    await communicator.wait(10)
    return start, body["body"], len(chunks) - left


@pytest.fixture(autouse=True)
def _small(settings):
    settings.MAX_REQUEST_BYTES = 10_000


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long():
    start, body, taken = await answer_to(scope(), [b"x" * 1000] * 50)
    assert start["status"] == 413
    assert taken == 11
    problem = json.loads(body)
    assert problem["code"] == "too_large"
    headers = dict(start["headers"])
    assert headers[b"x-request-id"].decode() == problem["request_id"]
    assert headers[b"content-type"] == b"application/problem+json"


async def test_a_body_that_names_its_length_is_not_read_at_all():
    length = (b"content-length", b"10001")
    start, _, taken = await answer_to(scope(length), [b"x"] * 3)
    assert (start["status"], taken) == (413, 0)


async def test_what_fits_passes():
    async def echo(asked, receive, send):
        event = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": event["body"]})

    start, body, _ = await answer_to(scope(), [b"x" * 10_000], limit_bodies(echo))
    assert (start["status"], len(body)) == (200, 10_000)
