"""Inviting people into a team: one letter, one use, one address, one week."""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Lower

from accounts import dispatch, tokens
from accounts.errors import AlreadyMember, InvitationOver, TooManyInvitations
from accounts.models import Invitation, Membership, Team, User
from accounts.permissions import (
    check_can_give_role,
    check_can_manage_team,
    check_is_person,
)
from accounts.selectors import find_open_invitation
from accounts.services.addresses import is_email
from accounts.services.teams import check_shared
from aiagents.common.errors import InvalidInput, NotAllowed, NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

LIFE = dt.timedelta(days=7)
MAX_OPEN = 100
PREFIX = "inv"
#: Below the site's address; the page of marketplace that takes an invitation.
PATH = "/join/"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation as it can be shown this once."""

    row: Invitation
    #: Opens the invitation; also in the letter.
    link: str


@transaction.atomic
def invite(
    *,
    team_id: object,
    email: str,
    role: str,
    origin: str,
    by: Principal,
    now: dt.datetime,
) -> NewInvitation:
    """Invite an address into a shared team; an earlier open invitation of it ends.

    `origin` is the site's own address (`https://example.org`) for the link in the letter, which
    is sent after the commit. Raises NotAllowed, NotFound, InvalidInput, Conflict.
    """
    team = _managed_team(team_id, by=by)
    check_can_give_role(by, role)
    email = email.strip().lower()
    if not email or not is_email(email):
        message = "Not a valid mail address."
        raise InvalidInput("Not valid: email.", errors={"email": [message]})
    _check_room(team, email=email, now=now)
    token = tokens.new_opaque(PREFIX)
    row = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        digest=tokens.digest(token),
        invited_by_id=by.user_id,
        created_at=now,
        expires_at=now + LIFE,
    )
    link = f"{origin}{PATH}{token}"
    dispatch.send_invitation(
        to=email, team=team.name, role=role, by=by.username, link=link, until=now + LIFE
    )
    return NewInvitation(row=row, link=link)


@transaction.atomic
def accept_invitation(*, token: str, by: Principal, now: dt.datetime) -> Membership:
    """Join the team. Raises InvitationOver, NotAllowed, AlreadyMember.

    The account's mail address must be the invited one; an account without an address gets it.
    """
    check_is_person(by)
    invitation = find_open_invitation(token, now=now)
    if invitation is None:
        raise InvitationOver
    # Under a lock, or one invitation could be used in two places at once.
    user = User.objects.select_for_update().get(id=by.user_id)
    _check_address(user, invitation)
    if Membership.objects.filter(team_id=invitation.team_id, user=user).exists():
        raise AlreadyMember
    unused = Invitation.objects.filter(
        id=invitation.id, accepted_at=None, revoked_at=None, expires_at__gt=now
    )
    if not unused.update(accepted_at=now, accepted_by=user):
        raise InvitationOver
    return Membership.objects.create(
        team_id=invitation.team_id, user=user, role=invitation.role, created_at=now
    )


@transaction.atomic
def revoke_invitation(
    *, team_id: object, invitation_id: object, by: Principal, now: dt.datetime
) -> None:
    """Withdraw an open invitation. Raises NotAllowed, NotFound."""
    team = _managed_team(team_id, by=by)
    waiting, key = (
        Invitation.objects.open(now).filter(team=team),
        parse_id(invitation_id),
    )
    if key is None or not waiting.filter(id=key).update(revoked_at=now):
        raise NotFound


def _managed_team(team_id: object, *, by: Principal) -> Team:
    key = parse_id(team_id)
    if key is None:
        raise NotFound
    check_can_manage_team(by, key)
    check_shared(key)
    return Team.objects.select_for_update().get(id=key)


def _check_room(team: Team, *, email: str, now: dt.datetime) -> None:
    emails = Membership.objects.filter(team=team).alias(lower=Lower("user__email"))
    if emails.filter(lower=email).exists():
        raise AlreadyMember("Somebody with this address is in the team already.")
    waiting = Invitation.objects.open(now).filter(team=team)
    waiting.filter(email=email).update(revoked_at=now)
    if waiting.count() >= MAX_OPEN:
        raise TooManyInvitations


def _check_address(user: User, invitation: Invitation) -> None:
    if not user.email:
        # The link came by this address.
        User.objects.filter(id=user.id).update(email=invitation.email)
    elif user.email.lower() != invitation.email:
        raise NotAllowed(
            "This invitation is for another mail address than your account's; sign in "
            "with that account, or have your own address invited."
        )
