"""The executions' addresses: wiring, refusals, shapes, strangers."""

import json
import uuid

import pytest

from agents.models import Execution
from agents.tests.factories import AgentFactory, ExecutionFactory

pytestmark = pytest.mark.django_db
START = "/api/v1/agents/{}/executions"
INPUTS = {"text": "1. The buyer pays."}


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.fixture
def start(owner, agent):
    def post(body, slug=None, **headers):
        return owner.client.post(
            START.format(slug or agent.slug), body, format="json", headers=headers
        )

    return post


def own(owner, **fields):
    return ExecutionFactory(team_id=owner.principal.team_id, user=owner.user, **fields)


class TestStart:
    def test_accepts_and_names_where_to_look(self, start, agent, owner):
        answer = start({"inputs": INPUTS, "metadata": {"ticket": 7}})
        assert answer.status_code == 202
        row = Execution.objects.get()
        assert answer.json() == {
            "id": str(row.id),
            "status": "queued",
            "agent": agent.slug,
            "version": 1,
            "status_url": f"/api/v1/executions/{row.id}",
            "events_url": f"/api/v1/executions/{row.id}/events",
            "websocket_url": f"/ws/executions/{row.id}",
            "cancel_url": f"/api/v1/executions/{row.id}/cancel",
        }
        assert answer["Location"] == f"/api/v1/executions/{row.id}"
        assert (row.team_id, row.user_id) == (owner.principal.team_id, owner.user.id)
        assert row.policy_decision is not None

    def test_accepts_a_task_in_free_text(self, start):
        answer = start({"task_description": "Read this.", "context": {"side": "buyer"}})
        assert answer.status_code == 202
        row = Execution.objects.get()
        assert row.is_free_text
        assert row.inputs == {"task_description": "Read this.", "side": "buyer"}

    def test_a_key_makes_it_once(self, start):
        first = start({"inputs": INPUTS}, **{"Idempotency-Key": "abc"})
        again = start({"inputs": INPUTS}, **{"Idempotency-Key": "abc"})
        other = start({"inputs": {"text": "Other."}}, **{"Idempotency-Key": "abc"})
        assert again.json() == first.json()
        assert again["Idempotent-Replayed"] == "true"
        assert other.status_code == 422
        assert Execution.objects.count() == 1

    def test_waits_no_longer_than_asked(self, start):
        answer = start({"inputs": INPUTS}, Prefer="wait=1")
        assert answer.status_code == 202
        assert answer["Preference-Applied"] == "wait=1"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "inputs"),
            ({"inputs": {}}, "text"),
            ({"inputs": {"text": 5}}, "text"),
            ({"inputs": {"text": "   "}}, "text"),
            ({"inputs": {"text": "\u202e"}}, "text"),
            ({"inputs": {"text": "x", "wrong": 1}}, "wrong"),
            ({"inputs": []}, "inputs"),
            ({"inputs": "text"}, "inputs"),
            ({"inputs": INPUTS, "task_description": "x"}, "inputs"),
            ({"task_description": ""}, "task_description"),
            ({"task_description": 7}, "task_description"),
            ({"task_description": "x", "context": {"nope": 1}}, "nope"),
            ({"inputs": INPUTS, "context": {}}, "context"),
            ({"inputs": INPUTS, "version": 0}, "version"),
            ({"inputs": INPUTS, "version": "1"}, "version"),
            ({"inputs": INPUTS, "version": True}, "version"),
            ({"inputs": INPUTS, "lane": "fast"}, "lane"),
            ({"inputs": INPUTS, "metadata": "x"}, "metadata"),
            ({"inputs": INPUTS, "metadata": {"a": "x" * 5000}}, "metadata"),
            ({"inputs": INPUTS, "owner": "me"}, "owner"),
            ({"inputs": INPUTS, "team_id": str(uuid.UUID(int=1))}, "team_id"),
            ({"inputs": INPUTS, "status": "succeeded", "cost_usd": 0}, "status"),
            ({"inputs": INPUTS, "temperature": 1}, "temperature"),
            ({"inputs": INPUTS, "max_tokens": 10**9}, "max_tokens"),
        ],
    )
    def test_names_each_bad_field_and_creates_nothing(self, start, body, field):
        answer = start(body)
        assert answer.status_code == 400
        problem = answer.json()
        assert field in problem["errors"]
        assert problem["code"] == "invalid_input"
        assert problem["request_id"] == answer["X-Request-ID"]
        assert not Execution.objects.exists()

    @pytest.mark.parametrize(
        ("raw", "content_type", "status"),
        [
            (b'{"inputs": {"text": "a\\u0000b"}}', "application/json", 400),
            (b'{"inputs": {"text": "\\ud800"}}', "application/json", 400),
            (
                b'{"inputs": {"text": "a"}, "inputs": {"text": "b"}}',
                "application/json",
                400,
            ),
            (b'{"inputs": {"text": NaN}}', "application/json", 400),
            (b'{"inputs": {"text": 1e999}}', "application/json", 400),
            (b'{"inputs": {"text": ' + b"9" * 5000 + b"}}", "application/json", 400),
            (b"[" * 100_000, "application/json", 400),
            (b'{"inputs": ' + b"[" * 40 + b"]" * 40 + b"}", "application/json", 400),
            (b"[]", "application/json", 400),
            (b"null", "application/json", 400),
            (b"\xff\xfe", "application/json", 400),
            (b'{"inputs"', "application/json", 400),
            (b"<x/>", "text/xml", 415),
            (b"a=1", "application/x-www-form-urlencoded", 415),
            (b'"' + b"x" * 10_000_000 + b'"', "application/json", 413),
        ],
        ids=lambda value: repr(value)[:30],
    )
    def test_refuses_a_bad_body_before_any_work(
        self, owner, agent, raw, content_type, status
    ):
        answer = owner.client.post(
            START.format(agent.slug), data=raw, content_type=content_type
        )
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert not Execution.objects.exists()

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b\n", "Schlüssel"])
    def test_refuses_a_bad_idempotency_key(self, start, key):
        assert start({"inputs": INPUTS}, **{"Idempotency-Key": key}).status_code == 400

    @pytest.mark.parametrize(
        "slug", ["no-such-agent", "..", "%2e%2e", "a" * 300, "x%00y"]
    )
    def test_an_unknown_agent_is_not_found(self, start, slug):
        assert start({"inputs": INPUTS}, slug=slug).status_code in {400, 404}
        assert not Execution.objects.exists()

    def test_an_unknown_version_is_not_found(self, start):
        assert start({"inputs": INPUTS, "version": 9}).status_code == 404

    def test_high_risk_needs_a_role_and_says_so(self, start, agent):
        agent.risk = "high"
        agent.save()
        answer = start({"inputs": INPUTS})
        assert answer.status_code == 403
        assert answer.json()["code"] == "policy_denied"
        assert "agent_operator" in answer.json()["reason"].replace(" ", "_").lower()

    def test_a_suspended_agent_takes_no_work(self, start, agent):
        Execution.objects.all().delete()
        agent.suspended_at = agent.created_at
        agent.save()
        answer = start({"inputs": INPUTS})
        assert (answer.status_code, answer.json()["code"]) == (403, "agent_suspended")

    def test_nobody_runs_without_signing_in(self, client, agent):
        answer = client.post(
            START.format(agent.slug), json.dumps({"inputs": INPUTS}), "application/json"
        )
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")


class TestRead:
    def test_shows_everything_that_a_result_can_be_traced_by(self, owner):
        row = own(owner, succeeded=True)
        body = owner.client.get(f"/api/v1/executions/{row.id}").json()
        assert body["output"] == row.output
        assert body["usage"]["input_tokens"] == 1234
        assert body["cost_usd"] == "0.005678"
        assert body["lineage"]["definition_digest"] == row.version.digest
        assert body["error"] is None

    def test_a_queued_one_shows_its_place(self, owner):
        ExecutionFactory()
        row = own(owner)
        body = owner.client.get(f"/api/v1/executions/{row.id}").json()
        assert body["queue"] == {"position": 2, "lane": "interactive"}

    def test_lists_newest_first_with_filters(self, owner, agent):
        old = own(owner, failed=True, agent=agent)
        new = own(owner, succeeded=True)
        rows = owner.client.get("/api/v1/executions").json()["results"]
        assert [row["id"] for row in rows] == [str(new.id), str(old.id)]
        rows = owner.client.get(f"/executions?status=failed&agent={agent.slug}").json()
        assert [row["id"] for row in rows["results"]] == [str(old.id)]

    @pytest.mark.parametrize(
        "query",
        [
            "status=broken",
            "since=yesterday",
            "page_size=0",
            "page_size=1000000000",
            "x=1",
        ],
    )
    def test_refuses_a_bad_filter(self, owner, query):
        assert owner.client.get(f"/api/v1/executions?{query}").status_code == 400

    @pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 20])
    def test_refuses_a_bad_sequence_number(self, owner, after):
        row = own(owner, succeeded=True)
        answer = owner.client.get(f"/api/v1/executions/{row.id}/events?after={after}")
        assert answer.status_code == 400

    def test_a_stream_that_is_gone_is_told_from_the_stored_end(self, owner):
        row = own(owner, succeeded=True)
        events = owner.client.get(f"/api/v1/executions/{row.id}/events").json()
        assert [event["type"] for event in events] == ["reset", "done"]
        assert events[0]["data"]["text"] == row.output


class TestChange:
    def test_cancels_a_queued_one_at_once(self, owner):
        row = own(owner)
        answer = owner.client.post(f"/api/v1/executions/{row.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
        assert (
            owner.client.post(f"/api/v1/executions/{row.id}/cancel").status_code == 409
        )

    def test_asks_a_running_one_to_stop_once(self, owner):
        row = own(owner, running=True)
        answer = owner.client.post(f"/api/v1/executions/{row.id}/cancel")
        assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
        assert (
            owner.client.post(f"/api/v1/executions/{row.id}/cancel").status_code == 409
        )

    def test_repeats_one_that_is_over(self, owner):
        row = own(owner, failed=True)
        answer = owner.client.post(f"/api/v1/executions/{row.id}/retry")
        assert answer.status_code == 202
        assert answer.json()["retry_of"] == str(row.id)
        new = Execution.objects.get(id=answer.json()["id"])
        assert (new.inputs, new.retry_of_id) == (row.inputs, row.id)

    def test_does_not_repeat_one_that_runs(self, owner):
        row = own(owner, running=True)
        assert (
            owner.client.post(f"/api/v1/executions/{row.id}/retry").status_code == 409
        )

    def test_keeps_an_opinion_and_replaces_it(self, owner):
        row = own(owner, succeeded=True)
        for rating in (2, 5):
            answer = owner.client.post(
                f"/api/v1/executions/{row.id}/feedback",
                {"rating": rating},
                format="json",
            )
            assert answer.status_code == 201
        assert [f.rating for f in row.feedback.all()] == [5]

    @pytest.mark.parametrize("rating", [0, 6, "5", 4.5, True, None])
    def test_refuses_a_rating_outside_one_to_five(self, owner, rating):
        row = own(owner, succeeded=True)
        answer = owner.client.post(
            f"/api/v1/executions/{row.id}/feedback", {"rating": rating}, format="json"
        )
        assert answer.status_code == 400
        assert "rating" in answer.json()["errors"]


ADDRESSES = [
    ("get", "/api/v1/executions/{}"),
    ("get", "/api/v1/executions/{}/events"),
    ("post", "/api/v1/executions/{}/cancel"),
    ("post", "/api/v1/executions/{}/retry"),
    ("post", "/api/v1/executions/{}/feedback"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
class TestStranger:
    def ask(self, actor, method, address, key):
        body = {"rating": 3} if address.endswith("feedback") else {}
        send = getattr(actor.client, method)
        extra = {"format": "json"} if method == "post" else {}
        return send(address.format(key), body, **extra)

    def test_a_foreign_id_answers_as_a_missing_one(
        self, owner, stranger, method, address
    ):
        row = own(owner, succeeded=True)
        foreign = self.ask(stranger, method, address, row.id)
        missing = self.ask(stranger, method, address, uuid.UUID(int=7))
        assert foreign.status_code == missing.status_code == 404
        without_id = [{**r.json(), "request_id": ""} for r in (foreign, missing)]
        assert without_id[0] == without_id[1]

    @pytest.mark.parametrize("key", ["x", "..%2f..%2fetc%2fpasswd", "1" * 20, "%2e%2e"])
    def test_a_malformed_id_is_a_missing_one(self, owner, method, address, key):
        assert self.ask(owner, method, address, key).status_code == 404

    def test_nobody_gets_in_without_signing_in(self, owner, client, method, address):
        row = own(owner, succeeded=True)
        assert getattr(client, method)(address.format(row.id)).status_code == 401


class TestAgentService:
    """Each agent at its own address, as in the architecture document."""

    def test_tells_who_it_is(self, client, agent):
        assert client.get(f"/agents/{agent.slug}/").json() == {
            "agent_id": agent.slug,
            "name": agent.name,
            "version": 1,
            "category": agent.category.slug,
            "status": "active",
        }
        assert client.get(f"/agents/{agent.slug}/health").json()["status"] == "healthy"

    def test_counts_its_finished_runs(self, client, agent):
        ExecutionFactory(agent=agent, succeeded=True)
        ExecutionFactory(agent=agent, failed=True)
        ExecutionFactory(agent=agent)
        text = client.get(f"/agents/{agent.slug}/metrics").content.decode()
        name = f'agent_id="{agent.slug}"'
        assert f'agent_requests_total{{{name},status="succeeded"}} 1.0' in text
        assert f'agent_requests_total{{{name},status="failed"}} 1.0' in text
        assert f'agent_processing_seconds_bucket{{{name},le="10"}} 2.0' in text
        assert f"agent_processing_seconds_count{{{name}}} 2.0" in text

    @pytest.mark.parametrize("path", ["", "health", "metrics"])
    def test_an_unknown_agent_is_not_found(self, client, path):
        assert client.get(f"/agents/no-such-agent/{path}").status_code == 404

    def test_executes_only_for_those_who_signed_in(self, client, agent):
        answer = client.post(
            f"/agents/{agent.slug}/api/v1/execute",
            json.dumps({"task_description": "x"}),
            "application/json",
        )
        assert answer.status_code == 401

    def test_refuses_unknown_fields(self, owner, agent):
        answer = owner.client.post(
            f"/agents/{agent.slug}/api/v1/execute",
            {"task_description": "x", "temperature": 1},
            format="json",
        )
        assert answer.status_code == 400
        assert "temperature" in answer.json()["errors"]
