"""Bodies over the limit, and bodies without a length, as an ASGI server hands them over."""

import json

import pytest
from asgiref.testing import ApplicationCommunicator

from aiagents.asgi import application
from aiagents.common.bodies import limit_bodies

CHUNKED = (b"transfer-encoding", b"chunked")


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


async def echo(asked, receive, send):
    """Answers with the length that was named, and the body."""
    length = dict(asked["headers"])[b"content-length"]
    event = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": length + b":" + event["body"]})


async def answer_to(asked, chunks, *, app=application, ends=False):
    """The start and body of the answer, and how many chunks were taken."""
    communicator = ApplicationCommunicator(app, asked)
    for number, chunk in enumerate(chunks, start=1):
        has_more = not ends or number < len(chunks)
        await communicator.send_input(
            {"type": "http.request", "body": chunk, "more_body": has_more}
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
    start, body, taken = await answer_to(scope(CHUNKED), [b"x" * 1000] * 50)
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


async def test_a_chunked_body_that_fits_arrives_whole_and_with_its_length():
    start, body, _ = await answer_to(
        scope(CHUNKED), [b"x" * 4000] * 2, app=limit_bodies(echo), ends=True
    )
    assert start["status"] == 200
    assert body == b"8000:" + b"x" * 8000


async def test_other_requests_pass_as_they_are():
    length = (b"content-length", b"3")
    _, body, _ = await answer_to(scope(length), [b"abc"], app=limit_bodies(echo))
    assert body == b"3:abc"


async def test_a_client_that_goes_away_is_not_answered():
    communicator = ApplicationCommunicator(limit_bodies(echo), scope(CHUNKED))
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(10)
    assert communicator.output_queue.empty()
