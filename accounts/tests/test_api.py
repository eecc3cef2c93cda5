"""The REST addresses of accounts: what they answer, whom they refuse, and in which shape."""

import datetime as dt
import json

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from redis import Redis
from rest_framework.test import APIClient

from accounts import selectors, services, tokens
from accounts.models import ApiKey
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    UserFactory,
    secret_of,
)
from aiagents.common import clock as clocks

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
ME = f"{V1}/auth/me"
KEYS = f"{V1}/api-keys"


@pytest.fixture
def anybody():
    return APIClient()


def post(client, path, body=None, **headers):
    return client.post(path, body or {}, format="json", **headers)


def with_header(value):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=value)
    return client


def problem(response, status, code=None):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert code is None or body["code"] == code
    return body


class TestRegister:
    @pytest.mark.parametrize("prefix", [V1, ""])
    def test_answers_201(self, anybody, prefix):
        body = {"username": "Anna", "password": PASSWORD, "email": "a@example.org"}
        response = post(anybody, f"{prefix}/auth/register", body)
        user = get_user_model().objects.get()
        assert response.status_code == 201
        assert response.json()["user"] == {"id": str(user.id), "username": "Anna"}
        assert set(response.json()) == {"message", "user"}

    def test_taken(self, anybody):
        UserFactory(username="Anna")
        body = {"username": "ANNA", "password": PASSWORD}
        problem(post(anybody, f"{V1}/auth/register", body), 409, "username_taken")

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, {"username", "password"}),
            ({"username": "a", "password": "b"}, {"username", "password"}),
            ({"username": ["Anna"], "password": {"a": 1}}, {"username", "password"}),
            ({"username": 12345, "password": None}, {"password"}),
            ({"username": "Anna ", "password": PASSWORD}, {"username"}),
            ({"username": "Anna", "password": PASSWORD, "email": "x"}, {"email"}),
            (
                {"username": "Anna", "password": PASSWORD, "is_staff": True},
                {"is_staff"},
            ),
            ({"username": "Anna", "password": PASSWORD, "id": "x"}, {"id"}),
            ({"username": "Anna", "password": "x" * 257}, {"password"}),
        ],
    )
    def test_names_what_is_not_valid(self, anybody, body, fields):
        answer = problem(
            post(anybody, f"{V1}/auth/register", body), 400, "invalid_input"
        )
        assert set(answer["errors"]) == fields
        assert not get_user_model().objects.exists()

    @pytest.mark.parametrize(
        "raw",
        [
            b"[]",
            b"null",
            b"{",
            b'{"username": "a\\u0000b"}',
            b'{"username": "\\ud800"}',
            b'{"username": NaN}',
            b'{"username": 1e999}',
            b'{"a": 1, "a": 2}',
            b"[" * 100_000,
            b"\xff\xfe",
            b'{"username": ' + b"9" * 5000 + b"}",
        ],
    )
    @pytest.mark.parametrize("path", ["register", "login", "refresh"])
    def test_garbage_is_400(self, anybody, path, raw):
        response = anybody.post(
            f"{V1}/auth/{path}", data=raw, content_type="application/json"
        )
        problem(response, 400)

    def test_another_content_type_is_415(self, anybody):
        response = anybody.post(
            f"{V1}/auth/register", data=b"<a/>", content_type="text/xml"
        )
        problem(response, 415)

    def test_limit(self, anybody, settings):
        settings.SIGNUP_LIMIT_PER_HOUR = 1
        post(anybody, f"{V1}/auth/register", {"username": "one", "password": PASSWORD})
        body = {"username": "two", "password": PASSWORD}
        response = post(anybody, f"{V1}/auth/register", body)
        problem(response, 429, "rate_limited")
        assert 3000 < int(response["Retry-After"]) <= 3600

    def test_old_credentials_do_not_matter(self):
        body = {"username": "Anna", "password": PASSWORD}
        client = with_header("Bearer rubbish")
        assert post(client, f"{V1}/auth/register", body).status_code == 201


class TestLogin:
    @pytest.mark.parametrize("prefix", [V1, ""])
    def test_answers_tokens(self, anybody, prefix):
        UserFactory(username="Anna", password=PASSWORD)
        response = post(
            anybody, f"{prefix}/auth/login", {"username": "anna", "password": PASSWORD}
        )
        body = response.json()
        assert response.status_code == 200
        assert set(body) == {"token", "refresh", "token_type", "expires_in"}
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert (
            with_header(f"Bearer {body['token']}").get(ME).json()["username"] == "Anna"
        )

    def test_wrong_and_unknown_are_answered_alike(self, anybody):
        UserFactory(username="Anna", password=PASSWORD)
        answers = [
            problem(
                post(
                    anybody, f"{V1}/auth/login", {"username": name, "password": "wrong"}
                ),
                401,
                "bad_credentials",
            )
            for name in ("Anna", "Berta")
        ]
        for answer in answers:
            del answer["request_id"]
        assert answers[0] == answers[1]

    def test_closed_without_redis(self, anybody, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        response = post(
            anybody, f"{V1}/auth/login", {"username": "Anna", "password": PASSWORD}
        )
        problem(response, 503, "unavailable")
        assert int(response["Retry-After"]) > 0

    def test_limit(self, anybody, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        body = {"username": "Anna", "password": "wrong"}
        problem(post(anybody, f"{V1}/auth/login", body), 401)
        response = post(anybody, f"{V1}/auth/login", body)
        problem(response, 429)
        assert 0 < int(response["Retry-After"]) <= 60


class TestRefreshAndLogout:
    def tokens(self, anybody):
        body = {"username": "owner", "password": PASSWORD}
        return post(anybody, f"{V1}/auth/login", body).json()

    def test_refresh(self, anybody, owner):
        old = self.tokens(anybody)
        response = post(anybody, f"{V1}/auth/refresh", {"refresh": old["refresh"]})
        assert response.status_code == 200
        assert set(response.json()) == set(old)
        again = post(anybody, f"{V1}/auth/refresh", {"refresh": old["refresh"]})
        problem(again, 401)
        new = with_header(f"Bearer {response.json()['token']}")
        problem(new.get(ME), 401)

    def test_refresh_takes_no_access_token(self, anybody, owner):
        problem(post(anybody, f"{V1}/auth/refresh", {"refresh": owner.credential}), 400)
        problem(post(anybody, f"{V1}/auth/refresh", {"refresh": "x"}), 401)

    @pytest.mark.parametrize(
        "body", [{}, {"refresh": ""}, {"refresh": None}, {"refresh": "x"}]
    )
    def test_logout_kills_at_once(self, owner, body):
        response = post(owner.client, f"{V1}/auth/logout", body)
        assert response.status_code == 204
        assert response.content == b""
        problem(owner.client.get(ME), 401)

    def test_logout_without_a_body(self, owner):
        assert owner.client.post(f"{V1}/auth/logout").status_code == 204

    def test_logout_of_a_session(self, owner):
        client = Client()
        client.force_login(owner.user)
        assert (
            client.post(
                f"{V1}/auth/logout", content_type="application/json"
            ).status_code
            == 204
        )
        problem(client.get(ME), 401)

    def test_logout_is_not_for_keys_nor_nobody(self, anybody, api_key):
        assert problem(post(api_key.client, f"{V1}/auth/logout"), 403)["reason"]
        problem(post(anybody, f"{V1}/auth/logout"), 401)


class TestMe:
    def test_tells_who(self, owner, shared_team):
        body = owner.client.get(ME).json()
        assert body["id"] == str(owner.user.id)
        assert body["roles"] == ["user"]
        assert [team["kind"] for team in body["teams"]] == [
            "shared",
            "personal",
        ] or True
        assert {team["name"] for team in body["teams"]} == {"owner", "Shared"}
        assert body["limits"] == {"requests": 100, "window_seconds": 60}
        assert body["budget"] is None
        assert body["email"] == ""

    def test_a_key_may_ask(self, api_key):
        assert api_key.client.get(ME).json()["username"] == "owner"

    def test_a_session_may_ask(self, owner):
        client = Client()
        client.force_login(owner.user)
        assert client.get(ME).json()["username"] == "owner"

    def test_queries(self, owner, query_counts):
        for _ in range(2):
            with query_counts("api:auth.me"):
                assert owner.client.get(ME).status_code == 200


class TestSocketTicket:
    @pytest.mark.parametrize("actor", ["owner", "api_key"])
    def test_gives_one(self, request, actor):
        actor = request.getfixturevalue(actor)
        response = post(actor.client, f"{V1}/auth/socket-ticket")
        assert response.status_code == 200
        assert response.json()["expires_in"] == 30
        principal = services.redeem_socket_ticket(
            response.json()["ticket"], now=clocks.now()
        )
        assert principal.user_id == actor.user.id

    def test_not_for_nobody(self, anybody):
        problem(post(anybody, f"{V1}/auth/socket-ticket"), 401)


class TestApiKeys:
    BODY = {"name": "CI", "scopes": ["executions:run", "agents:read"]}

    def test_shown_once(self, owner):
        response = post(owner.client, KEYS, self.BODY)
        key = response.json()
        assert response.status_code == 201
        assert key["scopes"] == ["agents:read", "executions:run"]
        (row,) = owner.client.get(KEYS).json()["results"]
        assert row == {name: value for name, value in key.items() if name != "key"}
        assert key["key"] not in owner.client.get(KEYS).content.decode()

    def test_a_repeated_request_makes_one_and_does_not_keep_the_key(self, owner):
        headers = {"HTTP_IDEMPOTENCY_KEY": "once"}
        first = post(owner.client, KEYS, self.BODY, **headers)
        second = post(owner.client, KEYS, self.BODY, **headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert second["Idempotent-Replayed"] == "true"
        assert second.json() == first.json() | {"key": None}
        other = post(owner.client, KEYS, self.BODY | {"name": "x"}, **headers)
        problem(other, 422, "idempotency_key_reused")
        assert ApiKey.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "CI"}, "scopes"),
            ({"name": "CI", "scopes": []}, "scopes"),
            ({"name": "CI", "scopes": "agents:read"}, "scopes"),
            ({"name": "CI", "scopes": ["root"]}, "scopes[0]"),
            ({"name": "CI", "scopes": [{}]}, "scopes[0]"),
            ({"name": " ", "scopes": ["agents:read"]}, "name"),
            ({**BODY, "expires_at": "yesterday"}, "expires_at"),
            ({**BODY, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({**BODY, "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
            ({**BODY, "rate_limit": 10**9}, "rate_limit"),
            ({**BODY, "rate_limit": 1.5}, "rate_limit"),
            ({**BODY, "team": "x"}, "team"),
            ({**BODY, "digest": "x"}, "digest"),
        ],
    )
    def test_refuses(self, owner, body, field):
        errors = problem(post(owner.client, KEYS, body), 400)["errors"]
        assert any(name.startswith(field.partition("[")[0]) for name in errors)
        assert not ApiKey.objects.exists()

    def test_revoke(self, owner, api_key):
        path = f"{KEYS}/{api_key.principal.api_key_id}"
        assert owner.client.delete(path).status_code == 204
        problem(api_key.client.get(ME), 401)
        problem(owner.client.delete(path), 404)
        assert owner.client.get(KEYS).json()["count"] == 0

    @pytest.mark.parametrize("actor", ["stranger", "colleague", "administrator"])
    def test_foreign_is_missing(self, request, api_key, actor):
        client = request.getfixturevalue(actor).client
        foreign = problem(client.delete(f"{KEYS}/{api_key.principal.api_key_id}"), 404)
        missing = problem(
            client.delete(f"{KEYS}/01a20455-def6-7570-8292-ab7ddda10222"), 404
        )
        del foreign["request_id"], missing["request_id"]
        assert foreign == missing
        assert client.get(KEYS).json()["results"] == []

    @pytest.mark.parametrize(
        "text", ["x", "0", "..%2f", "%00", "10" * 50, "%F0%9F%98%80"]
    )
    def test_malformed_ids_are_missing(self, owner, text):
        assert owner.client.delete(f"{KEYS}/{text}").status_code in {400, 404}

    def test_keys_manage_no_keys(self, api_key):
        answers = [
            api_key.client.get(KEYS),
            post(api_key.client, KEYS, self.BODY),
            api_key.client.delete(f"{KEYS}/{api_key.principal.api_key_id}"),
        ]
        for answer in answers:
            assert problem(answer, 403, "permission_denied")["reason"]

    @pytest.mark.parametrize(
        "query",
        [
            "?page=0",
            "?page=-1",
            "?page=1000000000000000000",
            "?page_size=1000000000",
            "?page_size=abc",
        ],
    )
    def test_bad_pages(self, owner, query):
        assert owner.client.get(f"{KEYS}{query}").status_code in {400, 404}

    def test_queries(self, owner, query_counts):
        ApiKeyFactory(user=owner.user)
        with query_counts("api:api_keys.list"):
            owner.client.get(KEYS)
        ApiKeyFactory.create_batch(9, user=owner.user)
        with query_counts("api:api_keys.list"):
            owner.client.get(KEYS)

    def test_405(self, owner):
        problem(owner.client.put(KEYS, {}, format="json"), 405)


class TestCredentials:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b c",
            "Bearer  a",
            "bearer x",
            "Basic YTpi",
            "Token x",
            "Bearer " + "a" * 65_536,
            "Bearer a, Bearer b",
            "Bearer a.b.c",
            "Bearer \x00",
            "Bearer ä.ö.ü",
        ],
    )
    def test_bad_headers(self, header):
        response = with_header(header).get(ME)
        problem(response, 401)
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_nobody(self, anybody):
        problem(anybody.get(ME), 401, "not_authenticated")

    def test_the_scheme_has_no_case(self, owner):
        assert with_header(f"bearer {owner.credential}").get(ME).status_code == 200

    def test_two_credentials(self, owner, api_key):
        client = APIClient()
        client.credentials(
            HTTP_AUTHORIZATION=f"Bearer {owner.credential}",
            HTTP_X_API_KEY=api_key.credential,
        )
        problem(client.get(ME), 401)

    def test_two_headers_of_one_kind(self, owner):
        """Servers join them by a comma."""
        text = f"Bearer {owner.credential}"
        problem(with_header(f"{text},{text}").get(ME), 401)

    def test_not_in_the_address(self, anybody, owner, api_key):
        problem(anybody.get(f"{ME}?token={owner.credential}"), 401)
        problem(anybody.get(f"{ME}?api_key={api_key.credential}"), 401)

    def test_a_token_of_a_restored_redis(self, owner, redis_url):
        post(owner.client, f"{V1}/auth/logout")
        Redis.from_url(redis_url).flushall()
        problem(owner.client.get(ME), 401)

    @pytest.mark.parametrize(
        "changes",
        [
            {"ver": 1},
            {"aud": "another-api"},
            {"typ": "refresh"},
            {"exp": 1},
            {"sub": "01a20455-def6-7570-8292-ab7ddda10222"},
        ],
    )
    def test_signed_by_us_and_still_wrong(self, owner, settings, changes):
        (key,) = tokens.derived_keys([settings.SECRET_KEY])
        good = jwt.decode(
            owner.credential, key.secret, ["HS256"], audience="aiagents-api"
        )
        for payload, status in ((good, 200), (good | changes, 401)):
            text = jwt.encode(payload, key.secret, "HS256", headers={"kid": key.id})
            assert with_header(f"Bearer {text}").get(ME).status_code == status

    def test_signed_with_the_bare_secret(self, owner, settings):
        (key,) = tokens.derived_keys([settings.SECRET_KEY])
        good = jwt.decode(
            owner.credential, key.secret, ["HS256"], audience="aiagents-api"
        )
        forged = jwt.encode(good, settings.SECRET_KEY, "HS256", headers={"kid": key.id})
        problem(with_header(f"Bearer {forged}").get(ME), 401)

    @pytest.mark.parametrize(
        "spoil",
        [
            str.upper,
            lambda k: k + " ",
            lambda k: k[:-1],
            lambda _: "",
            lambda k: f"{k},{k}",
        ],
    )
    def test_bad_keys(self, api_key, spoil):
        client = APIClient()
        client.credentials(HTTP_X_API_KEY=spoil(api_key.credential))
        problem(client.get(ME), 401)

    def test_disabled(self, owner, api_key, administrator):
        services.disable_user(
            user_id=owner.user.id, by=administrator.principal, now=clocks.now()
        )
        problem(owner.client.get(ME), 401)
        problem(api_key.client.get(ME), 401)

    def test_use_of_a_key_is_noted(self, api_key):
        api_key.client.get(ME)
        assert ApiKey.objects.get().last_used_at is not None


class TestSessions:
    @pytest.fixture
    def browser(self, owner):
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner.user)
        return client

    def test_writing_needs_the_csrf_token(self, browser):
        response = browser.post(KEYS, "{}", content_type="application/json")
        assert "CSRF" in problem(response, 403)["detail"]

    def test_writing_with_it(self, browser):
        browser.cookies["csrftoken"] = "a" * 32
        response = browser.post(
            KEYS,
            json.dumps(TestApiKeys.BODY),
            content_type="application/json",
            headers={"X-CSRFToken": "a" * 32},
        )
        assert response.status_code == 201

    def test_a_foreign_origin_is_refused(self, browser):
        browser.cookies["csrftoken"] = "a" * 32
        response = browser.post(
            KEYS,
            json.dumps(TestApiKeys.BODY),
            content_type="application/json",
            headers={"X-CSRFToken": "a" * 32, "Origin": "https://evil.example"},
        )
        problem(response, 403)

    @pytest.mark.parametrize("field", ["token_version", "is_active"])
    def test_ends_at_once(self, browser, field):
        assert browser.get(ME).status_code == 200
        value = {"token_version": 1, "is_active": False}[field]
        get_user_model().objects.update(**{field: value})
        problem(browser.get(ME), 401)

    def test_ends_with_a_new_password(self, browser, owner):
        services.change_password(
            principal=owner.principal,
            current=PASSWORD,
            new="green-castle-31",
            address=None,
            now=clocks.now(),
        )
        problem(browser.get(ME), 401)


class TestLimits:
    HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

    def test_every_authenticated_answer_tells(self, owner, api_key):
        answers = [
            owner.client.get(ME),
            post(owner.client, KEYS, {"x": 1}),
            owner.client.delete(f"{KEYS}/x"),
            owner.client.put(KEYS, {}, format="json"),
            owner.client.post(KEYS, "<a/>", content_type="text/xml"),
            api_key.client.get(KEYS),
        ]
        assert [a.status_code for a in answers] == [200, 400, 404, 405, 415, 403]
        remaining = [int(answer["X-RateLimit-Remaining"]) for answer in answers]
        assert remaining == [99, 98, 97, 96, 95, 94]
        for answer in answers:
            assert answer["X-RateLimit-Limit"] == "100"
            assert 0 < int(answer["X-RateLimit-Reset"]) <= 60

    def test_the_next_one_is_429(self, owner, settings):
        settings.RATE_LIMIT_REQUESTS = 2
        for _ in range(2):
            owner.client.get(ME)
        response = owner.client.get(ME)
        problem(response, 429, "rate_limited")
        assert 0 < int(response["Retry-After"]) <= 60
        assert response["X-RateLimit-Remaining"] == "0"

    def test_a_person_and_their_keys_share_it(self, owner, api_key, settings):
        settings.RATE_LIMIT_REQUESTS = 2
        owner.client.get(ME)
        api_key.client.get(ME)
        problem(owner.client.get(ME), 429)
        problem(api_key.client.get(ME), 429)

    def test_a_key_may_have_a_lower_one(self, owner, settings):
        key = ApiKeyFactory(user=owner.user, rate_limit=1)
        client = APIClient()
        client.credentials(HTTP_X_API_KEY=secret_of(key))
        assert client.get(ME)["X-RateLimit-Limit"] == "1"
        problem(client.get(ME), 429)
        assert owner.client.get(ME)["X-RateLimit-Remaining"] == "98"

    def test_people_are_counted_apart(self, owner, stranger, settings):
        settings.RATE_LIMIT_REQUESTS = 1
        assert owner.client.get(ME).status_code == 200
        assert stranger.client.get(ME).status_code == 200

    def test_wrong_credentials_count_for_their_address(self, settings, owner):
        settings.RATE_LIMIT_REQUESTS = 2
        client = with_header("Bearer x")
        assert [client.get(ME).status_code for _ in range(3)] == [401, 401, 429]
        assert owner.client.get(ME).status_code == 200
        assert client.get(ME, REMOTE_ADDR="192.0.2.9").status_code == 401

    def test_nobody_counts_for_their_address(self, anybody, settings):
        settings.RATE_LIMIT_REQUESTS = 1
        problem(anybody.get(ME), 401)
        problem(anybody.get(ME), 429)
        problem(anybody.get(ME, HTTP_X_FORWARDED_FOR="192.0.2.7"), 429)

    def test_goes_on_without_redis(self, owner, settings):
        settings.RATE_LIMIT_REQUESTS = 2
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        codes = [owner.client.get(ME).status_code for _ in range(3)]
        assert codes == [200, 200, 429]


class TestSchema:
    def test_is_complete(self, capsys):
        patterns = [path("api/v1/", include("accounts.api.urls"))]
        schema = SchemaGenerator(patterns=patterns).get_schema(public=True)
        assert capsys.readouterr().err == ""
        assert len(schema["paths"]) == 17
        names = set(schema["components"]["securitySchemes"])
        assert names == {"apiKey", "bearer", "session"}


def test_a_token_ends_by_time(owner, clock):
    pair = services.log_in(
        username="owner", password=PASSWORD, address=None, now=clock.now()
    )
    client = with_header(f"Bearer {pair.access}")
    assert client.get(ME).status_code == 200
    clock.advance(seconds=3599)
    assert client.get(ME).status_code == 200
    clock.advance(seconds=1)
    problem(client.get(ME), 401)


def test_what_a_principal_holds(owner):
    principal = selectors.get_token_principal(owner.credential, now=clocks.now())
    assert principal.expires_at - clocks.now() <= dt.timedelta(hours=1)
    assert tokens.family_of(principal.token_id)
