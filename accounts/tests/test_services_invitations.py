"""Inviting people: one letter, one use, one address, one week; and who may run a team."""

import datetime as dt
import threading

import pytest
from django.core import mail
from django.db import connection

from accounts import selectors, services
from accounts.choices import Role
from accounts.errors import (
    AlreadyMember,
    InvitationOver,
    LastAdministrator,
    TooManyInvitations,
)
from accounts.models import Invitation, Membership, User
from accounts.services import invitations
from accounts.tests.factories import (
    MembershipFactory,
    TeamFactory,
    UserFactory,
    personal_team_of,
    principal_for,
)
from aiagents.common import clock as clocks
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from aiagents.common.ids import new_id

pytestmark = pytest.mark.django_db
ADDRESS = "ben@example.org"
ORIGIN = "https://agents.example.org"


@pytest.fixture
def team():
    return TeamFactory(name="Legal\r\nBcc: all")


@pytest.fixture
def chief(team):
    """Administers the team, and nothing else."""
    return principal_for(MembershipFactory(team=team, role=Role.ADMIN).user)


@pytest.fixture
def ben():
    return UserFactory(username="Ben", email="Ben@Example.org")


def now():
    return clocks.now()


def invite(team, by, **changes):
    given = {"team_id": team.id, "email": ADDRESS, "role": Role.FINANCE}
    given |= {"origin": ORIGIN, "by": by, "now": now()} | changes
    return services.invite(**given)


def token_of(new):
    return new.link.rpartition("/")[2]


def accept(new, user, at=None):
    return services.accept_invitation(
        token=token_of(new), by=principal_for(user), now=at or now()
    )


class TestInvite:
    def test_a_letter_with_the_link_goes_out(
        self, team, chief, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            new = invite(team, chief, email=" Ben@example.org ")
        (letter,) = mail.outbox
        assert letter.to == [ADDRESS]
        assert new.link in letter.body
        assert new.link.startswith(f"{ORIGIN}/join/inv_")
        assert "Finance and legal" in letter.body
        assert "\n" not in letter.subject

    def test_only_a_digest_is_kept(self, team, chief):
        new = invite(team, chief)
        assert token_of(new) not in str(Invitation.objects.values())

    def test_a_mail_server_that_is_away_changes_nothing(
        self, team, chief, settings, django_capture_on_commit_callbacks
    ):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        with django_capture_on_commit_callbacks(execute=True):
            assert invite(team, chief).link

    @pytest.mark.parametrize("email", ["", "x", "a@b", "a\x00@example.org"])
    def test_refuses_addresses(self, team, chief, email):
        with pytest.raises(InvalidInput) as refused:
            invite(team, chief, email=email)
        assert set(refused.value.errors) == {"email"}

    def test_refuses_roles(self, team, chief, administrator):
        with pytest.raises(InvalidInput):
            invite(team, chief, role="king")
        with pytest.raises(NotAllowed):
            invite(team, chief, role=Role.CURATOR)
        assert invite(team, administrator.principal, role=Role.CURATOR)

    def test_by_administrators_of_the_team_only(self, team, stranger):
        member = principal_for(MembershipFactory(team=team, role=Role.HR).user)
        with pytest.raises(NotAllowed):
            invite(team, member)
        with pytest.raises(NotFound):
            invite(team, stranger.principal)
        for key in (new_id(), "x"):
            with pytest.raises(NotFound):
                invite(team, stranger.principal, team_id=key)

    def test_not_by_a_key(self, api_key, shared_team):
        Membership.objects.filter(user=api_key.user).update(role=Role.ADMIN)
        with pytest.raises((NotAllowed, NotFound)):
            invite(shared_team, api_key.principal)

    def test_nobody_into_a_personal_team(self, administrator, ben):
        with pytest.raises(Conflict):
            invite(personal_team_of(ben), administrator.principal)

    def test_not_who_is_in_already(self, team, chief, ben):
        MembershipFactory(team=team, user=ben)
        with pytest.raises(AlreadyMember):
            invite(team, chief)

    def test_a_second_one_replaces_the_first(self, team, chief, ben):
        first, second = invite(team, chief), invite(team, chief, role=Role.USER)
        with pytest.raises(InvitationOver):
            accept(first, ben)
        assert accept(second, ben).role == Role.USER

    def test_there_is_a_most(self, team, chief, monkeypatch):
        monkeypatch.setattr(invitations, "MAX_OPEN", 1)
        invite(team, chief)
        invite(team, chief)
        with pytest.raises(TooManyInvitations):
            invite(team, chief, email="other@example.org")


class TestAccept:
    def test_joins_with_the_role_and_stays_signed_in(self, team, chief, ben):
        before = ben.token_version
        membership = accept(invite(team, chief), ben)
        assert (membership.team_id, membership.role) == (team.id, Role.FINANCE)
        assert "finance" in principal_for(ben).roles
        ben.refresh_from_db()
        assert ben.token_version == before

    def test_works_once(self, team, chief, ben):
        new = invite(team, chief)
        accept(new, ben)
        Membership.objects.filter(team=team, user=ben).delete()
        with pytest.raises(InvitationOver):
            accept(new, ben)

    def test_for_this_address_only(self, team, chief):
        new = invite(team, chief)
        with pytest.raises(NotAllowed):
            accept(new, UserFactory(email="carl@example.org"))
        assert selectors.find_open_invitation(token_of(new), now=now())

    def test_an_account_without_an_address_gets_it(self, team, chief):
        user = UserFactory(email="")
        accept(invite(team, chief), user)
        user.refresh_from_db()
        assert user.email == ADDRESS

    def test_for_a_week(self, team, chief, ben):
        new = invite(team, chief)
        with pytest.raises(InvitationOver):
            accept(new, ben, at=now() + dt.timedelta(days=7, seconds=1))

    def test_not_when_withdrawn(self, team, chief, ben):
        new = invite(team, chief)
        asked = {"team_id": team.id, "invitation_id": new.row.id, "now": now()}
        services.revoke_invitation(**asked, by=chief)
        with pytest.raises(InvitationOver):
            accept(new, ben)
        with pytest.raises(NotFound):
            services.revoke_invitation(**asked, by=chief)

    def test_not_by_who_is_in_already(self, team, chief, ben):
        new = invite(team, chief)
        MembershipFactory(team=team, user=ben)
        with pytest.raises(AlreadyMember):
            accept(new, ben)

    @pytest.mark.parametrize("token", ["", "x", "inv_x", "\x00", "\ud800"])
    def test_no_other_text(self, ben, token):
        with pytest.raises(InvitationOver):
            services.accept_invitation(token=token, by=principal_for(ben), now=now())

    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_once_one_wins(self, team, chief):
        new = invite(team, chief)
        people = [UserFactory(email=ADDRESS) for _ in range(4)]
        outcomes = []

        def one(user):
            try:
                outcomes.append(accept(new, user))
            except InvitationOver:
                outcomes.append(None)
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=[user]) for user in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 4
        assert len([one for one in outcomes if one]) == 1


class TestRunTeam:
    def test_an_administrator_of_a_team_is_none_of_the_platform(self, chief, owner):
        assert "admin" not in chief.roles
        with pytest.raises(NotAllowed):
            services.disable_user(user_id=owner.user.id, by=chief, now=now())
        with pytest.raises(NotAllowed):
            services.create_team(name="Mine", by=chief, now=now())

    def test_and_may_run_every_agent(self, chief):
        assert "agent_operator" in chief.roles

    def test_changes_roles_which_ends_tokens(self, team, chief, ben):
        MembershipFactory(team=team, user=ben)
        asked = {"team_id": team.id, "user_id": ben.id, "by": chief, "now": now()}
        services.change_role(**asked, role=Role.HR)
        assert "hr" in principal_for(ben).roles
        ben.refresh_from_db()
        assert ben.token_version == 1
        services.change_role(**asked, role=Role.HR)
        ben.refresh_from_db()
        assert ben.token_version == 1

    def test_removes_members(self, team, chief, ben):
        MembershipFactory(team=team, user=ben)
        asked = {"team_id": team.id, "user_id": ben.id, "now": now()}
        services.remove_member(**asked, by=chief)
        assert team.id not in principal_for(ben).team_ids
        with pytest.raises(NotFound):
            services.remove_member(**asked, by=chief)

    def test_members_leave(self, team, chief, ben):
        MembershipFactory(team=team, user=ben)
        by = principal_for(ben)
        services.remove_member(team_id=team.id, user_id=ben.id, by=by, now=now())
        assert team.id not in principal_for(ben).team_ids

    def test_members_change_nobody(self, team, chief, ben):
        MembershipFactory(team=team, user=ben)
        by = principal_for(ben)
        asked = {"team_id": team.id, "user_id": chief.user_id, "by": by, "now": now()}
        with pytest.raises(NotAllowed):
            services.remove_member(**asked)
        with pytest.raises(NotAllowed):
            services.change_role(**asked, role=Role.USER)

    def test_a_foreign_team_is_a_missing_one(self, chief, ben, shared_team):
        asked = {"team_id": shared_team.id, "user_id": ben.id, "now": now()}
        with pytest.raises(NotFound):
            services.remove_member(**asked, by=chief)
        with pytest.raises(NotFound):
            services.change_role(**asked, role=Role.USER, by=chief)

    def test_the_last_administrator_stays_while_others_do(
        self, team, chief, ben, administrator
    ):
        MembershipFactory(team=team, user=ben)
        own = {"team_id": team.id, "user_id": chief.user_id, "now": now()}
        with pytest.raises(LastAdministrator):
            services.remove_member(**own, by=chief)
        with pytest.raises(LastAdministrator):
            services.change_role(**own, role=Role.USER, by=chief)
        services.remove_member(**own, by=administrator.principal)
        assert not User.objects.get(id=chief.user_id).teams.filter(id=team.id)

    def test_who_is_alone_may_leave(self, team, chief):
        services.remove_member(
            team_id=team.id, user_id=chief.user_id, by=chief, now=now()
        )
        assert not team.memberships.exists()

    def test_who_makes_a_team_may_join_it(self, administrator):
        team = services.create_team(
            name="Legal", by=administrator.principal, now=now(), joins=True
        )
        assert team.memberships.get().role == Role.ADMIN
