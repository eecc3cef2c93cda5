"""Where a person is signed in: known, ended one by one, ended all at once."""

import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import selectors, services
from accounts.models import BrowserSession, RefreshToken
from accounts.tests.cast import signed_in
from accounts.tests.factories import PASSWORD, UserFactory
from aiagents.common import clock as clocks
from aiagents.common.errors import NotAllowed, NotFound
from aiagents.common.ids import new_id

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me"


@pytest.fixture
def anna():
    return UserFactory(username="Anna", password=PASSWORD)


def browser(user, agent="Firefox"):
    client = Client(HTTP_USER_AGENT=agent)
    client.post("/login", {"username": user.username, "password": PASSWORD})
    return client


def is_in(client):
    return client.get(ME).status_code == 200


def person(client):
    """Who the session's principal is, as the middleware finds it."""
    return client.get(ME).wsgi_request.principal


def now():
    return clocks.now()


class TestKnown:
    def test_each_browser_with_what_it_says(self, anna):
        browser(anna, "Firefox")
        browser(anna, "Chrome" * 100)
        rows = BrowserSession.objects.order_by("created_at")
        assert [row.agent[:7] for row in rows] == ["Firefox", "ChromeC"]
        assert {row.address for row in rows} == {"127.0.0.1"}
        assert all(Session.objects.filter(pk=row.session_key) for row in rows)

    def test_its_use_is_noted_every_ten_minutes(self, anna, clock):
        client = browser(anna)
        began = BrowserSession.objects.get().seen_at
        for minutes, moves in ((9, False), (2, True)):
            clock.advance(minutes=minutes)
            assert is_in(client)
            assert (BrowserSession.objects.get().seen_at > began) is moves

    def test_signing_out_forgets_it(self, anna):
        client = browser(anna)
        client.post("/logout")
        assert not BrowserSession.objects.exists()

    def test_old_ones_are_purged(self, anna, settings):
        browser(anna)
        services.purge_expired(now=now())
        assert BrowserSession.objects.count() == 1
        later = now() + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE + 60)
        services.purge_expired(now=later)
        assert not BrowserSession.objects.exists()
        assert not Session.objects.exists()


class TestEnd:
    def test_one_and_not_the_other(self, anna):
        here, there = browser(anna), browser(anna)
        by = person(here)
        services.end_session(session_id=person(there).session_id, by=by, now=now())
        assert (is_in(here), is_in(there)) == (True, False)

    def test_a_row_alone_opens_nothing(self, anna):
        """A session that a request in flight wrote back is worth nothing."""
        client = browser(anna)
        BrowserSession.objects.all().delete()
        assert not is_in(client)

    def test_a_programs(self, anna):
        program = signed_in(anna)
        chain = RefreshToken.objects.get()
        by = person(browser(anna))
        services.end_session(session_id=chain.family, by=by, now=now())
        assert program.client.get(ME).status_code == 401

    def test_a_foreign_one_is_a_missing_one(self, anna, stranger):
        client = browser(anna)
        for key in (person(client).session_id, new_id(), "x"):
            with pytest.raises(NotFound):
                services.end_session(session_id=key, by=stranger.principal, now=now())
        assert is_in(client)

    def test_not_by_a_key(self, api_key):
        with pytest.raises(NotAllowed):
            services.end_other_sessions(by=api_key.principal, now=now())

    def test_all_others(self, anna):
        program, here, there = signed_in(anna), browser(anna), browser(anna)
        services.end_other_sessions(by=person(here), now=now())
        assert (is_in(here), is_in(there)) == (True, False)
        assert program.client.get(ME).status_code == 401

    def test_with_a_new_password(self, anna):
        client = browser(anna)
        services.change_password(
            principal=person(client),
            current=PASSWORD,
            new="green-castle-31",
            address=None,
            now=now(),
        )
        assert not is_in(client)
        assert not BrowserSession.objects.exists()

    def test_find_current_notices(self, anna):
        by = person(browser(anna))
        assert selectors.find_current(by, now=now()) == by
        services.end_session(session_id=by.session_id, by=by, now=now())
        assert selectors.find_current(by, now=now()) is None


class TestLists:
    def test_own_only(self, anna, stranger):
        browser(anna)
        signed_in(anna)
        assert not selectors.list_browser_sessions(stranger.principal)
        by = person(browser(anna))
        assert len(selectors.list_browser_sessions(by)) == 2
        assert len(selectors.list_token_chains(by, now=now())) == 1

    def test_a_chain_is_one_entry_however_often_it_is_renewed(self, anna):
        pair = services.log_in(
            username="Anna", password=PASSWORD, address=None, now=now()
        )
        services.refresh_tokens(refresh=pair.refresh, now=now())
        by = person(browser(anna))
        assert len(selectors.list_token_chains(by, now=now())) == 1
