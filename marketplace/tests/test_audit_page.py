"""The audit's page and its files: for administrators, and safe to open."""

import csv
import io
import json

import pytest
from django.test import Client

from accounts import services as account_services
from accounts.choices import AuditAction
from accounts.models import AuditEntry
from aiagents.common import clock, sheets

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(administrator):
    client = Client()
    client.force_login(administrator.user)
    return client


def tell(team, target="agent:a", **details):
    account_services.record_deed(
        action=AuditAction.POLICY_DENIED,
        target=target,
        team_id=team.id,
        by=None,
        now=clock.now(),
        **details,
    )


class TestPage:
    @pytest.mark.parametrize("actor", ["owner", "curator", "stranger"])
    @pytest.mark.parametrize("way", ["get", "post"])
    def test_not_for_others(self, request, actor, way):
        client = Client()
        client.force_login(request.getfixturevalue(actor).user)
        address = "/audit" if way == "get" else "/audit/export"
        assert getattr(client, way)(address).status_code == 403

    def test_a_visitor_is_sent_to_sign_in(self, client):
        assert client.get("/audit").status_code == 302

    def test_tells_who_did_what(self, desk, owner, shared_team, query_counts):
        tell(shared_team, reasons=["<b>High</b> risk."])
        with query_counts("page:audit"):
            text = desk.get("/audit").content.decode()
        assert "Denied by policy" in text
        assert "&lt;b&gt;High&lt;/b&gt; risk." in text
        for _ in range(9):
            tell(shared_team)
        with query_counts("page:audit"):
            desk.get("/audit")

    def test_filters_and_ignores_what_it_cannot_read(self, desk, owner, shared_team):
        tell(shared_team, target="agent:here")
        shown = desk.get("/audit", {"team": str(shared_team.id)}).content.decode()
        assert "agent:here" in shown
        assert "Signed in" not in shown.partition("<tbody>")[2]
        none = desk.get("/audit", {"person": "nobody", "action": "user.signed_in"})
        assert "No entry passes" in none.content.decode()
        odd = {
            "since": "9999-99-99",
            "until": "9999-12-31",
            "team": "x",
            "action": "x",
            "before": "x",
        }
        assert desk.get("/audit", odd).status_code == 200

    def test_pages_by_cursor(self, desk, shared_team):
        for _ in range(60):
            tell(shared_team)
        first = desk.get("/audit", {"team": str(shared_team.id)})
        older = desk.get(
            "/audit", {"team": str(shared_team.id), "before": first.context["next"]}
        )
        assert len(first.context["lines"]) == 50
        assert len(older.context["lines"]) == 10


class TestExport:
    def test_csv_runs_no_formula(self, desk, shared_team):
        tell(shared_team, target="=1+1")
        answer = desk.post("/audit/export", {"team": str(shared_team.id)})
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert [row["target"] for row in rows] == ["'=1+1"]
        assert answer["Content-Disposition"] == 'attachment; filename="audit.csv"'

    def test_json_lines_hold_what_the_hash_covers(self, desk, shared_team):
        tell(shared_team, lane="batch")
        body = {"team": str(shared_team.id), "format": "jsonl"}
        row = json.loads(desk.post("/audit/export", body).content)
        entry = AuditEntry.objects.get(chain=shared_team.id)
        assert row["hash"] == entry.hash
        assert row["details"] == {"lane": "batch"}

    def test_is_told_itself(self, desk, administrator):
        desk.post("/audit/export", {"format": "jsonl", "since": "2026-01-01"})
        entry = AuditEntry.objects.get(action=AuditAction.EXPORTED)
        assert entry.user_id == administrator.user.id
        assert entry.details["since"] == "2026-01-01"

    def test_refuses_another_format_and_too_much(self, desk, shared_team, monkeypatch):
        assert desk.post("/audit/export", {"format": "xls"}).status_code == 400
        monkeypatch.setattr("marketplace.pages.audit.MAX_EXPORTED", 1)
        tell(shared_team)
        tell(shared_team)
        assert desk.post("/audit/export").status_code == 400


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\tx", "\r=x", " =1", "\uff1d1"]
)
def test_cells_that_would_run_are_text(text):
    assert sheets.safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["plain", "", "a=b", -3, None])
def test_other_cells_stay(value):
    assert sheets.safe_cell(value) == value
