"""The pages of one's account: password, sessions, teams, data, the end of it."""

import asyncio
import io
import json
import re
import zipfile

import pytest
from allauth.mfa.models import Authenticator
from django.test import AsyncClient, Client

from accounts import services as account_services
from accounts.choices import Role
from accounts.models import ApiKey, BrowserSession, Invitation, Membership, Team, User
from accounts.tests.cast import signed_in
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    TeamFactory,
    UserFactory,
    personal_team_of,
    principal_for,
)
from accounts.tests.second_factors import give_app
from agents.models import Execution, ExecutionFeedback
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock, redis_client
from aiagents.common.ids import new_id
from aiagents.common.progress import Append, ProgressLog, ProgressType
from marketplace.models import Favourite

pytestmark = pytest.mark.django_db
NEW = "green-castle-31"
UNRENDERED = re.compile(r"<c-|\{\{|\{%")


@pytest.fixture
def maria():
    return UserFactory(username="maria", password=PASSWORD, email="maria@example.org")


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def reader(maria):
    return browser(maria)


@pytest.fixture
def team():
    return TeamFactory(name="Legal")


@pytest.fixture
def chief(team):
    user = UserFactory(username="chief", password=PASSWORD)
    MembershipFactory(team=team, user=user, role=Role.ADMIN)
    return browser(user)


def text(response):
    return response.content.decode()


class TestEveryPage:
    def test_is_whole_and_kept_out_of_caches(self, reader, maria, team):
        MembershipFactory(team=team, user=maria, role=Role.ADMIN)
        signed_in(maria)
        pages = ("", "/password", "/sessions", "/team", f"/team/{team.id}", "/data")
        for path in pages:
            response = reader.get(f"/account{path}")
            assert response.status_code == 200, path
            assert not UNRENDERED.search(text(response)), path
            assert "no-store" in response["Cache-Control"], path

    def test_leads_visitors_to_login(self, client, team):
        gets = ("/password", "/sessions", "/team", f"/team/{team.id}", "/data")
        for path in gets:
            response = client.get(f"/account{path}")
            assert response["Location"].startswith("/login?next="), path
        posts = (
            "/password",
            "/email",
            "/sessions/end-others",
            f"/sessions/{new_id()}/end",
            "/team",
            f"/team/{team.id}",
            f"/team/{team.id}/members/{new_id()}/role",
            f"/team/{team.id}/members/{new_id()}/remove",
            f"/team/{team.id}/invitations/{new_id()}/revoke",
            "/data/export",
            "/data/delete",
        )
        for path in posts:
            response = client.post(f"/account{path}")
            assert response["Location"].startswith("/login?next="), path

    def test_the_profile_states_the_limits(self, reader, settings):
        settings.TEAM_MAX_RUNNING = 37
        assert "37 per team" in text(reader.get("/account"))


class TestPassword:
    def change(self, client, **more):
        body = {"current_password": PASSWORD, "new_password": NEW} | more
        return client.post("/account/password", body)

    def test_stays_signed_in_here_and_nowhere_else(self, reader, maria):
        other = browser(maria)
        assert "is changed" in text(self.change(reader))
        assert reader.get("/account").status_code == 200
        assert other.get("/account").status_code == 302
        maria.refresh_from_db()
        assert maria.check_password(NEW)
        assert BrowserSession.objects.count() == 1

    @pytest.mark.parametrize("field", ["current_password", "new_password"])
    def test_says_what_is_wrong(self, reader, field):
        page = self.change(reader, **{field: "x"})
        assert page.status_code == 400
        assert f'id="input-{field}-error"' in text(page)
        assert PASSWORD not in text(page)

    def test_the_address_takes_the_password(self, reader, maria):
        body = {"email": "new@example.org", "password": "wrong"}
        assert reader.post("/account/email", body).status_code == 400
        reader.post("/account/email", body | {"password": PASSWORD})
        maria.refresh_from_db()
        assert maria.email == "new@example.org"
        page = reader.post("/account/email", {"email": "x", "password": PASSWORD})
        assert page.status_code == 400


class TestSessions:
    def test_shows_own_and_marks_this_one(self, reader, maria):
        Client(HTTP_USER_AGENT="Elsewhere").post(
            "/login", {"username": "maria", "password": PASSWORD}
        )
        page = text(reader.get("/account/sessions"))
        assert "Elsewhere" in page
        assert page.count("this one") == 1

    def test_ends_one_and_all_others(self, reader, maria):
        first, second = browser(maria), browser(maria)
        row = BrowserSession.objects.order_by("created_at", "id")[1]
        reader.post(f"/account/sessions/{row.id}/end")
        alive = [one.get("/account").status_code for one in (reader, first, second)]
        assert alive == [200, 302, 200]
        reader.post("/account/sessions/end-others")
        assert second.get("/account").status_code == 302
        assert reader.get("/account").status_code == 200

    def test_a_foreign_one_is_missing(self, reader, chief):
        row = BrowserSession.objects.get(user__username="chief")
        assert reader.post(f"/account/sessions/{row.id}/end").status_code == 404
        assert chief.get("/account").status_code == 200

    def test_queries_do_not_grow(self, reader, maria, query_counts):
        with query_counts("page:sessions"):
            reader.get("/account/sessions")
        for _ in range(9):
            browser(maria)
        with query_counts("page:sessions"):
            reader.get("/account/sessions")


class TestTeams:
    def invite(self, client, team, **more):
        body = {"email": "maria@example.org", "role": "hr"} | more
        return client.post(f"/account/team/{team.id}", body)

    def link(self, page):
        return re.search(r'id="new-link">http://testserver([^<]+)', text(page))[1]

    def test_invite_and_join(self, chief, reader, team, maria):
        page = self.invite(chief, team)
        link = self.link(page)
        assert "Legal" in text(reader.get(link))
        assert reader.post(link)["Location"] == f"/account/team/{team.id}"
        assert "hr" in principal_for(maria).roles
        assert reader.post(link).status_code == 404
        assert "is over" in text(reader.get(link))

    def test_a_visitor_signs_in_first_and_comes_back(self, chief, client, team):
        link = self.link(self.invite(chief, team))
        assert f"/login?next={link}" in text(client.get(link))
        assert client.post(link)["Location"].startswith("/login?next=")
        assert Invitation.objects.get().accepted_at is None

    def test_somebody_else_is_told_why_not(self, chief, team):
        link = self.link(self.invite(chief, team, email="other@example.org"))
        page = browser(UserFactory(email="x@example.org")).post(link)
        assert page.status_code == 403
        assert "another mail address" in text(page)
        assert Invitation.objects.get().accepted_at is None

    def test_errors_stand_at_the_field(self, chief, team):
        page = self.invite(chief, team, email="x")
        assert page.status_code == 400
        assert 'id="input-email-error"' in text(page)

    def test_withdraws(self, chief, team):
        self.invite(chief, team)
        row = Invitation.objects.get()
        chief.post(f"/account/team/{team.id}/invitations/{row.id}/revoke")
        row.refresh_from_db()
        assert row.revoked_at

    def test_changes_roles_and_removes(self, chief, team, maria):
        MembershipFactory(team=team, user=maria)
        base = f"/account/team/{team.id}/members/{maria.id}"
        chief.post(f"{base}/role", {"role": "sales"})
        assert "sales" in principal_for(maria).roles
        chief.post(f"{base}/remove")
        assert team.id not in principal_for(maria).team_ids

    def test_leaving_keeps_this_browser_signed_in(self, reader, team, maria):
        MembershipFactory(team=team, user=maria)
        other = browser(maria)
        response = reader.post(f"/account/team/{team.id}/members/{maria.id}/remove")
        assert response["Location"] == "/account/team"
        assert reader.get("/account").status_code == 200
        assert other.get("/account").status_code == 302

    def test_a_foreign_team_is_missing(self, reader, team):
        assert reader.get(f"/account/team/{team.id}").status_code == 404
        assert self.invite(reader, team).status_code == 404

    def test_members_see_and_change_nothing(self, reader, team, maria, chief):
        MembershipFactory(team=team, user=maria)
        page = text(reader.get(f"/account/team/{team.id}"))
        assert "chief" in page
        assert "Invite" not in page
        assert self.invite(reader, team).status_code == 403

    def test_administrators_make_teams(self, reader, maria):
        assert reader.post("/account/team", {"name": "New"}).status_code == 403
        User.objects.filter(id=maria.id).update(is_staff=True)
        assert reader.post("/account/team", {"name": ""}).status_code == 400
        reader.post("/account/team", {"name": "New"})
        assert Team.objects.get(name="New").memberships.get().role == Role.ADMIN

    def test_names_are_text(self, chief, team):
        Team.objects.update(name="<script>alert(1)</script>")
        link = self.link(self.invite(chief, team))
        for path in ("/account/team", f"/account/team/{team.id}", link):
            assert "<script>alert" not in text(chief.get(path))


def parts(response):
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


class TestExport:
    def test_holds_what_is_ones_own(self, reader, maria, team):
        MembershipFactory(team=team, user=maria)
        mine = personal_team_of(maria)
        for owner_team in (mine, team):
            ExecutionFactory(team=owner_team, user=maria, succeeded=True)
        ExecutionFactory(team=team, succeeded=True, output="of a colleague")
        ApiKeyFactory(user=maria, name="reporting")
        give_app(maria)
        response = reader.post("/account/data/export")
        assert "attachment" in response["Content-Disposition"]
        archive = parts(response)
        runs = archive.read("runs.jsonl").splitlines()
        assert len(runs) == 2
        assert {json.loads(run)["output"] for run in runs} != {"of a colleague"}
        (profile,) = json.loads(archive.read("profile.json"))
        assert profile["email"] == "maria@example.org"
        assert "reporting" in archive.read("api_keys.json").decode()
        whole = b"".join(archive.read(name) for name in archive.namelist())
        for secret in (maria.password, ApiKey.objects.get().digest):
            assert secret.encode() not in whole

    def test_runs_come_in_batches(self, reader, maria, monkeypatch):
        monkeypatch.setattr("agents.selectors.export.BATCH", 2)
        rows = [
            ExecutionFactory(team=personal_team_of(maria), user=maria, succeeded=True)
            for _ in range(5)
        ]
        lines = parts(reader.post("/account/data/export")).read("runs.jsonl")
        found = [json.loads(line)["id"] for line in lines.splitlines()]
        assert found == sorted(str(row.id) for row in rows)

    def test_takes_a_post(self, reader):
        assert reader.get("/account/data/export").status_code == 405

    @pytest.mark.django_db(transaction=True)
    def test_is_streamed_by_the_other_server_as_well(self, maria):
        async def taken():
            client = AsyncClient()
            await client.aforce_login(maria)
            response = await client.post("/account/data/export")
            content = getattr(response, "streaming_content")  # noqa: B009 - the stubs do not know it
            return b"".join([part async for part in content])

        archive = zipfile.ZipFile(io.BytesIO(asyncio.run(taken())))
        assert "profile.json" in archive.namelist()


class TestDelete:
    def delete(self, client, **more):
        body = {"username": "maria", "password": PASSWORD} | more
        return client.post("/account/data/delete", body)

    def test_what_goes_and_what_stays(self, reader, maria, team):
        mine = personal_team_of(maria)
        MembershipFactory(team=team, user=maria)
        own = ExecutionFactory(team=mine, user=maria, succeeded=True)
        shared = ExecutionFactory(team=team, user=maria, succeeded=True)
        ExecutionFeedback.objects.create(
            id=new_id(),
            execution=shared,
            user=maria,
            rating=4,
            comment="says who I am",
            created_at=clock.now(),
        )
        Favourite.objects.create(
            id=new_id(), user=maria, agent=own.agent, created_at=clock.now()
        )
        key = ApiKeyFactory(user=maria, team=team, name="of maria")
        program = signed_in(maria)
        give_app(maria)

        assert self.delete(reader)["Location"] == "/"
        assert reader.get("/account").status_code == 302
        assert program.client.get("/api/v1/auth/me").status_code == 401
        maria.refresh_from_db()
        assert maria.username.startswith("deleted-")
        assert (maria.email, maria.is_active) == ("", False)
        assert not maria.has_usable_password()
        assert list(Execution.objects.all()) == [shared]
        feedback = ExecutionFeedback.objects.get()
        assert (feedback.rating, feedback.comment) == (4, "")
        key.refresh_from_db()
        assert (key.name, key.revoked_at is None) == ("deleted", False)
        mine.refresh_from_db()
        assert mine.name == "deleted"
        assert not Favourite.objects.exists()
        assert not Authenticator.objects.exists()
        assert not Membership.objects.filter(user=maria).exists()
        assert not BrowserSession.objects.exists()

    def test_the_name_is_free_again(self, reader, maria):
        self.delete(reader)
        assert account_services.register_user(
            username="maria", password=PASSWORD, address=None, now=clock.now()
        )

    def test_streamed_text_goes_as_well(
        self, reader, maria, django_capture_on_commit_callbacks
    ):
        row = ExecutionFactory(team=personal_team_of(maria), user=maria, succeeded=True)
        log = ProgressLog(redis_client.sync_client())
        events = [(ProgressType.DELTA, {"text": "secret"})]
        log.append(Append(key=row.id, attempt=row.attempt, events=events))
        with django_capture_on_commit_callbacks(execute=True):
            self.delete(reader)
        assert log.replay(row.id) == []

    @pytest.mark.parametrize("field", ["username", "password"])
    def test_takes_name_and_password(self, reader, maria, field):
        page = self.delete(reader, **{field: "wrong"})
        assert page.status_code == 400
        assert f'id="input-{field}-error"' in text(page)
        maria.refresh_from_db()
        assert maria.is_active

    def test_waits_for_runs_that_go_on(self, reader, maria):
        ExecutionFactory(team=personal_team_of(maria), user=maria, running=True)
        assert "1 run is still going" in text(self.delete(reader))
        maria.refresh_from_db()
        assert maria.username == "maria"

    def test_not_the_last_administrator(self, reader, maria, team):
        User.objects.update(is_superuser=True, is_staff=True)
        assert "last administrator" in text(self.delete(reader))
        User.objects.update(is_superuser=False, is_staff=False)
        MembershipFactory(team=team, user=maria, role=Role.ADMIN)
        MembershipFactory(team=team)
        assert "needs an administrator" in text(self.delete(reader))
        maria.refresh_from_db()
        assert maria.is_active
