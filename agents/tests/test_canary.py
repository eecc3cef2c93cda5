"""What people type, what models write and what opens doors stays out of logs, audit, events,
errors and metrics: words that occur nowhere else are sent through the platform and searched for.
"""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from accounts.models import ApiKey, AuditEntry, User
from accounts.tests.conftest import _fresh_limiter as _fresh_limiter
from agents.executor import Executor
from agents.models import Execution, ModelProfile
from agents.tests.factories import AgentFactory
from aiagents.common import logs
from aiagents.testing.messages_server import Behaviour, MessagesServer
from aiagents.testing.messages_server.errors import ErrorAnswer
from aiagents.testing.waiting import wait_until
from analytics.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
INPUT, OUTPUT = "canary-input-7f3a", "canary-output-2b9c"
PASSWORD, WRONG = "canary-password-5d1e", "canary-wrong-8a44"
MODEL_KEY, BAD_KEY = "canary-model-key-c0de", "aak_canary-bad-key-91b2"
SEARCH = "canary-search-6e0f"


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """Every line of the log as it would be written, down to DEBUG."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logs.json_formatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def model(settings) -> Iterator[MessagesServer]:
    with MessagesServer() as server:
        settings.ANTHROPIC_BASE_URL = server.base_url
        settings.ANTHROPIC_API_KEYS = (MODEL_KEY,)
        settings.HEARTBEAT_S, settings.POLL_S, settings.DRAIN_S = 0.3, 0.2, 0.2
        yield server


@pytest.fixture
def executor(model) -> Iterator[Executor]:
    ModelProfile.objects.create(tier="standard", model_id="claude-sonnet-5-5")
    worker = Executor()
    worker.start()
    yield worker
    worker.drain()


class Visitor:
    """Somebody who does what can be done, right and wrong; keeps each refusal."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.client = APIClient()

    def post(self, path, body, **headers):
        answer = self.client.post(path, body, format="json", headers=headers)
        if answer.status_code >= 400:
            self.refusals.append(answer.content.decode())
        return answer

    def get(self, path, **headers):
        answer = self.client.get(path, headers=headers)
        if answer.status_code >= 400:
            self.refusals.append(answer.content.decode())
        return answer


def sign_up(visitor: Visitor) -> dict[str, str]:
    """A person with an API key, after some mistakes; the headers of the key."""
    who = {"username": "canary", "password": PASSWORD}
    visitor.post("/auth/register", who)
    visitor.post("/auth/register", who | {"username": "other", "email": INPUT})
    for wrong in (
        {"username": "canary", "password": WRONG},
        {"username": WRONG, "password": PASSWORD},
    ):
        assert visitor.post("/auth/login", wrong).status_code == 401
    token = visitor.post("/auth/login", who).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    scopes = ["executions:run", "executions:read", "agents:read"]
    key = visitor.post("/api-keys", {"name": "job", "scopes": scopes}, **bearer)
    visitor.get("/auth/me", **{"X-API-Key": BAD_KEY})
    visitor.get("/auth/me", Authorization=f"Bearer {WRONG}")
    visitor.post("/auth/refresh", {"refresh": WRONG})
    return {"X-API-Key": key.json()["key"]}


def run(visitor: Visitor, executor: Executor, slug: str, key, **body) -> Execution:
    answer = visitor.post(f"/api/v1/agents/{slug}/executions", body, **key)
    assert answer.status_code == 202, answer.content
    executor.wake()
    rows = Execution.objects.filter(id=answer.json()["id"])
    wait_until(lambda: rows.get().is_over, 20)
    return rows.get()


def make_mistakes(visitor: Visitor, slug: str, key) -> None:
    """Requests that are refused with the words in them."""
    path = f"/api/v1/agents/{slug}/executions"
    for body in (
        {"inputs": {"text": [INPUT]}},
        {"inputs": {}, "surplus": INPUT},
        {"inputs": {"text": INPUT}, "lane": INPUT},
        {"inputs": {"text": INPUT}, "metadata": {"data_class": INPUT}},
    ):
        assert visitor.post(path, body, **key).status_code == 400
    broken = visitor.client.generic(
        "POST", path, f'{{"inputs": {INPUT}', "application/json", headers=key
    )
    assert broken.status_code == 400
    visitor.get(f"/api/v1/agents?q={SEARCH}&page_size=0")
    visitor.get(f"/?q={SEARCH}")


def test_no_word_gets_out(model, executor, told):
    agent, risky = AgentFactory(), AgentFactory(risk="high")
    visitor = Visitor()
    key = sign_up(visitor)
    model.script(Behaviour(text=f"{INPUT} became {OUTPUT}", events=3))
    good = run(
        visitor,
        executor,
        agent.slug,
        key,
        inputs={"text": INPUT},
        metadata={"note": INPUT},
    )
    assert OUTPUT in good.output
    quoting = ErrorAnswer(
        status=400, type="invalid_request_error", message=f"cannot read {INPUT}"
    )
    model.script(Behaviour(error=quoting))
    bad = run(visitor, executor, agent.slug, key, task_description=INPUT)
    assert bad.status == "failed"
    denied = visitor.post(
        f"/api/v1/agents/{risky.slug}/executions", {"inputs": {"text": INPUT}}, **key
    )
    assert denied.status_code == 403
    make_mistakes(visitor, agent.slug, key)
    places = {
        "logs": told.getvalue(),
        "audit": json.dumps(list(AuditEntry.objects.values()), default=str),
        "events": json.dumps(list(Event.objects.values()), default=str),
        "errors of runs": f"{bad.error_code} {bad.error_message}",
        "refusals": "\n".join(visitor.refusals),
        "metrics": visitor.client.get("/metrics").content.decode(),
        "metrics of the agent": visitor.client.get(
            f"/agents/{agent.slug}/metrics"
        ).content.decode(),
    }
    assert places["logs"].count("\n") > 20
    assert AuditEntry.objects.filter(action="policy.denied").exists()
    secrets = (
        INPUT,
        OUTPUT,
        PASSWORD,
        WRONG,
        MODEL_KEY,
        "canary-bad-key",
        SEARCH,
        key["X-API-Key"],
        User.objects.get(username="canary").password,
        ApiKey.objects.get().digest,
        django_settings.SECRET_KEY,
    )
    found = {
        (place, secret): _around(text, secret)
        for place, text in places.items()
        for secret in secrets
        if secret in text
    }
    assert found == {}


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 200) : at + 100]
