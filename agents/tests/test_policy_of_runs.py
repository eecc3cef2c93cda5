"""What the policy's decision leaves behind: with the run, in the audit, among the events."""

import pytest
from django.test import Client

from accounts.choices import Role
from accounts.models import AuditEntry
from accounts.tests.factories import MembershipFactory
from agents.models import Execution
from agents.tests.factories import AgentFactory, ExecutionFactory
from aiagents.common import clock
from analytics.models import Event

pytestmark = pytest.mark.django_db
INPUTS = {"text": "1. The buyer pays."}


@pytest.fixture
def risky():
    return AgentFactory(slug="risky", risk="high")


def start(actor, slug, **body):
    return actor.client.post(
        f"/api/v1/agents/{slug}/executions", {"inputs": INPUTS, **body}, format="json"
    )


def denials():
    return list(AuditEntry.objects.filter(action="policy.denied").order_by("sequence"))


class TestAllowed:
    def test_the_decision_is_kept_with_the_run(self, owner, api_key):
        start(owner, AgentFactory().slug)
        start(api_key, AgentFactory().slug)
        own, by_key = Execution.objects.order_by("id")
        assert own.policy_decision is not None
        assert len(own.policy_digest) == 64
        assert own.policy_notes["reasons"] == [
            "The role user covers agents of low risk in finance_legal."
        ]
        assert own.policy_notes["roles"] == ["user"]
        assert own.policy_notes["scopes"] is None
        assert "executions:run" in by_key.policy_notes["scopes"]
        assert denials() == []

    def test_the_api_shows_why_and_what_it_obliges_to(self, owner, risky):
        MembershipFactory(user=owner.user, role=Role.AGENT_OPERATOR)
        row = Execution.objects.get(id=start(owner, risky.slug).json()["id"])
        lineage = owner.client.get(f"/api/v1/executions/{row.id}").json()["lineage"]
        assert lineage["policy_digest"] == row.policy_digest
        assert lineage["policy_obligations"] == ["human_review"]
        assert "agent_operator" in lineage["policy_reasons"][0]

    def test_the_page_asks_for_a_review(self, owner):
        notes = {"reasons": ["A reason."], "obligations": ["human_review"]}
        row = ExecutionFactory(
            team_id=owner.principal.team_id,
            user=owner.user,
            succeeded=True,
            policy_decision=owner.user.id,
            policy_notes=notes,
        )
        client = Client()
        client.force_login(owner.user)
        text = client.get(f"/dashboard/executions/{row.id}").content.decode()
        assert "A person must read this before it is used." in text
        assert "A reason." in text


class TestDenied:
    @pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
    def test_is_told_although_nothing_is_created(self, owner, risky, headers):
        answer = owner.client.post(
            "/api/v1/agents/risky/executions",
            {"inputs": INPUTS},
            format="json",
            headers=headers,
        )
        assert answer.status_code == 403
        assert answer.json()["code"] == "policy_denied"
        assert not Execution.objects.exists()
        (entry,) = denials()
        assert (entry.target, entry.user_id) == ("agent:risky", owner.user.id)
        assert entry.chain == owner.principal.team_id
        assert entry.details["reasons"] == [answer.json()["reason"]]
        event = Event.objects.get(type="policy.denied")
        assert event.data == {
            "agent": "risky",
            "category": "finance_legal",
            "risk": "high",
            "lane": "interactive",
        }
        assert str(event.aggregate_id) == entry.details["decision"]

    def test_at_the_agents_own_address(self, owner, risky):
        answer = owner.client.post(
            "/agents/risky/api/v1/execute", {"task_description": "Read."}, format="json"
        )
        assert answer.status_code == 403
        assert len(denials()) == 1

    def test_on_the_page(self, owner, risky):
        client = Client()
        client.force_login(owner.user)
        answer = client.post("/marketplace/risky", {"text": "1. The buyer pays."})
        assert answer.status_code == 403
        assert "takes one of the roles" in answer.content.decode()
        assert len(denials()) == 1

    def test_when_a_run_is_repeated(self, owner, risky):
        row = ExecutionFactory(
            team_id=owner.principal.team_id,
            user=owner.user,
            agent=risky,
            succeeded=True,
        )
        client = Client()
        client.force_login(owner.user)
        client.post(f"/dashboard/executions/{row.id}/retry")
        owner.client.post(f"/api/v1/executions/{row.id}/retry")
        assert len(denials()) == 2

    def test_a_suspended_agent(self, owner):
        AgentFactory(slug="off", suspended_at=clock.now(), suspended_reason="Wrong.")
        assert start(owner, "off").json()["code"] == "agent_suspended"
        assert denials()[0].details["is_suspended"] is True

    def test_data_that_the_caller_calls_restricted(self, owner):
        slug = AgentFactory().slug
        answer = start(owner, slug, metadata={"data_class": "restricted"})
        assert answer.status_code == 403
        assert "restricted" in answer.json()["reason"]
        assert start(owner, slug, metadata={"data_class": "public"}).status_code == 202

    @pytest.mark.parametrize("value", ["secret", "", 1, None, ["public"]])
    def test_a_data_class_that_there_is_not(self, owner, value):
        answer = start(owner, AgentFactory().slug, metadata={"data_class": value})
        assert answer.status_code == 400
        assert "metadata" in answer.json()["errors"]


class TestWithoutAPolicy:
    @pytest.fixture(autouse=True)
    def _away(self, settings):
        settings.OPA_URL = "http://127.0.0.1:1"

    def test_nothing_is_started_and_the_answer_is_503(self, owner):
        answer = start(owner, AgentFactory().slug)
        assert answer.status_code == 503
        assert answer.json()["code"] == "policy_unavailable"
        assert answer["Retry-After"]
        assert not Execution.objects.exists()
        assert denials() == []

    def test_the_page_still_shows_the_agent(self, owner):
        agent = AgentFactory()
        client = Client()
        client.force_login(owner.user)
        page = client.get(f"/marketplace/{agent.slug}")
        assert page.status_code == 200
        assert "cannot decide for a moment" in page.content.decode()

    def test_the_process_gets_no_traffic(self, client):
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"]["policy"] == "away"
