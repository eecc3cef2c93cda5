"""The batches' addresses: wiring, refusals, shapes, strangers."""

import asyncio
import csv
import io
import json
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient

from accounts.models import ApiKey
from agents.choices import BatchMode, BatchStatus, ItemState, PauseReason
from agents.models import Agent, Batch, BatchItem, Execution
from agents.tests.factories import AgentFactory, BatchFactory, ExecutionFactory
from aiagents.common import clock

pytestmark = pytest.mark.django_db
BATCHES = "/api/v1/batches"
GOOD = {"text": "1. The buyer pays."}
ONE = {
    "": "get",
    "/results": "get",
    "/pause": "post",
    "/resume": "post",
    "/cancel": "post",
}


@pytest.fixture
def agent():
    return AgentFactory(slug="contract-reader")


@pytest.fixture
def post(owner, agent):
    def send(rows=(GOOD,), headers=None, **fields):
        body = {"agent": agent.slug, "rows": list(rows), **fields}
        return owner.client.post(BATCHES, body, format="json", headers=headers)

    return send


@pytest.fixture
def upload(owner, agent):
    def send(data, called="rows.csv", headers=None, **fields):
        file = SimpleUploadedFile(
            called, data.encode() if isinstance(data, str) else data
        )
        body = {"agent": agent.slug, "file": file, **fields}
        return owner.client.post(BATCHES, body, format="multipart", headers=headers)

    return send


def own(owner, **fields):
    return BatchFactory(team_id=owner.principal.team_id, user=owner.user, **fields)


def body_of(answer):
    return b"".join(answer.streaming_content)


class TestCreate:
    def test_accepts_and_names_where_to_look(self, post):
        answer = post([GOOD, GOOD], name="May", max_in_flight=3)
        assert answer.status_code == 202
        row = Batch.objects.get()
        base = f"{BATCHES}/{row.id}"
        assert answer.json() == {
            "id": str(row.id),
            "status": "running",
            "agent": "contract-reader",
            "version": 1,
            "mode": "executions",
            "row_count": 2,
            "skipped_count": 0,
            "skipped_rows": [],
            "status_url": base,
            "results_url": f"{base}/results",
            "cancel_url": f"{base}/cancel",
        }
        assert answer["Location"] == base
        assert (row.name, row.max_in_flight) == ("May", 3)

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("rows.csv", "text,side\nOne.,buyer\nTwo.,\n"),
            ("rows.jsonl", '{"text": "One.", "side": "buyer"}\n{"text": "Two."}\n'),
        ],
    )
    def test_takes_a_file(self, upload, name, data):
        answer = upload(data, name, skip_bad_rows="false", max_in_flight="2")
        assert answer.status_code == 202, answer.json()
        items = BatchItem.objects.order_by("position")
        assert [item.inputs for item in items] == [
            {"text": "One.", "side": "buyer"},
            {"text": "Two."},
        ]

    def test_the_format_may_be_said(self, upload):
        assert upload('{"text": "One."}', "rows.dat", format="jsonl").status_code == 202
        assert upload("text\nOne.\n", "rows", format="csv").status_code == 202

    def test_a_bad_row_is_named_and_nothing_is_stored(self, upload):
        answer = upload("text,side\nOne.,\n,buyer\n")
        assert answer.status_code == 400
        problem = answer.json()
        assert answer["Content-Type"] == "application/problem+json"
        assert problem["code"] == "bad_rows"
        assert problem["bad_rows"] == [
            {"line": 3, "field": "text", "reason": "This field is required."}
        ]
        assert (problem["row_count"], problem["bad_row_count"]) == (2, 1)
        assert "line 3, 'text'" in problem["detail"]
        assert "skip_bad_rows" in problem["detail"]
        assert "rows" in problem["errors"]
        assert not Batch.objects.exists()

    def test_bad_rows_may_be_skipped(self, upload):
        answer = upload("text,side\nOne.,\n,x\nTwo.,\n", skip_bad_rows="true")
        assert answer.status_code == 202
        assert (answer.json()["row_count"], answer.json()["skipped_count"]) == (2, 1)
        assert answer.json()["skipped_rows"][0]["line"] == 3

    def test_a_key_makes_it_once(self, post):
        key = {"Idempotency-Key": "abc"}
        first, again = post(headers=key), post(headers=key)
        assert again.json() == first.json()
        assert again["Idempotent-Replayed"] == "true"
        assert post([GOOD, GOOD], headers=key).status_code == 422
        assert Batch.objects.count() == 1

    def test_a_key_holds_for_a_file_too(self, upload):
        key = {"Idempotency-Key": "abc"}
        first = upload("text\nOne.\n", headers=key)
        assert upload("text\nOne.\n", headers=key).json() == first.json()
        assert upload("text\nTwo.\n", headers=key).status_code == 422

    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({"rows": []}, "rows"),
            ({"rows": {}}, "rows"),
            ({"rows": "text"}, "rows"),
            ({"agent": 7}, "agent"),
            ({"mode": "fast"}, "mode"),
            ({"max_in_flight": 0}, "max_in_flight"),
            ({"max_in_flight": "3"}, "max_in_flight"),
            ({"max_in_flight": 100_000}, "max_in_flight"),
            ({"version": True}, "version"),
            ({"name": "x" * 101}, "name"),
            ({"team_id": 1}, "team_id"),
            ({"status": "finished"}, "status"),
        ],
    )
    def test_names_each_bad_field(self, post, fields, named):
        answer = post(**fields)
        assert answer.status_code == 400
        assert named in answer.json()["errors"]
        assert not Batch.objects.exists()

    @pytest.mark.parametrize(
        ("data", "fields", "named"),
        [
            ("wrong\nx\n", {}, "wrong"),
            (b"text\n\xff\n", {}, "file"),
            ('text\n"x\n', {}, "file"),
            ("text\nx\n", {"mode": "x"}, "mode"),
            ("text\nx\n", {"max_in_flight": "many"}, "max_in_flight"),
            ("text\nx\n", {"owner": "me"}, "owner"),
            ("text\nx\n", {"name": "a\x00b"}, "name"),
        ],
    )
    def test_names_what_is_wrong_with_a_file(self, upload, data, fields, named):
        answer = upload(data, **fields)
        assert answer.status_code == 400
        assert named in answer.json()["errors"]

    def test_a_form_without_a_file_is_refused(self, owner, agent):
        answer = owner.client.post(BATCHES, {"agent": agent.slug}, format="multipart")
        assert answer.status_code == 400
        assert "file" in answer.json()["errors"]

    def test_an_unknown_agent_is_missing(self, post):
        assert post(agent="nobody").status_code == 404
        assert post(version=9).status_code == 404

    def test_the_policy_says_why_not(self, post, agent):
        Agent.objects.filter(id=agent.id).update(risk="high")
        answer = post()
        assert answer.status_code == 403
        assert "high risk" in answer.json()["reason"]

    def test_the_demo_model_has_no_batch_service(self, post, settings):
        settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
        answer = post(mode=BatchMode.PROVIDER_BATCH)
        assert answer.status_code == 400
        assert "demo model" in answer.json()["errors"]["mode"][0]

    def test_too_many_at_once_says_what_to_do(self, post, settings):
        settings.TEAM_MAX_BATCHES = 1
        post()
        answer = post()
        assert answer.status_code == 429
        assert answer.json()["code"] == "queue_full"
        assert int(answer["Retry-After"]) > 0

    def test_a_large_file_is_taken_here_only(
        self, post, upload, settings, owner, agent
    ):
        settings.MAX_REQUEST_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        long = {"text": "x" * 3000}
        assert post([long]).status_code == 202
        assert upload(f"text\n{long['text']}\n").status_code == 202
        answer = owner.client.post(
            f"/api/v1/agents/{agent.slug}/executions", {"inputs": long}, format="json"
        )
        assert answer.status_code == 413
        settings.LARGE_REQUESTS = {r".*/batches": 2000}
        assert post([long]).status_code == 413

    def test_other_content_is_refused(self, owner):
        answer = owner.client.post(BATCHES, b"<x/>", content_type="text/xml")
        assert answer.status_code == 415


class TestRead:
    def test_one(self, owner):
        row = own(owner, status="paused", pause_reason=PauseReason.PERSON, name="May")
        body = owner.client.get(f"{BATCHES}/{row.id}").json()
        assert body["progress"] == {
            "pending": 3, "queued": 0, "running": 0, "waiting": 0, "succeeded": 0,
            "failed": 0, "cancelled": 0, "timed_out": 0, "done": 0, "percent": 0,
        }  # fmt: skip
        assert body["pause"] == {
            "reason": "person",
            "message": "Somebody has paused it.",
        }
        assert (body["name"], body["row_count"], body["cost_usd"]) == (
            "May", 3, "0.000000",
        )  # fmt: skip
        assert body["started_by"] == "owner"

    def test_the_list_is_narrowed_and_takes_the_same_queries(self, owner, query_counts):
        first = own(owner)
        with query_counts("api:batches.list"):
            body = owner.client.get(BATCHES).json()
        assert [row["id"] for row in body["results"]] == [str(first.id)]
        for _ in range(8):
            own(owner, agent=first.agent)
        over = own(owner, status=BatchStatus.FINISHED, finished_at=clock.now())
        with query_counts("api:batches.list"):
            assert len(owner.client.get(BATCHES).json()["results"]) == 10
        found = owner.client.get(f"{BATCHES}?status=finished").json()["results"]
        assert [row["id"] for row in found] == [str(over.id)]
        assert owner.client.get(f"{BATCHES}?agent=other").json()["results"] == []

    @pytest.mark.parametrize("query", ["status=fast", "x=1", "page_size=0"])
    def test_a_bad_filter_is_named(self, owner, query):
        assert owner.client.get(f"{BATCHES}?{query}").status_code == 400

    def test_executions_name_their_batch_and_are_found_by_it(self, owner):
        batch = own(owner)
        team = owner.principal.team_id
        run = ExecutionFactory(team_id=team, user=owner.user, batch=batch)
        ExecutionFactory(team_id=team, user=owner.user)
        answer = owner.client.get(f"/api/v1/executions?batch={batch.id}").json()
        assert [row["id"] for row in answer["results"]] == [str(run.id)]
        assert answer["results"][0]["batch_id"] == str(batch.id)
        assert owner.client.get("/api/v1/executions?batch=x").status_code == 400


class TestControl:
    def test_pause_resume_change_cancel(self, owner):
        at = f"{BATCHES}/{own(owner).id}"
        assert owner.client.post(f"{at}/pause").json()["status"] == "paused"
        assert owner.client.post(f"{at}/pause").status_code == 409
        assert owner.client.post(f"{at}/resume").json()["status"] == "running"
        changed = owner.client.patch(at, {"max_in_flight": 7}, format="json")
        assert changed.json()["max_in_flight"] == 7
        cancelled = owner.client.post(f"{at}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
        assert owner.client.post(f"{at}/cancel").status_code == 409
        assert (
            owner.client.patch(at, {"max_in_flight": 7}, format="json").status_code
            == 409
        )

    @pytest.mark.parametrize(
        "body", [{}, {"max_in_flight": 0}, {"max_in_flight": 3, "status": "finished"}]
    )
    def test_a_bad_change_is_refused(self, owner, body):
        at = f"{BATCHES}/{own(owner).id}"
        assert owner.client.patch(at, body, format="json").status_code == 400


@pytest.fixture
def ended(owner):
    """One row that succeeded with something dangerous, one that failed, one pending."""
    inputs = [{"text": "=1+1", "side": "-2"}, {"text": "b"}, {"text": "c"}]
    batch = own(owner, rows=inputs)
    first, second, _ = batch.items.order_by("position")
    common = {
        "team_id": batch.team_id,
        "user": owner.user,
        "agent": batch.agent,
        "batch": batch,
    }
    for item, fields in (
        (first, {"succeeded": True, "output": '@SUM(A1)\n"quoted", Jürgen'}),
        (second, {"failed": True}),
    ):
        run = ExecutionFactory(id=item.id, inputs=item.inputs, **common, **fields)
        item.execution, item.state = run, ItemState.STARTED
        item.save()
    return batch


class TestResults:
    def test_json_lines_in_the_order_of_the_file(self, owner, ended):
        answer = owner.client.get(f"{BATCHES}/{ended.id}/results")
        assert answer["Content-Type"] == "application/x-ndjson"
        assert answer["Content-Disposition"].startswith("attachment; filename=")
        rows = [json.loads(line) for line in body_of(answer).splitlines()]
        assert [row["status"] for row in rows] == ["succeeded", "failed", "pending"]
        assert rows[0]["output"] == '@SUM(A1)\n"quoted", Jürgen'
        assert rows[0]["inputs"] == {"text": "=1+1", "side": "-2"}
        assert rows[1]["error"]["code"] == "llm_refused"
        assert rows[0]["cost_usd"] == "0.005678"
        assert "output" not in rows[2]

    def test_csv_in_which_no_cell_acts(self, owner, ended):
        answer = owner.client.get(f"{BATCHES}/{ended.id}/results?format=csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        text = body_of(answer).decode()
        first, second, third = csv.DictReader(io.StringIO(text))
        assert first["input_text"] == "'=1+1"
        assert first["input_side"] == "'-2"
        assert first["output"] == '\'@SUM(A1)\n"quoted", Jürgen'
        assert second["error_code"] == "llm_refused"
        assert (third["status"], third["output"]) == ("pending", "")
        for row in csv.reader(io.StringIO(text)):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)

    def test_the_client_may_ask_by_its_header(self, owner, ended):
        at = f"{BATCHES}/{ended.id}/results"
        answer = owner.client.get(at, headers={"accept": "text/csv"})
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        missing = owner.client.get(
            f"{BATCHES}/{uuid.UUID(int=3)}/results", headers={"accept": "text/csv"}
        )
        assert missing.status_code == 404
        assert missing.json()["code"] == "not_found"

    def test_another_format_is_refused(self, owner, ended):
        answer = owner.client.get(f"{BATCHES}/{ended.id}/results?format=xlsx")
        assert answer.status_code == 400

    def test_a_dropped_row_was_cancelled(self, owner):
        batch = own(owner, row_count=1)
        batch.items.update(state=ItemState.DROPPED)
        lines = body_of(owner.client.get(f"{BATCHES}/{batch.id}/results"))
        assert json.loads(lines)["status"] == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_same_bytes_come_in_pieces(owner, ended, monkeypatch):
    monkeypatch.setattr("agents.selectors.batches.CHUNK", 1)
    at = f"{BATCHES}/{ended.id}/results"
    whole = body_of(owner.client.get(at))

    async def read():
        bearer = {"authorization": f"Bearer {owner.credential}"}
        answer: Any = await AsyncClient().get(at, headers=bearer)
        return [piece async for piece in answer.streaming_content]

    pieces = asyncio.run(read())
    assert len(pieces) == 3
    assert b"".join(pieces) == whole


class TestAccess:
    @pytest.mark.parametrize(("path", "method"), ONE.items())
    def test_a_foreign_batch_is_as_missing_as_one_that_never_was(
        self, owner, stranger, path, method
    ):
        row = own(owner)
        answers = [
            getattr(stranger.client, method)(f"{BATCHES}/{key}{path}")
            for key in (row.id, uuid.UUID(int=7), "x")
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        bodies = [answer.json() | {"request_id": ""} for answer in answers]
        assert bodies[0] == bodies[1]
        row.refresh_from_db()
        assert row.status == BatchStatus.RUNNING

    def test_a_stranger_changes_nothing_and_sees_none(self, owner, stranger):
        row = own(owner)
        answer = stranger.client.patch(
            f"{BATCHES}/{row.id}", {"max_in_flight": 1}, format="json"
        )
        assert answer.status_code == 404
        assert stranger.client.get(BATCHES).json()["results"] == []

    def test_a_colleague_sees_it(self, shared_team, colleague, owner):
        row = BatchFactory(team=shared_team, user=owner.user)
        assert colleague.client.get(f"{BATCHES}/{row.id}").status_code == 200

    def test_a_key_needs_its_scopes(self, api_key, agent, owner):
        row = own(owner)
        body = {"agent": agent.slug, "rows": [GOOD]}
        client = api_key.client
        assert client.post(BATCHES, body, format="json").status_code == 202
        ApiKey.objects.update(scopes=["executions:read"])
        assert client.post(BATCHES, body, format="json").status_code == 403
        assert client.post(f"{BATCHES}/{row.id}/cancel").status_code == 403
        assert client.get(BATCHES).status_code == 200
        ApiKey.objects.update(scopes=["executions:run"])
        assert client.get(f"{BATCHES}/{row.id}").status_code == 403
        assert client.get(f"{BATCHES}/{row.id}/results").status_code == 403

    def test_nobody_is_asked_to_sign_in(self, client):
        assert client.get("/batches").status_code == 401
        assert client.post("/batches").status_code == 401


class TestQueueCap:
    def test_a_full_queue_of_the_team_is_429(self, owner, agent, settings):
        settings.TEAM_MAX_QUEUED = 1
        at = f"/api/v1/agents/{agent.slug}/executions"
        owner.client.post(at, {"inputs": GOOD}, format="json")
        answer = owner.client.post(at, {"inputs": GOOD}, format="json")
        assert answer.status_code == 429
        assert answer.json()["code"] == "queue_full"
        assert "POST /batches" in answer.json()["detail"]
        assert answer["Retry-After"]
        assert Execution.objects.count() == 1

    def test_a_full_queue_of_the_agent_is_503(self, owner, agent, settings):
        settings.AGENT_MAX_QUEUED = 1
        ExecutionFactory(agent=agent)
        at = f"/api/v1/agents/{agent.slug}/executions"
        answer = owner.client.post(at, {"inputs": GOOD}, format="json")
        assert answer.status_code == 503
        assert answer.json()["code"] == "queue_full"
        assert answer["Retry-After"]
