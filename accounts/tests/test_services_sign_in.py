"""Signing in, staying signed in, signing out: every way a credential ends."""

import datetime as dt
import threading
import time

import pytest
from django.db import connection, transaction
from redis import Redis

from accounts import limits, selectors, services, tokens
from accounts.choices import Role
from accounts.models import RefreshToken, RevokedToken, User
from accounts.services import guard, people
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    TeamFactory,
    UserFactory,
    principal_for,
    secret_of,
)
from aiagents.common import clock as clocks
from aiagents.common.errors import (
    InvalidInput,
    NotAllowed,
    RateLimited,
    StaleTransition,
    Unauthenticated,
    Unavailable,
)
from aiagents.testing.waiting import wait_until
from analytics.models import Event

pytestmark = pytest.mark.django_db
HERE = "192.0.2.1"


@pytest.fixture
def anna():
    return UserFactory(username="Anna", password=PASSWORD)


def now():
    return clocks.now()


def log_in(name="Anna", password=PASSWORD, address=HERE):
    return services.log_in(username=name, password=password, address=address, now=now())


def who(pair):
    return selectors.get_token_principal(pair.access, now=now())


def assert_dead(pair):
    with pytest.raises(Unauthenticated):
        who(pair)


class TestLogIn:
    def test_gives_a_pair_that_tells_who(self, anna):
        principal = who(log_in())
        assert (principal.user_id, principal.username) == (anna.id, "Anna")
        assert principal.scopes is None

    @pytest.mark.parametrize("name", ["anna", "ANNA", "Anna"])
    def test_any_case_of_the_name(self, anna, name):
        assert who(log_in(name)).user_id == anna.id

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("Anna", "wrong"),
            ("Anna", PASSWORD.upper()),
            ("Anna", f"{PASSWORD} "),
            ("Anna", ""),
            ("Anna", "\x00"),
            ("Anna", "\ud800"),
            ("nobody", PASSWORD),
            ("Ann\u212a", PASSWORD),
            ("", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
        ],
    )
    def test_refuses_alike(self, anna, name, password):
        with pytest.raises(Unauthenticated) as refused:
            log_in(name, password)
        assert refused.value.code == "bad_credentials"

    def test_refuses_the_disabled(self, anna):
        User.objects.update(is_active=False)
        with pytest.raises(Unauthenticated):
            log_in()

    def test_refuses_who_has_no_password(self):
        UserFactory(username="Anna")
        with pytest.raises(Unauthenticated):
            log_in(password="")

    def test_records_it(self, anna):
        log_in()
        event = Event.objects.get(type="user.logged_in")
        assert (event.aggregate_id, event.user_id) == (anna.id, anna.id)
        assert event.data == {}
        anna.refresh_from_db()
        assert anna.last_login is not None

    def test_stores_no_token(self, anna):
        pair = log_in()
        row = RefreshToken.objects.get()
        assert pair.refresh not in {row.digest, str(row)}
        assert len(row.digest) == 64

    def test_gives_a_team_to_who_has_none(self):
        """As Django's `createsuperuser` leaves them."""
        UserFactory(username="Anna", password=PASSWORD, personal_team=False)
        assert who(log_in()).team_ids

    def test_72_equal_bytes_are_not_enough(self, settings):
        """Plain bcrypt cuts there."""
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"
        ]
        UserFactory(username="Anna", password="x" * 72 + "y")
        with pytest.raises(Unauthenticated):
            log_in(password="x" * 72 + "z")
        assert log_in(password="x" * 72 + "y")

    @pytest.mark.slow
    def test_takes_as_long_for_nobody(self, settings):
        """Else the time of an answer tells which names exist."""
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"
        ]
        UserFactory(username="Anna", password=PASSWORD)

        def cpu_s(name):
            started = time.thread_time()
            with pytest.raises(Unauthenticated):
                log_in(name, "wrong", address=None)
            return time.thread_time() - started

        times = {name: min(cpu_s(name) for _ in range(3)) for name in ("Anna", "Otto")}
        assert 0.9 < times["Anna"] / times["Otto"] < 1.1


class TestGuard:
    def test_failures_of_one_address_are_limited(self, anna, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 3
        for _ in range(3):
            with pytest.raises(Unauthenticated):
                log_in(password="wrong")
        with pytest.raises(RateLimited) as refused:
            log_in()
        assert 0 < refused.value.retry_after_s <= 60

    def test_also_over_many_names(self, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 3
        for name in ("a11", "b22", "c33"):
            with pytest.raises(Unauthenticated):
                log_in(name)
        with pytest.raises(RateLimited):
            log_in("d44")

    def test_successes_do_not_count(self, anna, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 2
        for _ in range(6):
            log_in()

    def test_strangers_are_slowed_and_the_owner_gets_in(self, anna, settings):
        """1,000 wrong passwords from 50 addresses."""
        settings.LOGIN_LIMIT_PER_MINUTE = 10
        tried = 0
        for round_ in range(20):
            for host in range(50):
                try:
                    log_in(password=f"guess{round_}", address=f"198.51.100.{host}")
                except Unauthenticated:
                    tried += 1
                except RateLimited:
                    pass
        assert tried <= 10 * guard.CEILING_FACTOR + 50 * 2
        assert who(log_in(address=HERE)).user_id == anna.id

    def test_the_case_of_the_name_makes_no_new_account(self, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        ceiling = guard.CEILING_FACTOR
        names = ["anna", "ANNA", "Anna", "aNNa", "annA", "AnnA"]
        for index in range(ceiling):
            with pytest.raises(Unauthenticated):
                log_in(names[index], "x", address=f"198.51.100.{index}")
        rule = guard._minutely(f"sign-in:account:{tokens.digest('anna')[:32]}", ceiling)
        assert not limits.check_strictly([rule]).allowed

    def test_closed_without_redis(self, anna, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        with pytest.raises(Unavailable):
            log_in()
        with pytest.raises(Unavailable):
            services.register_user(
                username="berta", password=PASSWORD, address=HERE, now=now()
            )
        assert not User.objects.filter(username="berta").exists()

    def test_commands_are_not_limited(self, anna, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert log_in(address=None)


class TestRefresh:
    def test_gives_a_new_pair(self, anna):
        first = log_in()
        second = services.refresh_tokens(refresh=first.refresh, now=now())
        assert second.refresh != first.refresh
        assert who(second).user_id == anna.id
        assert who(first).user_id == anna.id

    def test_reuse_ends_the_whole_chain(self, anna):
        first = log_in()
        second = services.refresh_tokens(refresh=first.refresh, now=now())
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=first.refresh, now=now())
        assert_dead(first)
        assert_dead(second)
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=second.refresh, now=now())

    def test_other_chains_live_on(self, anna):
        first, other = log_in(), log_in()
        services.refresh_tokens(refresh=first.refresh, now=now())
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=first.refresh, now=now())
        assert who(other)

    def test_refuses_an_expired_one(self, anna, settings):
        pair = log_in()
        later = now() + dt.timedelta(seconds=settings.REFRESH_TOKEN_S)
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.refresh, now=later)

    def test_refuses_the_disabled(self, anna):
        pair = log_in()
        User.objects.update(is_active=False)
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.refresh, now=now())

    def test_refuses_an_access_token_and_the_reverse(self, anna):
        pair = log_in()
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.access, now=now())
        with pytest.raises(Unauthenticated):
            selectors.get_token_principal(pair.refresh, now=now())

    @pytest.mark.django_db(transaction=True)
    def test_of_parallel_exchanges_one_wins(self, anna):
        """And the chain is ended: one of the two was not the owner."""
        pair = log_in()
        results: list[services.TokenPair | None] = []
        barrier = threading.Barrier(4)

        def exchange():
            barrier.wait()
            try:
                results.append(services.refresh_tokens(refresh=pair.refresh, now=now()))
            except Unauthenticated:
                results.append(None)
            finally:
                connection.close()

        threads = [threading.Thread(target=exchange) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [result for result in results if result]
        assert len(results) == 4
        assert len(won) == 1
        assert_dead(won[0])

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="needs PostgreSQL's row locks"
    )
    def test_does_not_miss_a_new_password_of_the_same_moment(self, anna):
        pair = log_in()
        results: list[services.TokenPair | None] = []

        def exchange():
            try:
                results.append(services.refresh_tokens(refresh=pair.refresh, now=now()))
            except Unauthenticated:
                results.append(None)
            finally:
                connection.close()

        thread = threading.Thread(target=exchange)
        with transaction.atomic():
            people.end_credentials(user_id=anna.id, now=now())
            thread.start()
            wait_until(someone_waits_for_a_lock)
        thread.join()
        assert results == [None]


def someone_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        return cursor.fetchone()[0]


class TestLogOut:
    def test_the_access_token_is_dead_at_once(self, anna):
        pair = log_in()
        services.log_out(principal=who(pair), now=now())
        assert_dead(pair)

    def test_ends_the_chain_without_being_told(self, anna):
        pair = log_in()
        services.log_out(principal=who(pair), now=now())
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.refresh, now=now())

    def test_ends_access_tokens_made_before_in_the_chain(self, anna):
        first = log_in()
        second = services.refresh_tokens(refresh=first.refresh, now=now())
        services.log_out(principal=who(second), now=now())
        assert_dead(first)

    def test_also_after_redis_was_emptied(self, anna, redis_url):
        pair = log_in()
        services.log_out(principal=who(pair), now=now())
        Redis.from_url(redis_url).flushall()
        assert_dead(pair)

    def test_leaves_other_sign_ins_alone(self, anna):
        pair, other = log_in(), log_in()
        services.log_out(principal=who(pair), now=now())
        assert who(other)

    def test_ends_another_own_chain_when_told(self, anna):
        pair, other = log_in(), log_in()
        services.log_out(principal=who(pair), refresh=other.refresh, now=now())
        assert_dead(other)

    def test_a_foreign_refresh_token_is_ignored(self, anna):
        UserFactory(username="Berta", password=PASSWORD)
        mine, theirs = log_in(), log_in("Berta")
        services.log_out(principal=who(mine), refresh=theirs.refresh, now=now())
        assert who(theirs)
        assert services.refresh_tokens(refresh=theirs.refresh, now=now())

    def test_twice_is_no_mistake(self, anna):
        principal = who(log_in())
        services.log_out(principal=principal, now=now())
        services.log_out(principal=principal, now=now())
        assert RevokedToken.objects.count() == 1

    def test_not_for_keys(self):
        holder = selectors.get_key_holder(secret_of(ApiKeyFactory()), now=now())
        with pytest.raises(NotAllowed):
            services.log_out(principal=holder.principal, now=now())


class TestWhatEndsTokens:
    def test_time(self, anna, settings):
        pair = log_in()
        just_before = now() + dt.timedelta(seconds=settings.ACCESS_TOKEN_S - 5)
        assert selectors.get_token_principal(pair.access, now=just_before)
        after = now() + dt.timedelta(seconds=settings.ACCESS_TOKEN_S + 1)
        with pytest.raises(Unauthenticated):
            selectors.get_token_principal(pair.access, now=after)

    def test_a_new_password(self, anna):
        pair = log_in()
        services.change_password(
            principal=who(pair),
            current=PASSWORD,
            new="green-castle-31",
            address=HERE,
            now=now(),
        )
        assert_dead(pair)
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.refresh, now=now())
        with pytest.raises(Unauthenticated):
            log_in()
        assert who(log_in(password="green-castle-31"))

    def test_disabling(self, anna, administrator):
        pair = log_in()
        services.disable_user(user_id=anna.id, by=administrator.principal, now=now())
        assert_dead(pair)

    def test_enabling_revives_nothing(self, anna, administrator):
        pair = log_in()
        services.disable_user(user_id=anna.id, by=administrator.principal, now=now())
        services.enable_user(user_id=anna.id, by=administrator.principal, now=now())
        assert_dead(pair)
        assert who(log_in())

    def test_another_role(self, anna, administrator):
        team = TeamFactory()
        MembershipFactory(team=team, user=anna, role=Role.CURATOR)
        pair = log_in()
        services.set_membership(
            team_id=team.id,
            user_id=anna.id,
            role=Role.USER,
            by=administrator.principal,
            now=now(),
        )
        assert_dead(pair)

    def test_deletion(self, anna):
        pair = log_in()
        anna.delete()
        assert_dead(pair)

    def test_another_signing_key(self, anna, settings):
        pair = log_in()
        settings.SECRET_KEY = "another-secret-" + "y" * 50
        assert_dead(pair)

    def test_a_replaced_key_verifies_until_it_is_taken_out(self, anna, settings):
        old, new = ("2026-05", "o" * 32), ("2026-11", "n" * 32)
        settings.JWT_SIGNING_KEYS = (old,)
        pair = log_in()
        settings.JWT_SIGNING_KEYS = (new, old)
        assert who(pair).user_id == anna.id
        newer = log_in()
        settings.JWT_SIGNING_KEYS = (new,)
        assert_dead(pair)
        assert who(newer).user_id == anna.id

    def test_a_replaced_secret_verifies_while_it_is_a_fallback(self, anna, settings):
        pair = log_in()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-secret-" + "y" * 50
        assert who(pair).user_id == anna.id


class TestChangePassword:
    @pytest.mark.parametrize("new", ["short", "password123", "x" * 257, "a\x00bcdefgh"])
    def test_refuses_bad_ones(self, anna, new):
        with pytest.raises(InvalidInput) as refused:
            services.change_password(
                principal=principal_for(anna),
                current=PASSWORD,
                new=new,
                address=HERE,
                now=now(),
            )
        assert "new_password" in refused.value.errors

    def test_of_two_at_once_the_second_fails(self, anna, monkeypatch):
        """Between its look and its write the password became another."""
        changed = User.objects.filter(id=anna.id)

        def meanwhile(password):
            changed.update(password="another")
            return []

        monkeypatch.setattr(people, "password_problems", meanwhile)
        with pytest.raises(StaleTransition):
            services.change_password(
                principal=principal_for(anna),
                current=PASSWORD,
                new="green-castle-31",
                address=HERE,
                now=now(),
            )
        anna.refresh_from_db()
        assert (anna.password, anna.token_version) == ("another", 0)

    def test_wants_the_current_one(self, anna):
        with pytest.raises(InvalidInput) as refused:
            services.change_password(
                principal=principal_for(anna),
                current="wrong",
                new="green-castle-31",
                address=HERE,
                now=now(),
            )
        assert "current_password" in refused.value.errors

    def test_guesses_are_limited(self, anna, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        asked = {
            "principal": principal_for(anna),
            "current": "wrong",
            "new": "green-castle-31",
            "address": HERE,
            "now": now(),
        }
        with pytest.raises(InvalidInput):
            services.change_password(**asked)
        with pytest.raises(RateLimited):
            services.change_password(**asked)
