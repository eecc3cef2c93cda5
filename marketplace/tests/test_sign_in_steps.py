"""What comes after the password: second factors, letters, other sites."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from redis.exceptions import ConnectionError as RedisAway

from accounts.models import BrowserSession, User
from accounts.tests.factories import PASSWORD, UserFactory, personal_team_of
from accounts.tests.second_factors import code_of, give_app, give_recovery_codes
from analytics.models import Event

pytestmark = pytest.mark.django_db
NEW = "green-castle-31"
ME = "/api/v1/auth/me"


@pytest.fixture
def maria():
    return UserFactory(username="maria", password=PASSWORD, email="Maria@example.org")


def sign_in(client, path="/login", **more):
    body = {"username": "maria", "password": PASSWORD} | more
    return client.post(path, body)


def is_in(client):
    return client.get(ME).status_code == 200


def confirm(client):
    """Give the password again, as before every change of a second factor."""
    return client.post("/account/confirm", {"password": PASSWORD})


class TestSecondStep:
    def test_a_password_alone_signs_nobody_in(self, client, maria):
        give_app(maria)
        response = sign_in(client, next="/account")
        assert response["Location"] == "/login/second-step"
        assert not is_in(client)
        assert not BrowserSession.objects.exists()
        assert not Event.objects.filter(type="user.logged_in").exists()

    def test_a_code_does_and_leads_on(self, client, maria):
        secret = give_app(maria)
        sign_in(client, next="/account")
        page = client.get("/login/second-step")
        assert page["Cache-Control"].count("no-store")
        response = client.post("/login/second-step", {"code": code_of(secret)})
        assert response["Location"] == "/account"
        assert is_in(client)
        assert Event.objects.filter(type="user.logged_in").count() == 1

    def test_a_recovery_code_does_once(self, maria):
        give_app(maria)
        code = give_recovery_codes(maria)[0]
        for signed_in in (True, False):
            client = Client()
            sign_in(client)
            client.post("/login/second-step", {"code": code})
            assert is_in(client) is signed_in

    def test_wrong_codes_are_limited(self, client, maria):
        secret = give_app(maria)
        sign_in(client)
        for _ in range(5):
            page = client.post("/login/second-step", {"code": "000"})
            assert "Incorrect code" in page.content.decode()
        page = client.post("/login/second-step", {"code": code_of(secret)})
        assert "Too many wrong codes" in page.content.decode()
        assert not is_in(client)

    def test_without_redis_it_is_closed(self, client, maria, monkeypatch):
        secret = give_app(maria)
        sign_in(client)

        def away(*_, **__):
            raise RedisAway

        monkeypatch.setattr("accounts.limits.window._run", away)
        page = client.post("/login/second-step", {"code": code_of(secret)})
        assert page.status_code == 503
        assert not is_in(client)

    def test_nobody_comes_there_without_a_password(self, client, maria):
        give_app(maria)
        response = client.get("/login/second-step")
        assert response["Location"] == "/login"


class TestSetUp:
    def activate(self, client):
        page = client.get("/account/security/app").content.decode()
        secret = re.search(r'value="([A-Z2-7]{32})"', page)[1]
        return client.post("/account/security/app", {"code": code_of(secret)})

    @pytest.mark.django_db(transaction=True)
    def test_an_app_with_recovery_codes(self, client, maria):
        sign_in(client)
        response = client.get("/account/security/app")
        assert response["Location"].startswith("/account/confirm?")
        confirm(client)
        response = self.activate(client)
        assert response["Location"] == "/account/security/codes"
        shown = client.get(response["Location"]).content.decode()
        assert len(re.findall(r"^\s*\d{8}\s*$|>\d{8}$", shown, re.M)) >= 9
        kinds = set(Authenticator.objects.values_list("type", flat=True))
        assert kinds == {"totp", "recovery_codes"}
        assert mail.outbox[0].to == ["Maria@example.org"]

    def test_and_away_again(self, client, maria):
        sign_in(client)
        confirm(client)
        self.activate(client)
        client.post("/account/security/app/remove")
        assert not Authenticator.objects.exists()

    def test_a_wrong_password_confirms_nothing(self, client, maria, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        sign_in(client)
        for text in ("not correct|Incorrect", "Too many failed"):
            page = client.post("/account/confirm", {"password": "wrong"})
            assert re.search(text, page.content.decode())
        response = client.get("/account/security/app")
        assert response["Location"].startswith("/account/confirm?")

    def test_every_page_is_whole_and_of_our_look(self, client, maria):
        sign_in(client)
        confirm(client)
        self.activate(client)
        for path in (
            "/account/security",
            "/account/security/codes",
            "/account/security/codes/new",
            "/account/security/app/remove",
            "/account/security/keys",
            "/account/security/keys/new",
            "/account/connections",
            "/account/confirm",
            "/account/confirm/code",
            "/login/disabled",
            "/login/sso/error",
            "/login/sso/cancelled",
        ):
            response = client.get(path)
            html = response.content.decode()
            assert response.status_code in {200, 401}, path
            assert 'id="main"' in html, path
            assert not re.search(r"<c-|\{\{|\{%", html), path
            assert not re.search(r"<script(?![^>]*(src=|application/json))", html), path
            assert " style=" not in html, path

    def test_visitors_are_led_to_sign_in(self, client):
        for path in ("/account/security", "/account/security/app", "/account/confirm"):
            response = client.get(path)
            assert response["Location"].startswith("/login?next="), path


class TestAdministration:
    @pytest.fixture
    def chief(self, settings):
        settings.STAFF_SECOND_FACTOR = True
        return UserFactory(
            username="maria", password=PASSWORD, is_staff=True, is_superuser=True
        )

    def test_leads_to_setting_a_factor_up(self, client, chief):
        response = sign_in(client, "/admin/login/")
        assert response["Location"] == "/admin/"
        response = client.get("/admin/", follow=True)
        assert response.redirect_chain[-1][0] == "/account/security"
        assert "needs a second factor" in response.content.decode()

    def test_opens_after_the_second_step(self, client, chief):
        secret = give_app(chief)
        sign_in(client, "/admin/login/")
        response = client.post("/login/second-step", {"code": code_of(secret)})
        assert response["Location"] == "/admin/"
        assert client.get("/admin/").status_code == 200

    def test_asks_for_it_in_a_session_without(self, client, chief):
        """As one that was begun before the factor was set up."""
        client.force_login(chief)
        secret = give_app(chief)
        response = client.get("/admin/accounts/user/")
        assert response["Location"].startswith("/account/confirm/code?next=%2Fadmin")
        response = client.post(response["Location"], {"code": code_of(secret)})
        assert response["Location"] == "/admin/accounts/user/"
        assert client.get("/admin/accounts/user/").status_code == 200

    def test_by_password_alone_where_it_is_switched_off(self, client, chief, settings):
        settings.STAFF_SECOND_FACTOR = False
        sign_in(client, "/admin/login/")
        assert client.get("/admin/").status_code == 200

    def test_is_asked_of_nobody_else(self, client, chief):
        UserFactory(username="user", password=PASSWORD)
        sign_in(client, username="user")
        assert client.get("/account").status_code == 200


class TestForgotten:
    def ask(self, client, email):
        return client.post("/login/forgotten", {"email": email})

    def link(self):
        body = str(mail.outbox[0].body)
        return re.search(r"http://testserver(/login/reset/\S+)", body)[1]

    def choose(self, client, password=NEW):
        path = client.get(self.link())["Location"]
        return client.post(path, {"password1": password, "password2": password})

    @pytest.mark.parametrize("email", ["maria@example.org", "nobody@example.org"])
    def test_answers_alike_and_writes_to_both(self, client, maria, email):
        response = self.ask(client, email)
        assert response["Location"] == "/login/forgotten/sent"
        (letter,) = mail.outbox
        assert letter.to[0].lower() == email

    def test_a_new_password_ends_everything(self, client, maria):
        other = Client()
        sign_in(other)
        self.ask(client, "maria@example.org")
        response = self.choose(client)
        assert response["Location"] == "/login/reset/done"
        assert not is_in(other)
        assert not is_in(client)
        sign_in(client, password=NEW)
        assert is_in(client)

    def test_the_link_works_once(self, client, maria):
        self.ask(client, "maria@example.org")
        self.choose(client)
        page = Client().get(self.link())
        assert "invalid" in page.content.decode()

    def test_our_rules_for_passwords_hold(self, client, maria):
        self.ask(client, "maria@example.org")
        page = self.choose(client, "x" * 257)
        assert "At most 256" in page.content.decode()

    def test_a_second_factor_is_still_asked(self, client, maria):
        give_app(maria)
        self.ask(client, "maria@example.org")
        self.choose(client)
        response = sign_in(client, password=NEW)
        assert response["Location"] == "/login/second-step"

    def test_goes_to_the_stored_spelling(self, client, maria):
        """A letter that only looks alike may belong to another mailbox."""
        self.ask(client, "MARIA@example.org")
        assert mail.outbox[0].to == ["Maria@example.org"]

    def test_letters_are_limited(self, client, maria):
        for _ in range(5):
            self.ask(client, "maria@example.org")
        page = self.ask(client, "maria@example.org")
        assert "Too many letters" in page.content.decode()
        assert len(mail.outbox) == 5

    def test_a_foreign_host_gets_no_link_of_its_own(self, client, maria):
        body = {"email": "maria@example.org"}
        response = client.post("/login/forgotten", body, HTTP_HOST="evil.example")
        assert response.status_code == 400
        assert not mail.outbox

    def test_is_offered_where_letters_are_sent(self, client, settings):
        assert "Forgot your password?" in client.get("/login").content.decode()
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
        assert "Forgot your password?" not in client.get("/login").content.decode()


class Site(ThreadingHTTPServer):
    """Another site, which remembers what it was asked for a token."""

    asked: dict[str, list[str]]


class Provider(BaseHTTPRequestHandler):
    """The least of an OpenID provider: discovery, token and userinfo."""

    person = {
        "sub": "248289761001",
        "preferred_username": "Jane.Doe",
        "email": "j@e.org",
    }

    server: "Site"

    def do_GET(self):
        base = f"http://127.0.0.1:{self.server.server_port}"
        if self.path.endswith("/openid-configuration"):
            ends = {"authorization": "authorize", "token": "token", "userinfo": "me"}
            answer = {f"{key}_endpoint": f"{base}/{end}" for key, end in ends.items()}
            self.answer(answer | {"issuer": base, "jwks_uri": f"{base}/keys"})
        else:
            self.answer(self.person)

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked = parse_qs(form)
        self.answer({"access_token": "a", "token_type": "Bearer"})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def provider(settings):
    server = Site(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    issuer = f"http://127.0.0.1:{server.server_port}"
    app: dict[str, object]
    app = {"provider_id": "oidc", "name": "Example", "client_id": "us", "secret": "s"}
    app["settings"] = {"server_url": issuer}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class TestOtherSite:
    def come_back(self, client, path="/login/sso/oidc"):
        """From our button over the provider to our callback."""
        there = urlsplit(client.post(path)["Location"])
        query = parse_qs(there.query)
        assert there.path == "/authorize"
        assert query["code_challenge_method"] == ["S256"]
        callback = urlsplit(query["redirect_uri"][0]).path
        given = {"state": query["state"][0], "code": "c"}
        return client.get(callback, given)

    def test_is_offered_where_it_is_configured(self, client, provider, settings):
        assert (
            "Sign in with Example"
            in client.get("/login?next=/account").content.decode()
        )
        page = client.get("/login/sso/oidc")
        assert page.status_code == 200
        assert "form-action 'self' https: http:" in page["Content-Security-Policy"]
        settings.SOCIALACCOUNT_PROVIDERS = {}
        assert "Sign in with" not in client.get("/login").content.decode()
        assert client.get("/login/sso/oidc").status_code == 404

    def test_a_new_person_gets_an_account_with_a_team(self, client, provider):
        response = self.come_back(client, "/login/sso/oidc?next=/account")
        assert response["Location"] == "/account"
        assert provider.asked["code_verifier"]
        user = User.objects.get()
        assert (user.username, user.email) == ("Jane.Doe", "j@e.org")
        assert not user.has_usable_password()
        assert personal_team_of(user).name == "Jane.Doe"
        names = list(Event.objects.values_list("type", flat=True))
        assert sorted(names) == ["user.logged_in", "user.registered"]
        assert client.get("/account/password").status_code == 200

    def test_the_same_person_comes_again(self, client, provider):
        self.come_back(client)
        other = Client()
        self.come_back(other)
        assert is_in(other)
        assert User.objects.count() == 1

    def test_an_equal_address_is_not_the_same_person(self, client, provider):
        """Addresses are not proven here: whoever typed one first would get the account."""
        UserFactory(username="jane.doe", email="j@e.org")
        self.come_back(client)
        assert User.objects.count() == 2
        assert SocialAccount.objects.get().user.username.startswith("Jane.Doe-")

    def test_a_second_factor_is_still_asked(self, client, provider):
        self.come_back(client)
        give_app(User.objects.get())
        other = Client()
        assert self.come_back(other)["Location"] == "/login/second-step"
        assert not is_in(other)

    def test_the_disabled_stay_out(self, client, provider):
        self.come_back(client)
        User.objects.update(is_active=False)
        other = Client()
        assert self.come_back(other)["Location"] == "/login/disabled"

    def test_a_foreign_state_is_refused(self, client, provider):
        given = {"state": "x", "code": "c"}
        page = client.get("/login/sso/oidc/callback", given)
        assert page.status_code in {200, 401}
        assert not User.objects.exists()

    def test_is_connected_to_an_account_that_exists(self, client, provider, maria):
        sign_in(client)
        response = self.come_back(client, "/login/sso/oidc?process=connect")
        assert response["Location"] == "/account/connections"
        assert SocialAccount.objects.get().user == maria
        other = Client()
        self.come_back(other)
        assert other.get(ME).json()["username"] == "maria"
