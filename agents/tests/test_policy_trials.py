"""Explaining a decision, and other rules against the past."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import permissions
from accounts.choices import Role
from accounts.models import AuditEntry
from accounts.tests.factories import ApiKeyFactory, MembershipFactory, secret_of
from agents import selectors
from agents.models import Execution
from agents.tests.factories import AgentFactory, ExecutionFactory
from aiagents.common import clock

pytestmark = pytest.mark.django_db
FOLDER = Path(django_settings.POLICY_DIR)
EXPLAIN = "/api/v1/policy/explain"


@pytest.fixture
def risky():
    return AgentFactory(slug="risky", risk="high")


@pytest.fixture
def other(tmp_path):
    """A folder with the same rules and other roles."""

    def write(**roles):
        data = json.loads((FOLDER / "roles.json").read_text())
        for name, changes in roles.items():
            data["roles"][name] |= changes
        (tmp_path / "roles.json").write_text(json.dumps(data))
        rules = (FOLDER / "agent_access.rego").read_text()
        (tmp_path / "agent_access.rego").write_text(rules)
        return tmp_path

    return write


def start(actor, slug, **metadata):
    body = {"inputs": {"text": "1. The buyer pays."}, "metadata": metadata}
    url = f"/api/v1/agents/{slug}/executions"
    return actor.client.post(url, body, format="json").status_code


def try_folder(folder, days=7, **options):
    bundle = permissions.read_bundle(folder)
    since = clock.now() - dt.timedelta(days=days)
    return selectors.try_policy(bundle=bundle, since=since, **options)


class TestExplain:
    def test_why_not_in_plain_words(self, owner, risky):
        body = owner.client.get(EXPLAIN, {"agent": "risky"}).json()
        assert body["allowed"] is False
        assert body["reasons"] == [
            "Agent 'risky' is of high risk: it takes one of the roles admin, "
            "agent_operator, curator, finance; ask an administrator."
        ]
        assert body["input"]["subject"]["roles"] == ["user"]
        assert not AuditEntry.objects.filter(action="policy.denied").exists()

    def test_why(self, owner):
        body = owner.client.get(EXPLAIN, {"agent": AgentFactory().slug}).json()
        assert body["allowed"] is True
        assert body["obligations"] == []
        assert body["revision"] == permissions.read_bundle(FOLDER).revision

    def test_for_the_lane_and_data_that_are_named(self, owner):
        asked = {
            "agent": AgentFactory().slug,
            "data_class": "restricted",
            "lane": "batch",
        }
        body = owner.client.get(EXPLAIN, asked).json()
        assert body["allowed"] is False
        assert body["input"]["lane"] == "batch"

    def test_a_key_learns_that_it_lacks_a_scope(self, owner, client):
        key = ApiKeyFactory(user=owner.user, scopes=["agents:read"])
        answer = client.get(
            EXPLAIN,
            {"agent": AgentFactory().slug},
            headers={"X-API-Key": secret_of(key)},
        )
        assert "executions:run" in answer.json()["reasons"][0]

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({}, 400),
            ({"agent": "x", "lane": "fast"}, 400),
            ({"agent": "x", "data_class": "x"}, 400),
            ({"agent": "x", "more": "1"}, 400),
            ({"agent": "missing"}, 404),
        ],
    )
    def test_refuses(self, owner, asked, status):
        assert owner.client.get(EXPLAIN, asked).status_code == status

    def test_a_visitor_is_asked_to_sign_in(self, client):
        assert client.get(EXPLAIN, {"agent": "x"}).status_code == 401

    def test_administrators_ask_for_others(self, administrator, owner, risky):
        asked = {"agent": "risky", "username": "owner"}
        body = administrator.client.get(EXPLAIN, asked).json()
        assert body["allowed"] is False
        assert owner.client.get(EXPLAIN, asked).status_code == 403
        asked["username"] = "nobody"
        assert administrator.client.get(EXPLAIN, asked).status_code == 404

    def test_without_a_policy_503(self, owner, settings):
        settings.OPA_URL = "http://127.0.0.1:1"
        asked = {"agent": AgentFactory().slug}
        assert owner.client.get(EXPLAIN, asked).status_code == 503


class TestTrial:
    def test_the_same_rules_change_nothing(self, owner, api_key, risky):
        slug = AgentFactory().slug
        assert [start(owner, slug), start(api_key, slug), start(owner, "risky")] == [
            202,
            202,
            403,
        ]
        found = try_folder(FOLDER)
        assert (found.asked, found.changed, found.inexact) == (3, 0, 0)

    def test_lists_what_would_be_denied_and_allowed(self, owner, colleague, risky):
        slug = AgentFactory(slug="plain").slug
        start(owner, slug)
        start(owner, slug)
        start(colleague, slug, data_class="restricted")
        start(owner, "risky")
        found = try_folder(self.stricter)
        changes = {(c.agent, c.user_id, c.verdict): count for c, count in found.changes}
        assert changes == {
            ("plain", owner.user.id, "denied"): 2,
            ("risky", owner.user.id, "allowed"): 1,
        }
        assert found.changed == 3

    @pytest.fixture(autouse=True)
    def _stricter(self, other):
        self.stricter = other(user={"runs": ["high"]})

    def test_asks_with_the_roles_of_then(self, owner, risky, administrator):
        membership = MembershipFactory(user=owner.user, role=Role.AGENT_OPERATOR)
        assert start(owner, "risky") == 202
        membership.delete()
        found = try_folder(FOLDER)
        assert (found.changed, found.inexact) == (0, 0)

    def test_runs_of_before_are_asked_with_the_roles_of_today(self, owner):
        ExecutionFactory(team_id=owner.principal.team_id, user=owner.user)
        found = try_folder(self.stricter)
        assert (found.asked, found.inexact, found.changed) == (1, 1, 1)

    def test_looks_no_further_back_than_asked(self, owner):
        start(owner, AgentFactory().slug)
        Execution.objects.update(created_at=clock.now() - dt.timedelta(days=8))
        assert try_folder(self.stricter).asked == 0
        assert try_folder(self.stricter, days=9).asked == 1

    def test_takes_the_newest_when_limited(self, owner):
        for _ in range(3):
            start(owner, AgentFactory().slug)
        assert try_folder(self.stricter, limit=2).asked == 2

    def test_rules_without_a_decision_are_said_so(self, owner, tmp_path):
        start(owner, AgentFactory().slug)
        (tmp_path / "agent_access.rego").write_text("package elsewhere")
        ((change, _),) = try_folder(tmp_path).changes
        assert change.verdict == "undecided"

    def test_changes_nothing(self, owner):
        start(owner, AgentFactory().slug)
        before = AuditEntry.objects.count()
        try_folder(self.stricter)
        assert AuditEntry.objects.count() == before


class TestCommand:
    def test_lists_and_counts(self, owner, other, capsys):
        start(owner, AgentFactory(slug="plain").slug)
        call_command("policy_dry_run", policies=other(user={"runs": []}))
        told = capsys.readouterr().out
        assert "denied" in told
        assert "owner  plain" in told
        assert "1 would be decided otherwise" in told

    def test_takes_the_rules_in_force(self, owner, capsys):
        start(owner, AgentFactory().slug)
        call_command("policy_dry_run")
        assert "0 would be decided otherwise" in capsys.readouterr().out

    def test_refuses_a_folder_without_rules(self, tmp_path):
        with pytest.raises(CommandError, match=r"no \.rego file"):
            call_command("policy_dry_run", policies=tmp_path)
        with pytest.raises(CommandError, match="--days"):
            call_command("policy_dry_run", days=0)


class TestAdminPage:
    ADDRESS = "/admin/agents/execution/policy-dry-run/"

    @pytest.fixture
    def desk(self, administrator):
        client = Client()
        client.force_login(administrator.user)
        return client

    def test_the_list_of_runs_leads_there(self, desk):
        page = desk.get(reverse("admin:agents_execution_changelist"))
        assert self.ADDRESS in page.content.decode()

    def test_shows_the_rules_in_force(self, desk):
        page = desk.get(self.ADDRESS)
        assert page.status_code == 200
        assert "package aiagents.agent_access" in page.content.decode()

    def test_tries_what_was_typed(self, desk, owner):
        start(owner, AgentFactory(slug="plain").slug)
        form: dict[str, Any] = selectors.rules_in_force() | {"days": 7}
        same = desk.post(self.ADDRESS, form).content.decode()
        assert "0 of 1 requests" in same
        roles = json.loads(form["roles"])
        roles["roles"]["user"]["runs"] = []
        changed = desk.post(self.ADDRESS, form | {"roles": json.dumps(roles)})
        assert "1 of 1 requests" in changed.content.decode()
        assert "owner" in changed.content.decode()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"roles": "{"}, "is no JSON"),
            ({"rules": "package"}, "agent_access.rego"),
            ({"days": "0"}, "greater than or equal to 1"),
        ],
    )
    def test_says_what_is_wrong(self, desk, change, said):
        form = selectors.rules_in_force() | {"days": 7} | change
        page = desk.post(self.ADDRESS, form)
        assert page.status_code == 200
        assert said in page.content.decode()

    @pytest.mark.parametrize("actor", ["owner", "curator"])
    def test_not_for_others(self, request, actor):
        client = Client()
        client.force_login(request.getfixturevalue(actor).user)
        assert client.get(self.ADDRESS).status_code in {302, 403}
