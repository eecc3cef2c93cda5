"""Every page of the frame: who sees it, that it is whole, and that nothing typed runs in it."""

import datetime as dt
import re

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest
from django.template.loader import get_template
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.choices import Role
from accounts.models import ApiKey, User
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    UserFactory,
)
from agents.models import Execution
from agents.tests.factories import (
    AgentFactory,
    EvalResultFactory,
    ExecutionFactory,
    definition,
)
from aiagents.common import clock, ids
from marketplace.models import Favourite
from marketplace.pages import access, errors

pytestmark = pytest.mark.django_db
SIGNED_IN_PAGES = ("/dashboard", "/dashboard/runs", "/account", "/account/keys")
UNRENDERED = re.compile(r"<c-|\{\{|\{%")
EVIL = '<script>alert("x")</script>'


@pytest.fixture
def agent():
    return AgentFactory(slug="contract-reader")


@pytest.fixture
def person():
    return UserFactory(username="maria", password=PASSWORD)


@pytest.fixture
def reader(person):
    client = Client()
    client.force_login(person)
    return client


def run(client, agent, **values):
    page = client.get(f"/marketplace/{agent.slug}").content.decode()
    key = re.search(r'name="idempotency-key" value="([^"]+)"', page)[1]
    return client.post(f"/marketplace/{agent.slug}", {"idempotency-key": key, **values})


def fail(error):
    raise error


def public_addresses(agent):
    return [
        "/",
        "/?q=contract",
        "/?q=please+read+this+contract+for+me&find=1",
        "/?q=nothingfitsthis",
        "/?ordering=-runs&risk=low&tier=standard&tag=clause&page=99",
        f"/categories/{agent.category.slug}",
        f"/marketplace/{agent.slug}",
        f"/marketplace/{agent.slug}?sample=0",
        *(
            f"/marketplace/{agent.slug}?tab={tab}"
            for tab in ("examples", "versions", "api")
        ),
        "/login",
        "/register",
    ]


class TestEveryPage:
    def test_public_pages_are_whole_for_everybody(self, client, reader, agent):
        for who in (client, reader):
            for address in public_addresses(agent):
                response = who.get(address)
                if who is reader and address in ("/login", "/register"):
                    assert response.status_code == 302
                    continue
                assert response.status_code == 200, address
                assert not UNRENDERED.search(response.content.decode()), address

    def test_own_pages_are_whole_and_kept_out_of_caches(self, reader, person, agent):
        Favourite.objects.create(user=person, agent=agent, created_at=clock.now())
        ExecutionFactory(
            agent=agent, user=person, team=person.teams.get(), succeeded=True
        )
        ApiKeyFactory(user=person)
        for address in SIGNED_IN_PAGES:
            response = reader.get(address)
            assert response.status_code == 200, address
            assert "no-store" in response["Cache-Control"]
            assert "private" in response["Cache-Control"]
            assert not UNRENDERED.search(response.content.decode()), address

    def test_own_pages_lead_a_visitor_to_login_and_back(self, client):
        for address in SIGNED_IN_PAGES:
            response = client.get(address)
            assert response.status_code == 302
            assert response["Location"] == f"/login?next={address}"

    def test_an_ended_session_is_told_to_htmx_by_a_header(self, client):
        response = client.get("/account", headers={"HX-Request": "true"})
        assert response["HX-Redirect"] == "/login?next=/account"

    def test_headers_allow_nothing_inline_or_foreign(self, client, agent):
        for address in ("/", f"/marketplace/{agent.slug}", "/nothing"):
            policy = client.get(address)["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy

    def test_pages_hold_no_inline_script_or_style(self, client, agent):
        for address in public_addresses(agent):
            html = client.get(address).content.decode()
            assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", html), (
                address
            )
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html)), (
                address
            )

    def test_every_template_compiles(self):
        folder = settings.BASE_DIR / "templates"
        names = [str(path.relative_to(folder)) for path in folder.rglob("*.html")]
        assert len(names) > 20
        for name in names:
            get_template(name)

    def test_the_demo_model_is_announced_while_it_answers(self, client, settings):
        settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
        assert "Demo model." in client.get("/").content.decode()
        settings.DEMO_MODEL_URL = ""
        assert "Demo model." not in client.get("/").content.decode()


class TestMarketplace:
    def test_filters_by_words_and_facets(self, client, agent):
        text = definition("other-agent") | {"name": "Herb Garden"}
        AgentFactory(slug="other-agent", name="Herb Garden", live__definition=text)
        html = client.get("/?q=herb").content.decode()
        assert "Herb Garden" in html
        assert "Contract Reader" not in html
        assert "1 agent<" in html
        assert "0 agents" in client.get("/?risk=high").content.decode()

    def test_a_task_gets_picks_with_reasons(self, client, agent):
        html = client.get("/?q=read+my+contract&find=1").content.decode()
        assert "Best for this task" in html
        assert "Why this agent" in html

    def test_htmx_gets_the_results_only(self, client, agent):
        headers = {"HX-Request": "true", "HX-Target": "results"}
        response = client.get("/?q=contract", headers=headers)
        assert response.content.decode().lstrip().startswith('<div id="results"')
        assert "HX-Request" in response["Vary"]

    def test_pages_hold_24(self, client):
        AgentFactory.create_batch(25)
        assert client.get("/").content.decode().count('<article class="card">') == 24
        assert (
            client.get("/?page=2").content.decode().count('<article class="card">') == 1
        )

    def test_queries_do_not_grow_with_agents(self, client, query_counts):
        AgentFactory()
        with query_counts("page:agent_list"):
            client.get("/")
        AgentFactory.create_batch(9)
        with query_counts("page:agent_list"):
            client.get("/")

    def test_an_agent_says_what_its_evals_said(self, client, agent):
        at = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
        EvalResultFactory(version=agent.live_version, run__provider="demo")
        page = client.get("/marketplace/contract-reader").text
        assert "Not yet evaluated on a live model" in page
        EvalResultFactory(version=agent.live_version, created_at=at)
        page = client.get("/marketplace/contract-reader").text
        assert "Passed 1 of 2 checks on claude-sonnet-5-5, 22 Nov 2026" in page

    def test_an_agent_without_published_version_is_missing(self, client):
        hidden = AgentFactory(live=False)
        assert client.get(f"/marketplace/{hidden.slug}").status_code == 404
        assert hidden.slug not in client.get("/").content.decode()

    def test_an_unknown_category_is_missing(self, client):
        assert client.get("/categories/nothing").status_code == 404

    def test_a_favourite_is_kept_and_let_go(self, reader, client, agent, person):
        address = f"/marketplace/{agent.slug}/favourite"
        assert client.post(address).status_code == 302
        assert not Favourite.objects.exists()
        assert reader.post(address, {"next": "/"})["Location"] == "/"
        assert Favourite.objects.get().user == person
        reader.post(address)
        assert not Favourite.objects.exists()


class TestRun:
    def test_starts_one_run_and_shows_it(self, reader, agent, person):
        response = run(reader, agent, text="1. The buyer pays.\r\n2. End.", side="")
        execution = Execution.objects.get()
        assert response.status_code == 303
        assert response["Location"] == f"/dashboard/executions/{execution.id}"
        assert execution.inputs == {"text": "1. The buyer pays.\n2. End."}
        assert execution.user == person

    def test_a_double_click_is_one_run(self, reader, agent):
        key = str(ids.new_id())
        answers = [
            reader.post(
                f"/marketplace/{agent.slug}", {"idempotency-key": key, "text": "x"}
            )
            for _ in range(2)
        ]
        assert answers[0]["Location"] == answers[1]["Location"]
        assert Execution.objects.count() == 1

    def test_back_and_other_inputs_are_another_run(self, reader, agent):
        key = str(ids.new_id())
        for text in ("one", "two"):
            reader.post(
                f"/marketplace/{agent.slug}", {"idempotency-key": key, "text": text}
            )
        assert Execution.objects.count() == 2

    def test_errors_stand_at_the_field_and_input_is_kept(self, reader, agent):
        response = run(reader, agent, text="  ", side="our <b>side</b>")
        html = response.content.decode()
        assert response.status_code == 400
        assert 'id="input-text-error"' in html
        assert 'aria-invalid="true"' in html
        assert "data-error-summary" in html
        assert "our &lt;b&gt;side&lt;/b&gt;" in html
        assert not Execution.objects.exists()

    def test_a_visitor_is_led_to_login_and_back_to_the_agent(self, client, agent):
        address = f"/marketplace/{agent.slug}"
        response = client.post(address, {"text": "x", "next": address})
        assert response["Location"] == f"/login?next={address}"
        assert not Execution.objects.exists()

    def test_what_the_policy_refuses_is_told_before_and_after(self, reader):
        risky = AgentFactory(risk="high")
        page = reader.get(f"/marketplace/{risky.slug}").content.decode()
        assert "You may not run this agent." in page
        assert run(reader, risky, text="x").status_code == 403
        assert not Execution.objects.exists()

    def test_a_sample_fills_the_form(self, client, agent):
        html = client.get(f"/marketplace/{agent.slug}?sample=0").content.decode()
        assert "1. The buyer pays.</textarea>" in html

    def test_only_curators_see_the_prompt(self, reader, agent):
        address = f"/marketplace/{agent.slug}?tab=versions"
        assert "a careful reader" not in reader.get(address).content.decode()
        curator = Client()
        curator.force_login(MembershipFactory(role=Role.CURATOR).user)
        assert "a careful reader" in curator.get(address).content.decode()

    def test_names_and_inputs_are_text(self, client):
        text = definition("evil-agent")
        text["inputs"][0]["label"] = EVIL
        text["samples"][0] |= {"title": EVIL, "input": {"text": EVIL}}
        evil = AgentFactory(name=EVIL, purpose=EVIL, live__definition=text, tags=[EVIL])
        for address in (
            "/",
            *(
                f"/marketplace/{evil.slug}?tab={t}&sample=0"
                for t in ("run", "examples", "versions", "api")
            ),
        ):
            html = client.get(address).content.decode()
            assert EVIL not in html, address
            assert "&lt;script&gt;" in html, address


class TestSignIn:
    def test_signs_in_with_a_new_session_and_goes_on(self, client, person):
        client.get("/login")
        session = client.session
        session["planted"] = "1"
        session.save()
        before = session.session_key
        client.cookies[settings.SESSION_COOKIE_NAME] = before
        response = client.post(
            "/login", {"username": "Maria", "password": PASSWORD, "next": "/account"}
        )
        assert response.status_code == 303
        assert response["Location"] == "/account"
        assert client.session.session_key != before

    def test_a_wrong_name_and_a_wrong_password_read_the_same(self, client, person):
        pages = [
            client.post("/login", {"username": name, "password": "wrong-one-1"})
            for name in ("maria", "nobody")
        ]
        assert [page.status_code for page in pages] == [401, 401]
        wrong = "The username or the password is wrong."
        assert all(wrong in page.content.decode() for page in pages)

    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/ok\nSet-Cookie: a=b",
            "evil",
        ],
    )
    def test_next_leads_to_own_addresses_only(self, client, person, address):
        assert not access.is_own(address)
        response = client.post(
            "/login", {"username": "maria", "password": PASSWORD, "next": address}
        )
        assert response["Location"] == "/dashboard"

    def test_too_many_tries_state_the_wait(self, client, person, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        client.post("/login", {"username": "maria", "password": "wrong-one-1"})
        response = client.post(
            "/login", {"username": "maria", "password": "wrong-one-2"}
        )
        assert response.status_code == 429
        assert int(response["Retry-After"]) > 0
        assert "The next try is possible in" in response.content.decode()

    def test_registers_and_is_signed_in(self, client):
        response = client.post("/register", {"username": "nina", "password": PASSWORD})
        assert response.status_code == 303
        assert User.objects.get().username == "nina"
        assert client.get("/account").status_code == 200

    def test_a_refused_account_keeps_the_name_and_never_the_password(
        self, client, person
    ):
        response = client.post(
            "/register", {"username": "MARIA", "password": "green-harbour-31"}
        )
        html = response.content.decode()
        assert response.status_code == 409
        assert 'value="MARIA"' in html
        assert "green-harbour-31" not in html
        assert 'id="input-username-error"' in html

    def test_signing_out_takes_a_post(self, reader):
        assert reader.get("/logout").status_code == 405
        assert reader.post("/logout").status_code == 302
        assert reader.get("/account").status_code == 302

    def test_a_form_of_another_site_is_refused(self, person):
        strict = Client(enforce_csrf_checks=True)
        response = strict.post("/login", {"username": "maria", "password": PASSWORD})
        assert response.status_code == 403
        assert "older than your session" in response.content.decode()


class TestAccount:
    def test_a_key_is_shown_once(self, reader, person):
        response = reader.post(
            "/account/keys", {"name": "job", "scopes": ["agents:read"]}
        )
        secret = re.search(r"aak_[0-9a-f]{12}_[\w-]{43}", response.content.decode())[0]
        assert secret not in reader.get("/account/keys").content.decode()
        assert ApiKey.objects.get().user == person

    def test_a_refused_key_keeps_its_name(self, reader):
        response = reader.post("/account/keys", {"name": "job"})
        assert response.status_code == 400
        assert 'value="job"' in response.content.decode()

    def test_a_foreign_key_is_missing(self, reader):
        foreign = ApiKeyFactory()
        assert reader.post(f"/account/keys/{foreign.id}/revoke").status_code == 404
        assert reader.post("/account/keys/nothing/revoke").status_code == 404
        foreign.refresh_from_db()
        assert foreign.revoked_at is None

    def test_revokes_an_own_key(self, reader, person):
        own = ApiKeyFactory(user=person)
        reader.post(f"/account/keys/{own.id}/revoke")
        own.refresh_from_db()
        assert own.revoked_at is not None

    def test_the_theme_is_a_cookie_that_the_server_reads(self, client):
        assert (
            client.post("/theme", {"theme": "dark", "next": "/login"})["Location"]
            == "/login"
        )
        assert 'data-theme="dark"' in client.get("/").content.decode()
        client.post("/theme", {"theme": "system"})
        assert "data-theme" not in client.get("/").content.decode()

    def test_a_theme_that_does_not_exist_is_ignored(self, client):
        client.cookies["theme"] = '"><script>'
        assert "data-theme" not in client.get("/").content.decode()


class TestDashboard:
    def test_a_new_person_gets_agents_to_begin_with(self, reader, agent):
        assert "Begin here" in reader.get("/dashboard").content.decode()

    def test_shows_own_runs_only(self, reader, person, agent):
        own = ExecutionFactory(
            agent=agent, user=person, team=person.teams.get(), succeeded=True
        )
        foreign = ExecutionFactory(agent=agent, succeeded=True)
        html = reader.get("/dashboard").content.decode()
        assert str(own.id) in html
        assert str(foreign.id) not in html
        assert "Begin here" not in html

    def test_queries_do_not_grow_with_runs(self, reader, person, agent, query_counts):
        team = person.teams.get()
        ExecutionFactory(agent=agent, user=person, team=team, succeeded=True)
        with query_counts("page:dashboard"):
            reader.get("/dashboard")
        ExecutionFactory.create_batch(
            9, agent=agent, user=person, team=team, succeeded=True
        )
        with query_counts("page:dashboard"):
            reader.get("/dashboard")


class TestErrors:
    def test_a_missing_page_is_a_page_and_a_missing_resource_is_a_problem(self, client):
        page = client.get("/nothing")
        assert page.status_code == 404
        assert "<h1>There is nothing here</h1>" in page.content.decode()
        for address in ("/api/nothing", "/auth/nothing", "/executions/a/b/c"):
            response = client.get(address)
            assert response.status_code == 404
            assert response["Content-Type"] == "application/problem+json"

    def test_a_lost_database_is_told_without_the_database(self, rf, django_db_blocker):
        request = rf.get("/dashboard")
        with django_db_blocker.block():
            try:
                fail(OperationalError())
            except OperationalError:
                response = errors.server_error(request)
        assert response.status_code == 503
        assert response["Retry-After"]
        assert "A part of the platform is away" in response.content.decode()

    def test_a_bug_is_a_page_without_its_text(self, rf):
        request: HttpRequest = RequestFactory().get("/dashboard")
        try:
            fail(ValueError("secret detail"))
        except ValueError:
            response = errors.server_error(request)
        assert response.status_code == 500
        assert "secret detail" not in response.content.decode()
        assert not UNRENDERED.search(response.content.decode())

    def test_the_icon_has_its_usual_address(self, client):
        assert client.get(reverse("marketplace:favicon")).status_code == 302
