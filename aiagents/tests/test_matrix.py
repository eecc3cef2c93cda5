"""Who gets in where: every route of the OpenAPI schema and every socket, for each kind of caller.

A route without a row fails. The statuses stand in the order of `ACTORS`: the owner of what is
asked for, a colleague of the same team, a viewer (a key of the owner that may only read),
somebody of another team, nobody, and somebody whose token was ended.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts import services as account_services
from accounts.tests import factories
from accounts.tests.cast import *  # noqa: F403 - fixtures
from agents.models import Execution
from agents.tests.factories import AgentFactory, BatchFactory, ExecutionFactory
from aiagents.asgi import websocket_application
from aiagents.common import clock, ids, redis_client
from aiagents.common.connections import in_thread
from aiagents.common.progress import Append, ProgressLog, ProgressType

ACTORS = ("owner", "colleague", "viewer", "stranger", "anonymous", "revoked")
APPS = ("accounts", "agents", "analytics", "marketplace", "workflows")
READ_SCOPES = ["agents:read", "executions:read", "analytics:read"]
INPUTS = {"inputs": {"text": "1. The buyer pays."}}
TASK = {"task_description": "Read this contract."}
#: For everybody; a dead credential is refused all the same, not taken for none.
PUBLIC = (200, 200, 200, 200, 200, 401)
#: For people and keys, each of whom sees their own.
OWN = (200, 200, 200, 200, 401, 401)
#: For people only.
PERSON = (200, 200, 403, 200, 401, 401)
#: Of the team: others learn nothing.
TEAM = (200, 200, 200, 404, 401, 401)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What each actor is answered."""

    statuses: tuple[int, ...]
    body: Any = None
    query: str = ""
    #: In which state the run is whose id stands in the address.
    state: str = "succeeded"


def _as(statuses: tuple[int, ...], success: int) -> tuple[int, ...]:
    return tuple(success if status == 200 else status for status in statuses)


RUN_ONE = (202, 202, 403, 202, 401, 401)
CHANGE_ONE = (202, 202, 403, 404, 401, 401)
REGISTER = {"username": "newcomer", "password": factories.PASSWORD}
LOGIN = {"username": "owner", "password": factories.PASSWORD}
#: What only a team's administrator does, for members who are none.
RUN_TEAM = (403, 403, 403, 404, 401, 401)
NEW_PASSWORD = {
    "current_password": factories.PASSWORD,
    "new_password": "another-harbour-98",
}
BATCH = {"agent": "{slug}", "rows": [{"text": "1. The buyer pays."}]}
KEY = {"name": "job", "scopes": ["agents:read"]}

ROWS: dict[str, Row] = {
    "GET /api/v1/agents": Row(statuses=PUBLIC),
    "GET /api/v1/agents/{slug}": Row(statuses=PUBLIC),
    "POST /api/v1/agents/match": Row(statuses=PUBLIC, body={"task": "read contracts"}),
    "POST /api/v1/agents/{slug}/executions": Row(statuses=RUN_ONE, body=INPUTS),
    "GET /api/v1/api-keys": Row(statuses=PERSON),
    "POST /api/v1/api-keys": Row(statuses=_as(PERSON, 201), body=KEY),
    "DELETE /api/v1/api-keys/{key_id}": Row(statuses=(204, 404, 403, 404, 401, 401)),
    # Credentials are not looked at where they are got.
    "POST /api/v1/auth/login": Row(statuses=(200,) * 6, body=LOGIN),
    "POST /api/v1/auth/register": Row(statuses=(201,) * 6, body=REGISTER),
    "POST /api/v1/auth/refresh": Row(statuses=(401,) * 6, body={"refresh": "art_x"}),
    "POST /api/v1/auth/logout": Row(statuses=_as(PERSON, 204), body={}),
    "GET /api/v1/auth/me": Row(statuses=OWN),
    "POST /api/v1/auth/socket-ticket": Row(statuses=OWN, body={}),
    "GET /api/v1/categories": Row(statuses=PUBLIC),
    "GET /api/v1/executions": Row(statuses=OWN),
    "GET /api/v1/executions/{execution_id}": Row(statuses=TEAM),
    "GET /api/v1/executions/{execution_id}/events": Row(statuses=TEAM),
    "POST /api/v1/executions/{execution_id}/cancel": Row(
        statuses=CHANGE_ONE, state="queued"
    ),
    "POST /api/v1/executions/{execution_id}/retry": Row(statuses=CHANGE_ONE),
    "POST /api/v1/executions/{execution_id}/feedback": Row(
        statuses=(201, 201, 403, 404, 401, 401),
        body={"rating": 4},
    ),
    "GET /api/v1/policy/explain": Row(statuses=OWN, query="?agent={slug}"),
    "POST /api/v1/auth/password": Row(statuses=_as(PERSON, 204), body=NEW_PASSWORD),
    "GET /api/v1/batches": Row(statuses=OWN),
    "POST /api/v1/batches": Row(statuses=RUN_ONE, body=BATCH),
    "GET /api/v1/batches/{batch_id}": Row(statuses=TEAM),
    "PATCH /api/v1/batches/{batch_id}": Row(
        statuses=(200, 200, 403, 404, 401, 401), body={"max_in_flight": 3}
    ),
    "POST /api/v1/batches/{batch_id}/cancel": Row(statuses=CHANGE_ONE),
    "POST /api/v1/batches/{batch_id}/pause": Row(
        statuses=(200, 200, 403, 404, 401, 401)
    ),
    # It is running, so there is nothing to resume.
    "POST /api/v1/batches/{batch_id}/resume": Row(
        statuses=(409, 409, 403, 404, 401, 401)
    ),
    "GET /api/v1/batches/{batch_id}/results": Row(statuses=TEAM),
    "POST /api/v1/invitations/accept": Row(
        statuses=(404, 404, 403, 404, 401, 401), body={"token": "x"}
    ),
    "GET /api/v1/teams/{team_id}/budgets": Row(statuses=(200, 200, 403, 404, 401, 401)),
    # What a whole team may spend, the platform's administrators decide.
    "PUT /api/v1/teams/{team_id}/budgets": Row(
        statuses=RUN_TEAM,
        body={"scope": "team", "period": "month", "limit_usd": "5.00"},
    ),
    "DELETE /api/v1/teams/{team_id}/budgets/{budget_id}": Row(statuses=RUN_TEAM),
    "GET /api/v1/teams": Row(statuses=PERSON),
    "POST /api/v1/teams": Row(
        statuses=(403, 403, 403, 403, 401, 401), body={"name": "Law"}
    ),
    # The owner is a member of the team and not its administrator.
    "GET /api/v1/teams/{team_id}/invitations": Row(statuses=RUN_TEAM),
    "POST /api/v1/teams/{team_id}/invitations": Row(
        statuses=RUN_TEAM, body={"email": "new@example.org"}
    ),
    "DELETE /api/v1/teams/{team_id}/invitations/{invitation_id}": Row(
        statuses=RUN_TEAM
    ),
    "GET /api/v1/teams/{team_id}/members": Row(statuses=(200, 200, 403, 404, 401, 401)),
    "PATCH /api/v1/teams/{team_id}/members/{user_id}": Row(
        statuses=RUN_TEAM, body={"role": "developer"}
    ),
    # Everybody may leave.
    "DELETE /api/v1/teams/{team_id}/members/{user_id}": Row(
        statuses=(204, 403, 403, 404, 401, 401)
    ),
    "POST /agents/{slug}/api/v1/execute": Row(statuses=RUN_ONE, body=TASK),
}


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI document of the code as it is."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def routes() -> set[str]:
    """`METHOD path` of every operation."""
    return {
        f"{method.upper()} {path}"
        for path, item in schema()["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    }


@pytest.fixture
def viewer(owner, shared_team):
    key = factories.ApiKeyFactory(user=owner.user, team=shared_team, scopes=READ_SCOPES)
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=factories.secret_of(key))
    return client


@pytest.fixture
def revoked(owner):
    """The owner, with a token from before signing out."""
    other = signed_in(owner.user)  # noqa: F405 - from the cast
    account_services.log_out(principal=other.principal, now=clock.now())
    return other.client


@pytest.fixture
def ask(request, owner, shared_team, settings):
    """Ask an address as an actor; ids in it are those of the owner's things."""
    settings.RATE_LIMIT_REQUESTS = 10_000
    # What is asked of a model is not waited for here.
    settings.DEMO_MODEL_URL = ""
    things: dict[str, str] = {}

    def call(route, row, actor, **others):
        method, path = route.split(" ")
        things.update(_things(owner, shared_team, row.state), **others)
        url = (path + row.query).format(**things)
        client = _client(request, actor)
        body = row.body
        if body and "agent" in body:
            body = body | {"agent": things["slug"]}
        return getattr(client, method.lower())(url, body, format="json")

    return call


def _client(request, actor):
    if actor == "anonymous":
        return APIClient()
    found = request.getfixturevalue(actor)
    return getattr(found, "client", found)


def _things(owner, team, state) -> dict[str, str]:
    agent = AgentFactory()
    fields = {} if state == "queued" else {state: True}
    run = ExecutionFactory(agent=agent, team=team, user=owner.user, **fields)
    key = factories.ApiKeyFactory(user=owner.user)
    batch = BatchFactory(agent=agent, team=team, user=owner.user)
    return {
        "slug": agent.slug,
        "execution_id": str(run.id),
        "key_id": str(key.id),
        "batch_id": str(batch.id),
        "budget_id": str(factories.BudgetFactory(team=team, scope="user").id),
        "team_id": str(team.id),
        "user_id": str(owner.user.id),
        "invitation_id": str(ids.new_id()),
    }


def test_every_route_has_a_row():
    assert routes() - set(ROWS) == set(), "new routes: add a row to ROWS"


def test_every_row_has_a_route():
    assert set(ROWS) - routes() == set(), "gone routes: remove the row from ROWS"


@pytest.mark.django_db
@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("route", sorted(ROWS))
def test_each_actor_is_answered(ask, route, actor, monkeypatch):
    monkeypatch.setattr("agents.api.service.WAIT_S", 0.0)
    row = ROWS[route]
    before = Execution.objects.count()
    answer = ask(route, row, actor)
    expected = row.statuses[ACTORS.index(actor)]
    assert answer.status_code == expected, answer.content
    if expected >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        # The run in the address is the only one.
        assert Execution.objects.count() == before + 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "route", sorted(route for route, row in ROWS.items() if 404 in row.statuses)
)
def test_a_foreign_thing_is_a_missing_one(ask, route):
    names = ("execution_id", "key_id", "batch_id", "team_id", "invitation_id")
    missing = {name: str(ids.new_id()) for name in names}
    answers = [
        ask(route, ROWS[route], "stranger").json(),
        ask(route, ROWS[route], "stranger", **missing).json(),
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]


# --- Sockets ------------------------------------------------------------------------------
#: Close codes, in the order of `ACTORS`.
SOCKETS: dict[str, tuple[int, ...]] = {
    "ws/executions/<str:execution_id>": (1000, 1000, 1000, 4404, 4401, 4401),
}
#: What a client may do with one: `listen` is all that has an effect.
ACTIONS = ("listen", "speak")


def socket_routes() -> set[str]:
    """The pattern of every socket of every app."""
    found = set()
    for app in APPS:
        if importlib.util.find_spec(f"{app}.routing"):
            patterns = importlib.import_module(f"{app}.routing").websocket_urlpatterns
            found |= {str(pattern.pattern) for pattern in patterns}
    return found


def test_every_socket_has_a_row():
    assert socket_routes() == set(SOCKETS)


@pytest.fixture
async def _closed_redis():
    """The connections of this test's event loop end with it."""
    yield
    await redis_client.async_client().aclose()


@pytest.fixture
def told(owner, shared_team) -> Execution:
    """A finished run of the owner with its whole stream."""
    row = ExecutionFactory(team=shared_team, user=owner.user, succeeded=True)
    done = (ProgressType.DONE, {"status": "succeeded"})
    log = ProgressLog(redis_client.sync_client())
    log.append(Append(key=row.id, attempt=row.attempt, events=[done], closes=True))
    return row


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_closed_redis")
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("route", sorted(SOCKETS))
async def test_each_actor_at_a_socket(request, told, route, actor, action):
    headers = await in_thread(_socket_headers, request, actor)
    path = f"/{route.replace('<str:execution_id>', str(told.id))}"
    socket = WebsocketCommunicator(websocket_application, path, headers=headers)
    assert (await socket.connect(timeout=10))[0]
    if action == "speak":
        await socket.send_to(text_data='{"type": "cancel"}')
    frames = 0
    while (message := await socket.receive_output(10))["type"] == "websocket.send":
        frames += 1
    await socket.wait()
    expected = SOCKETS[route][ACTORS.index(actor)]
    assert message.get("code", 1000) == expected
    assert bool(frames) is (expected == 1000)


def _socket_headers(request, actor) -> list[tuple[bytes, bytes]]:
    if actor == "anonymous":
        return []
    found = request.getfixturevalue(actor)
    sent = getattr(found, "client", found)._credentials
    names = {"HTTP_AUTHORIZATION": b"authorization", "HTTP_X_API_KEY": b"x-api-key"}
    return [(names[name], value.encode()) for name, value in sent.items()]
