"""The socket of one execution: who gets in, what arrives, how it ends."""

import json
import uuid

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.test import Client

from accounts import services as account_services
from accounts.tests.cast import signed_in
from accounts.tests.factories import PASSWORD
from agents import selectors
from agents.api.sse import event_stream
from agents.choices import ExecutionStatus
from agents.models import Execution
from agents.routing import websocket_urlpatterns
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock, redis_client
from aiagents.common.connections import in_thread
from aiagents.common.progress import Append, ProgressLog, ProgressType
from aiagents.common.sockets import refuse_foreign_origins

pytestmark = pytest.mark.django_db(transaction=True)
application = refuse_foreign_origins(
    AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
)
T = ProgressType


def own(owner, **fields):
    return ExecutionFactory(team_id=owner.principal.team_id, user=owner.user, **fields)


@pytest.fixture(autouse=True)
async def _closed_redis():
    """The connections of this test's event loop end with it."""
    yield
    await redis_client.async_client().aclose()


def bearer(actor):
    return [(b"authorization", f"Bearer {actor.credential}".encode())]


def tell(row: Execution, *events, closes=False) -> None:
    log = ProgressLog(redis_client.sync_client())
    log.append(Append(key=row.id, attempt=row.attempt, events=events, closes=closes))


async def visit(path, headers=()):
    """The frames of a socket up to its end, and the close code."""
    socket = WebsocketCommunicator(application, path, headers=list(headers))
    connected, code = await socket.connect(timeout=5)
    if not connected:
        return [], code
    frames = []
    while (message := await socket.receive_output(timeout=10))[
        "type"
    ] == "websocket.send":
        frames.append(json.loads(message["text"]))
    await socket.wait()
    return frames, message.get("code", 1000)


def address(row, query=""):
    return f"/ws/executions/{row.id}{query}"


@pytest.fixture
def told(owner):
    """A finished execution with its whole stream."""
    row = own(owner, succeeded=True)
    tell(row, (T.STATUS, {"status": "running"}), (T.DELTA, {"text": row.output}))
    tell(row, (T.DONE, {"status": "succeeded"}), closes=True)
    return row


class TestFrames:
    async def test_everything_in_order_and_then_the_end(self, owner, told):
        frames, code = await visit(address(told), bearer(owner))
        assert [(f["seq"], f["type"]) for f in frames] == [
            (1, "status"),
            (2, "delta"),
            (3, "done"),
        ]
        assert code == 1000

    async def test_only_what_comes_after_the_last_number(self, owner, told):
        frames, _ = await visit(address(told, "?after=2"), bearer(owner))
        assert [f["seq"] for f in frames] == [3]

    async def test_a_stream_that_is_gone_is_told_from_the_stored_end(self, owner):
        row = await in_thread(own, owner, succeeded=True)
        frames, _ = await visit(address(row), bearer(owner))
        assert [f["type"] for f in frames] == ["reset", "done"]
        assert frames[0]["data"]["text"] == row.output

    async def test_a_stream_whose_writer_died_is_closed_by_its_reader(self, owner):
        row = await in_thread(own, owner, succeeded=True)
        await in_thread(tell, row, (T.DELTA, {"text": "Half"}))
        frames, _ = await visit(address(row), bearer(owner))
        assert [f["type"] for f in frames] == ["delta", "reset", "done"]
        assert frames[1]["data"]["text"] == row.output

    async def test_what_happens_while_somebody_looks_arrives(self, owner):
        row = await in_thread(own, owner, running=True)
        await in_thread(tell, row, (T.STATUS, {"status": "running"}))
        socket = WebsocketCommunicator(application, address(row), headers=bearer(owner))
        await socket.connect(timeout=5)
        assert json.loads(await socket.receive_from(timeout=10))["seq"] == 1
        await in_thread(tell, row, (T.DELTA, {"text": "Hello"}))
        frame = json.loads(await socket.receive_from(timeout=10))
        assert (frame["seq"], frame["data"]) == (2, {"text": "Hello"})
        await socket.disconnect()
        stored = await in_thread(Execution.objects.get, id=row.id)
        assert stored.status == ExecutionStatus.RUNNING


class TestRefusals:
    async def test_nobody_without_a_credential(self, told):
        assert await visit(address(told)) == ([], 4401)

    async def test_nobody_with_a_dead_token(self, owner, told):
        await in_thread(
            account_services.log_out, principal=owner.principal, now=clock.now()
        )
        assert await visit(address(told), bearer(owner)) == ([], 4401)

    async def test_a_foreign_execution_is_a_missing_one(self, stranger, told):
        assert await visit(address(told), bearer(stranger)) == ([], 4404)
        missing = f"/ws/executions/{uuid.UUID(int=5)}"
        assert await visit(missing, bearer(stranger)) == ([], 4404)

    @pytest.mark.parametrize("key", ["x", "*", "..", "a" * 200])
    async def test_a_malformed_id_is_a_missing_one(self, owner, key):
        assert await visit(f"/ws/executions/{key}", bearer(owner)) == ([], 4404)

    @pytest.mark.parametrize("after", ["-1", "x", "9" * 30])
    async def test_a_bad_number_is_refused(self, owner, told, after):
        assert await visit(address(told, f"?after={after}"), bearer(owner)) == (
            [],
            4400,
        )

    async def test_a_token_in_the_address_is_not_read(self, owner, told):
        path = address(told, f"?token={owner.credential}")
        assert await visit(path) == ([], 4401)

    @pytest.mark.parametrize(
        "origin", ["https://evil.com", "null", "http://testserver.evil.com"]
    )
    async def test_a_page_of_another_site_is_refused_before(self, owner, told, origin):
        headers = [*bearer(owner), (b"origin", origin.encode())]
        socket = WebsocketCommunicator(application, address(told), headers=headers)
        connected, code = await socket.connect(timeout=5)
        assert (connected, code) == (False, 4403)

    async def test_a_ticket_opens_once(self, owner, told):
        ticket = await in_thread(account_services.issue_socket_ticket, owner.principal)
        frames, code = await visit(address(told, f"?ticket={ticket.text}"))
        assert (len(frames), code) == (3, 1000)
        assert await visit(address(told, f"?ticket={ticket.text}")) == ([], 4401)

    async def test_a_key_needs_the_scope(self, api_key, told):
        headers = [(b"x-api-key", api_key.credential.encode())]
        _, code = await visit(address(told), headers)
        assert code in {1000, 4404}
        allowed = "executions:read" in (api_key.principal.scopes or ())
        assert (code == 1000) == (
            allowed and told.team_id in api_key.principal.team_ids
        )


def sign_out(owner, _):
    account_services.log_out(principal=owner.principal, now=clock.now())


def change_password(owner, _):
    account_services.change_password(
        principal=owner.principal,
        current=PASSWORD,
        new="green-castle-31",
        address=None,
        now=clock.now(),
    )


def disable(owner, administrator):
    account_services.disable_user(
        user_id=owner.user.id, by=administrator.principal, now=clock.now()
    )


def lose_role(owner, administrator):
    account_services.remove_member(
        team_id=owner.user.memberships.exclude(team__kind="personal").get().team_id,
        user_id=owner.user.id,
        by=administrator.principal,
        now=clock.now(),
    )


def flush_redis_and_sign_out(owner, administrator):
    redis_client.sync_client().flushall()
    sign_out(owner, administrator)


class TestEndsAtOnce:
    """By the message, long before the socket would look again by itself."""

    async def open(self, owner, headers):
        row = await in_thread(own, owner, running=True)
        await in_thread(tell, row, (T.STATUS, {"status": "running"}))
        socket = WebsocketCommunicator(application, address(row), headers=headers)
        await socket.connect(timeout=5)
        await socket.receive_from(timeout=10)
        return socket

    async def closed(self, socket):
        message = await socket.receive_output(timeout=10)
        await socket.wait()
        return message["type"], message["code"]

    @pytest.mark.parametrize(
        "end",
        [sign_out, change_password, disable, lose_role, flush_redis_and_sign_out],
    )
    async def test_with_the_credential(self, owner, administrator, end):
        socket = await self.open(owner, bearer(owner))
        await in_thread(end, owner, administrator)
        assert await self.closed(socket) == ("websocket.close", 4401)

    async def test_with_the_key(self, owner, api_key):
        socket = await self.open(owner, [(b"x-api-key", api_key.credential.encode())])
        await in_thread(
            account_services.revoke_api_key,
            key_id=api_key.principal.api_key_id,
            by=owner.principal,
            now=clock.now(),
        )
        assert await self.closed(socket) == ("websocket.close", 4401)

    async def test_with_the_browser(self, owner):
        browser = Client()
        await in_thread(browser.force_login, owner.user)
        cookie = f"sessionid={browser.cookies['sessionid'].value}"
        socket = await self.open(owner, [(b"cookie", cookie.encode())])
        await in_thread(browser.post, "/logout")
        assert await self.closed(socket) == ("websocket.close", 4401)

    async def test_not_with_another_one(self, owner):
        socket = await self.open(owner, bearer(owner))
        other = await in_thread(signed_in, owner.user)
        await in_thread(
            account_services.log_out, principal=other.principal, now=clock.now()
        )
        assert await socket.receive_nothing(timeout=0.5)
        await socket.disconnect()

    async def test_an_event_stream_as_well(self, owner):
        row = await in_thread(own, owner, running=True)
        await in_thread(tell, row, (T.STATUS, {"status": "running"}))
        frames = event_stream(row.id, after=0, principal=owner.principal)
        while not (await anext(frames)).startswith(b"id: 1"):
            """Comments may come before it."""
        await in_thread(sign_out, owner, None)
        rest = [frame async for frame in frames]
        assert not [frame for frame in rest if frame.startswith(b"id:")]


class TestReplay:
    def test_by_get_gives_the_same(self, owner, told):
        events = selectors.replay_progress(told.id, after=1)
        assert [event.seq for event in events] == [2, 3]
