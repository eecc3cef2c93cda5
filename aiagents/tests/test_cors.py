"""Which origins may call the REST addresses from a browser."""

import pytest

from aiagents.common import config

GOOD = "https://app.example.org"
ALLOW = "Access-Control-Allow-Origin"
ADDRESS = "/api/v1/auth/me"


@pytest.fixture(autouse=True)
def _listed(settings):
    settings.CORS_ALLOWED_ORIGINS = (GOOD,)


def preflight(client, origin, path=ADDRESS):
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    return client.options(path, headers=headers)


def test_a_listed_origin_is_answered(client, db):
    asked = preflight(client, GOOD)
    assert asked.status_code == 204
    assert asked[ALLOW] == GOOD
    assert "X-API-Key" in asked["Access-Control-Allow-Headers"]
    answer = client.get(ADDRESS, headers={"Origin": GOOD})
    assert answer.status_code == 401
    assert answer[ALLOW] == GOOD
    assert "X-Request-ID" in answer["Access-Control-Expose-Headers"]
    for one in (asked, answer):
        assert "Access-Control-Allow-Credentials" not in one
        assert "Origin" in one["Vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.com",
        "null",
        "",
        "*",
        "http://app.example.org",
        "https://app.example.org.evil.com",
        "https://app.example.org:8443",
        "HTTPS://APP.EXAMPLE.ORG",
    ],
)
def test_others_get_no_header(client, db, origin):
    for answer in (
        preflight(client, origin),
        client.get(ADDRESS, headers={"Origin": origin}),
    ):
        assert ALLOW not in answer
        assert "Origin" in answer["Vary"]


def test_pages_are_not_for_scripts_of_others(client, db):
    assert ALLOW not in client.get("/login", headers={"Origin": GOOD})
    assert ALLOW not in preflight(client, GOOD, "/admin/")


def test_an_empty_list_allows_nobody(client, db, settings):
    settings.CORS_ALLOWED_ORIGINS = ()
    assert ALLOW not in client.get(ADDRESS, headers={"Origin": GOOD})


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "app.example.org",
        "https://a.org/",
        "https://a.org/x",
        "ftp://a",
        "https://",
    ],
)
def test_a_list_that_holds_no_origins_stops_the_start(monkeypatch, text):
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", f"https://b.org,{text}")
    with pytest.raises(config.ConfigError, match="CORS_ALLOWED_ORIGINS"):
        config.origins("CORS_ALLOWED_ORIGINS")


def test_a_list_of_origins(monkeypatch):
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", f"{GOOD}, http://localhost:5173")
    found = config.origins("CORS_ALLOWED_ORIGINS")
    assert found == (GOOD, "http://localhost:5173")
