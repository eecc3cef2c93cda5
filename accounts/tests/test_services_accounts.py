"""Making accounts, teams, keys and tickets, and ending them."""

import datetime as dt
import threading

import pytest
from django.db import connection
from redis import Redis

from accounts import selectors, services, tasks
from accounts.choices import Role, TeamKind
from accounts.errors import TooManyKeys, UsernameTaken
from accounts.models import ApiKey, Membership, RefreshToken, RevokedToken, Team, User
from accounts.services import keys
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    UserFactory,
    personal_team_of,
    principal_for,
    secret_of,
)
from aiagents.common import clock as clocks
from aiagents.common.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from aiagents.common.ids import new_id
from analytics.models import Event

pytestmark = pytest.mark.django_db
NOBODY_LIMITS = None


def now():
    return clocks.now()


def register(name="Anna", password=PASSWORD, email="", address=NOBODY_LIMITS):
    return services.register_user(
        username=name, password=password, email=email, address=address, now=now()
    )


class TestRegister:
    def test_makes_a_person_with_a_team(self):
        user = register(email="anna@example.org")
        team = personal_team_of(user)
        assert (team.kind, team.name) == (TeamKind.PERSONAL, "Anna")
        assert user.check_password(PASSWORD)
        assert not user.is_staff
        assert not user.is_superuser

    def test_a_new_person_is_no_administrator(self):
        """Everybody runs a team of their own; that is not the platform."""
        assert principal_for(register()).roles == {"user"}

    def test_records_it(self):
        user = register()
        event = Event.objects.get(type="user.registered")
        assert (event.aggregate_id, event.team_id) == (
            user.id,
            personal_team_of(user).id,
        )
        assert event.data == {}

    @pytest.mark.parametrize("name", ["Anna", "anna", "ANNA"])
    def test_names_differ_by_more_than_case(self, name):
        register("Anna")
        with pytest.raises(UsernameTaken) as refused:
            register(name)
        assert refused.value.code == "username_taken"

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "ab",
            "a" * 51,
            "an na",
            "anna\n",
            "ann\u0430",
            "<b>",
            "a/b",
            "a\x00b",
            "ànna",
            " anna",
        ],
    )
    def test_refuses_names(self, name):
        with pytest.raises(InvalidInput) as refused:
            register(name)
        assert "username" in refused.value.errors

    @pytest.mark.parametrize("name", ["abc", "a" * 50, "A.b-c_9", "..."])
    def test_takes_names(self, name):
        assert register(name).username == name

    @pytest.mark.parametrize(
        "password",
        [
            "",
            "1234567",
            "password",
            "PASSWORD",
            "12345678",
            "x" * 257,
            "abc\x00defgh",
            "abcdefg\ud800h",
        ],
    )
    def test_refuses_passwords(self, password):
        with pytest.raises(InvalidInput) as refused:
            register(password=password)
        assert "password" in refused.value.errors

    def test_takes_a_password_of_256(self):
        password = "ä9" * 128
        assert register(password=password).check_password(password)

    @pytest.mark.parametrize(
        "email", ["x", "a@b", "a@b.com\r\nBcc: x", "a" * 250 + "@b.com"]
    )
    def test_refuses_addresses(self, email):
        with pytest.raises(InvalidInput) as refused:
            register(email=email)
        assert "email" in refused.value.errors

    def test_names_everything_that_is_wrong(self):
        with pytest.raises(InvalidInput) as refused:
            register("a", "b", "c")
        assert set(refused.value.errors) == {"username", "password", "email"}

    def test_is_limited_per_address(self, settings):
        settings.SIGNUP_LIMIT_PER_HOUR = 2
        register("one", address="192.0.2.1")
        register("two", address="192.0.2.1")
        with pytest.raises(RateLimited):
            register("three", address="192.0.2.1")
        assert register("four", address="192.0.2.2")

    def test_what_is_not_valid_does_not_count(self, settings):
        settings.SIGNUP_LIMIT_PER_HOUR = 1
        for _ in range(3):
            with pytest.raises(InvalidInput):
                register("x", address="192.0.2.1")
        assert register(address="192.0.2.1")

    def test_a_lost_race_is_a_conflict(self, monkeypatch):
        """The name is taken between the look and the insert."""
        register("Anna")
        look = selectors.find_user_by_name
        answers = [lambda _: None, look]
        monkeypatch.setattr(
            "accounts.services.registration.find_user_by_name",
            lambda name: answers.pop(0)(name),
        )
        with pytest.raises(UsernameTaken):
            register("anna")
        assert Team.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_of_parallel_ones_one_wins(self):
        results, barrier = [], threading.Barrier(6)

        def one(name):
            barrier.wait()
            try:
                results.append(register(name).username)
            except UsernameTaken:
                results.append(None)
            finally:
                connection.close()

        names = ["Anna", "anna", "ANNA", "aNNa", "annA", "AnnA"]
        threads = [threading.Thread(target=one, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 6
        assert len([name for name in results if name]) == 1
        assert User.objects.count() == Team.objects.count() == 1


class TestEnsureSuperuser:
    def ensure(self, name="admin", password="chosen"):
        return services.ensure_superuser(username=name, password=password, now=now())

    def test_makes_one(self):
        user, is_new = self.ensure()
        assert is_new
        assert (user.is_staff, user.is_superuser) == (True, True)
        assert "admin" in principal_for(user).roles

    def test_keeps_the_existing_one(self):
        self.ensure()
        user, is_new = self.ensure("ADMIN", "another")
        assert not is_new
        assert user.check_password("chosen")

    def test_does_not_promote(self):
        register("admin1")
        with pytest.raises(Conflict):
            self.ensure("admin1")
        assert not User.objects.get().is_superuser

    @pytest.mark.parametrize(
        ("name", "password"), [("a", "chosen"), ("admin", ""), ("admin", "x" * 257)]
    )
    def test_refuses(self, name, password):
        with pytest.raises(InvalidInput):
            self.ensure(name, password)


class TestPersonalTeam:
    @pytest.mark.django_db(transaction=True)
    def test_of_parallel_ones_one_is_made(self):
        user = UserFactory(personal_team=False)
        barrier, made = threading.Barrier(4), []

        def one():
            barrier.wait()
            made.append(services.ensure_personal_team(user=user, now=now()).id)
            connection.close()

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 4
        assert len(set(made)) == 1


class TestPrincipals:
    def test_the_personal_team_comes_first(self):
        user = UserFactory()
        membership = MembershipFactory(user=user, role=Role.FINANCE)
        principal = principal_for(user)
        assert principal.team_id == personal_team_of(user).id
        assert set(principal.team_ids) == {principal.team_id, membership.team_id}
        assert principal.roles == {"user", "finance"}

    def test_roles_of_all_shared_teams(self):
        user = UserFactory()
        for role in (Role.HR, Role.SUPPORT):
            MembershipFactory(user=user, role=role)
        assert principal_for(user).roles == {"user", "hr", "support"}

    def test_staff_are_administrators(self):
        assert "admin" in principal_for(UserFactory(is_staff=True)).roles

    def test_nobody_for_unknown_disabled_and_teamless(self):
        people = [
            UserFactory(is_active=False).id,
            UserFactory(personal_team=False).id,
            new_id(),
        ]
        assert [selectors.load_principal(id_, now=now()) for id_ in people] == [
            None
        ] * 3

    def test_queries(self, query_counts, owner, api_key):
        for _ in range(2):
            with query_counts("selector:token_principal"):
                selectors.get_token_principal(owner.credential, now=now())
            with query_counts("selector:key_holder"):
                selectors.get_key_holder(api_key.credential, now=now())
            for _ in range(9):
                MembershipFactory(user=owner.user)

    def test_find_current_notices_each_end(self, owner, api_key):
        assert selectors.find_current(owner.principal, now=now()) == owner.principal
        later = now() + dt.timedelta(hours=2)
        assert selectors.find_current(owner.principal, now=later) is None
        ApiKey.objects.update(revoked_at=now())
        assert selectors.find_current(api_key.principal, now=now()) is None
        services.log_out(principal=owner.principal, now=now())
        assert selectors.find_current(owner.principal, now=now()) is None

    def test_find_current_notices_a_new_password_in_a_session(self):
        user = UserFactory()
        principal = principal_for(user)
        assert selectors.find_current(principal, now=now())
        User.objects.update(token_version=1)
        assert selectors.find_current(principal, now=now()) is None


class TestPeople:
    @pytest.mark.parametrize("service", [services.disable_user, services.enable_user])
    def test_only_administrators(self, owner, stranger, service):
        with pytest.raises(NotAllowed):
            service(user_id=stranger.user.id, by=owner.principal, now=now())

    def test_not_oneself(self, administrator):
        with pytest.raises(Conflict):
            services.disable_user(
                user_id=administrator.user.id, by=administrator.principal, now=now()
            )

    def test_unknown(self, administrator):
        with pytest.raises(NotFound):
            services.disable_user(
                user_id=new_id(), by=administrator.principal, now=now()
            )

    def test_ends_keys_as_well(self, api_key, administrator):
        services.disable_user(
            user_id=api_key.user.id, by=administrator.principal, now=now()
        )
        with pytest.raises(Unauthenticated):
            selectors.get_key_holder(api_key.credential, now=now())

    def test_a_key_of_an_administrator_manages_nobody(self, administrator, owner):
        key = ApiKeyFactory(user=administrator.user)
        holder = selectors.get_key_holder(secret_of(key), now=now())
        with pytest.raises(NotAllowed):
            services.disable_user(user_id=owner.user.id, by=holder.principal, now=now())


class TestTeams:
    def test_create_and_fill(self, administrator, owner):
        by = administrator.principal
        team = services.create_team(name=" Legal ", by=by, now=now())
        for role in (Role.USER, Role.FINANCE):
            services.set_membership(
                team_id=team.id, user_id=owner.user.id, role=role, by=by, now=now()
            )
        assert team.name == "Legal"
        assert "finance" in principal_for(owner.user).roles
        services.remove_member(team_id=team.id, user_id=owner.user.id, by=by, now=now())
        assert team.id not in principal_for(owner.user).team_ids

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00"])
    def test_refuses_names(self, administrator, name):
        with pytest.raises(InvalidInput):
            services.create_team(name=name, by=administrator.principal, now=now())

    def test_only_administrators(self, owner, colleague, shared_team):
        with pytest.raises(NotAllowed):
            services.create_team(name="Mine", by=owner.principal, now=now())
        asked = {"team_id": shared_team.id, "user_id": colleague.user.id, "now": now()}
        with pytest.raises(NotAllowed):
            services.set_membership(**asked, role=Role.ADMIN, by=owner.principal)
        with pytest.raises(NotAllowed):
            services.remove_member(**asked, by=owner.principal)

    def test_a_personal_team_stays_personal(self, administrator, owner, stranger):
        asked = {
            "team_id": personal_team_of(owner.user).id,
            "by": administrator.principal,
        }
        with pytest.raises(Conflict):
            services.set_membership(
                **asked, user_id=stranger.user.id, role=Role.USER, now=now()
            )
        with pytest.raises(Conflict):
            services.remove_member(**asked, user_id=owner.user.id, now=now())

    def test_unknown_things(self, administrator, owner, shared_team):
        by = administrator.principal
        with pytest.raises(NotFound):
            services.set_membership(
                team_id=new_id(),
                user_id=owner.user.id,
                role=Role.USER,
                by=by,
                now=now(),
            )
        with pytest.raises(InvalidInput):
            services.set_membership(
                team_id=shared_team.id,
                user_id=owner.user.id,
                role="king",
                by=by,
                now=now(),
            )
        with pytest.raises(NotFound):
            services.remove_member(
                team_id=shared_team.id, user_id=new_id(), by=by, now=now()
            )


class TestApiKeys:
    def create(self, by, **changes):
        asked = {"name": "CI", "scopes": ["executions:run"], "by": by, "now": now()}
        return services.create_api_key(**(asked | changes))

    def test_opens_and_is_not_kept(self, owner):
        new = self.create(owner.principal)
        holder = selectors.get_key_holder(new.secret, now=now())
        assert holder.principal.api_key_id == new.row.id
        assert holder.principal.scopes == {"executions:run"}
        assert holder.principal.key == owner.principal.key
        stored = [str(value) for value in ApiKey.objects.values().get().values()]
        assert not any(
            new.secret in value or new.secret[17:] in value for value in stored
        )

    def test_sees_its_own_team_only(self, owner):
        holder = selectors.get_key_holder(
            self.create(owner.principal).secret, now=now()
        )
        assert holder.principal.team_ids == (owner.principal.team_id,)
        assert not holder.principal.is_staff

    @pytest.mark.parametrize(
        "spoil",
        [
            str.upper,
            str.lower,
            lambda k: k + " ",
            lambda k: " " + k,
            lambda k: k[:-1],
            lambda k: k + "a",
            lambda k: k[17:],
            lambda k: "",
            lambda k: k + "\n",
        ],
    )
    def test_refuses_anything_else(self, owner, spoil):
        secret = self.create(owner.principal).secret
        spoilt = spoil(secret)
        assert spoilt != secret
        with pytest.raises(Unauthenticated):
            selectors.get_key_holder(spoilt, now=now())

    def test_ends_by_time(self, owner):
        end = now() + dt.timedelta(days=1)
        secret = self.create(owner.principal, expires_at=end).secret
        assert selectors.get_key_holder(secret, now=now())
        with pytest.raises(Unauthenticated):
            selectors.get_key_holder(secret, now=end)

    def test_ends_when_revoked(self, owner):
        new = self.create(owner.principal)
        services.revoke_api_key(key_id=new.row.id, by=owner.principal, now=now())
        with pytest.raises(Unauthenticated):
            selectors.get_key_holder(new.secret, now=now())
        with pytest.raises(NotFound):
            services.revoke_api_key(key_id=new.row.id, by=owner.principal, now=now())

    def test_ends_with_the_membership(self, owner):
        membership = MembershipFactory(user=owner.user)
        key = ApiKeyFactory(user=owner.user, team=membership.team)
        assert selectors.get_key_holder(secret_of(key), now=now())
        membership.delete()
        with pytest.raises(Unauthenticated):
            selectors.get_key_holder(secret_of(key), now=now())

    def test_keys_manage_no_keys(self, api_key):
        with pytest.raises(NotAllowed):
            self.create(api_key.principal)
        with pytest.raises(NotAllowed):
            services.revoke_api_key(
                key_id=api_key.principal.api_key_id, by=api_key.principal, now=now()
            )

    @pytest.mark.parametrize("spoil", ["stranger", "colleague", "administrator"])
    def test_nobody_elses(self, request, api_key, spoil):
        actor = request.getfixturevalue(spoil)
        with pytest.raises(NotFound):
            services.revoke_api_key(
                key_id=api_key.principal.api_key_id, by=actor.principal, now=now()
            )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "  "),
            ("name", "x" * 101),
            ("scopes", []),
            ("scopes", ["everything"]),
            ("expires_at", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
            ("rate_limit", 0),
            ("rate_limit", 101),
        ],
    )
    def test_refuses(self, owner, field, value):
        with pytest.raises(InvalidInput) as refused:
            self.create(owner.principal, **{field: value})
        assert set(refused.value.errors) == {field}

    def test_there_is_a_most(self, owner, monkeypatch):
        monkeypatch.setattr(keys, "MAX_KEYS", 2)
        for _ in range(2):
            self.create(owner.principal)
        with pytest.raises(TooManyKeys):
            self.create(owner.principal)

    def test_use_is_noted_once_a_minute(self, owner, clock):
        row = self.create(owner.principal).row
        first = clock.now()

        def use():
            row.refresh_from_db()
            services.note_key_use(
                key_id=row.id, last_used_at=row.last_used_at, now=clock.now()
            )
            row.refresh_from_db()
            return row.last_used_at

        assert use() == first
        clock.advance(seconds=59)
        assert use() == first
        clock.advance(seconds=1)
        assert use() == clock.now()


class TestTickets:
    def redeem(self, ticket, at=None):
        return services.redeem_socket_ticket(ticket.text, now=at or now())

    def test_opens_once(self, owner):
        ticket = services.issue_socket_ticket(owner.principal)
        assert ticket.expires_in_s == 30
        assert self.redeem(ticket) == owner.principal
        with pytest.raises(Unauthenticated):
            self.redeem(ticket)

    def test_of_a_key(self, api_key):
        assert (
            self.redeem(services.issue_socket_ticket(api_key.principal))
            == api_key.principal
        )

    def test_of_a_session(self, owner):
        principal = principal_for(owner.user)
        assert self.redeem(services.issue_socket_ticket(principal)) == principal

    def test_is_kept_hashed_and_shortly(self, owner, redis_url):
        ticket = services.issue_socket_ticket(owner.principal)
        (key,) = Redis.from_url(redis_url).keys("ticket:*")
        assert ticket.text.encode() not in key
        assert 0 < Redis.from_url(redis_url).ttl(key) <= 30

    @pytest.mark.parametrize(
        "text", ["", "x", "ticket_", "ticket_" + "a" * 43, "a" * 70_000, "\ud800", "*"]
    )
    def test_refuses_others(self, text):
        with pytest.raises(Unauthenticated):
            services.redeem_socket_ticket(text, now=now())

    def test_does_not_outlive_the_sign_in(self, owner):
        ticket = services.issue_socket_ticket(owner.principal)
        services.log_out(principal=owner.principal, now=now())
        with pytest.raises(Unauthenticated):
            self.redeem(ticket)

    def test_does_not_outlive_the_token(self, owner):
        ticket = services.issue_socket_ticket(owner.principal)
        with pytest.raises(Unauthenticated):
            self.redeem(ticket, at=now() + dt.timedelta(hours=1))

    def test_without_redis(self, owner, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        with pytest.raises(Unavailable):
            services.issue_socket_ticket(owner.principal)
        with pytest.raises(Unavailable):
            services.redeem_socket_ticket("x", now=now())


def identify(**given):
    nothing = {
        "ticket": "",
        "api_key": "",
        "authorization": "",
        "session_user_id": None,
    }
    return services.identify(**(nothing | given), now=now())


class TestIdentify:
    def test_by_each_credential(self, owner, api_key):
        ticket = services.issue_socket_ticket(owner.principal).text
        found = [
            identify(authorization=f"Bearer {owner.credential}"),
            identify(ticket=ticket),
            identify(session_user_id=owner.user.id),
            identify(api_key=api_key.credential),
        ]
        assert found[:2] == [owner.principal] * 2
        assert found[2] == principal_for(owner.user)
        assert found[3] == api_key.principal
        assert ApiKey.objects.get().last_used_at is not None

    def test_a_ticket_counts_more_than_a_cookie(self, owner, stranger):
        ticket = services.issue_socket_ticket(owner.principal).text
        found = identify(ticket=ticket, session_user_id=stranger.user.id)
        assert found.user_id == owner.user.id

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"ticket": "x"},
            {"api_key": "x"},
            {"authorization": "x"},
            {"authorization": "Bearer a b"},
            {"session_user_id": new_id()},
        ],
    )
    def test_refuses(self, given):
        with pytest.raises(Unauthenticated):
            identify(**given)

    @pytest.mark.parametrize("field", ["ticket", "api_key", "authorization"])
    def test_a_wrong_one_is_no_nobody(self, owner, field):
        """The cookie beside it must not make up for it."""
        with pytest.raises(Unauthenticated):
            identify(**{field: "x"}, session_user_id=owner.user.id)


class TestPurge:
    def test_deletes_what_is_over_and_nothing_else(self, owner):
        services.log_out(principal=owner.principal, now=now())
        assert services.purge_expired(now=now()) == 0
        later = now() + dt.timedelta(days=15)
        assert services.purge_expired(now=later) == 2
        assert not RevokedToken.objects.exists()
        assert not RefreshToken.objects.exists()
        assert Membership.objects.exists()

    def test_is_what_the_task_does(self, owner):
        RefreshToken.objects.update(expires_at=now() - dt.timedelta(seconds=1))
        tasks.purge_expired(an_argument_of_later="is borne")
        assert not RefreshToken.objects.exists()

    def test_answers_are_kept_48_hours(self, owner):
        services.run_once(
            principal=owner.principal,
            route="r",
            key="k",
            body={},
            create=lambda: services.Answer(status=201, body={}),
        )
        assert services.purge_expired(now=now() + dt.timedelta(hours=47)) == 0
        assert services.purge_expired(now=now() + dt.timedelta(hours=49)) == 1
