"""Teams, who is in them and as what; a changed role ends the person's tokens."""

import datetime as dt
import uuid

from django.db import transaction

from accounts.choices import AuditAction, Role, TeamKind
from accounts.errors import LastAdministrator
from accounts.models import Membership, Team
from accounts.permissions import (
    can_manage_accounts,
    check_can_give_role,
    check_can_manage_accounts,
    check_can_manage_team,
    check_is_person,
)
from accounts.services import audit
from accounts.services.passwords import is_plain
from accounts.services.people import end_credentials
from aiagents.common.errors import Conflict, InvalidInput, NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

MAX_NAME_CHARS = 100


@transaction.atomic
def create_team(
    *, name: str, by: Principal, now: dt.datetime, joins: bool = False
) -> Team:
    """A shared team; `by` is its administrator when they join, else it has no members.

    Raises NotAllowed, InvalidInput.
    """
    check_can_manage_accounts(by)
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS or not is_plain(name):
        message = f"A name of 1 to {MAX_NAME_CHARS} characters."
        raise InvalidInput("Not valid: name.", errors={"name": [message]})
    team = Team.objects.create(name=name, kind=TeamKind.SHARED, created_at=now)
    if joins:
        Membership.objects.create(
            team=team, user_id=by.user_id, role=Role.ADMIN, created_at=now
        )
    audit.record_deed(
        action=AuditAction.TEAM_CREATED,
        target=f"team:{team.id}",
        team_id=team.id,
        by=by,
        now=now,
    )
    return team


@transaction.atomic
def set_membership(
    *,
    team_id: uuid.UUID,
    user_id: uuid.UUID,
    role: str,
    by: Principal,
    now: dt.datetime,
) -> Membership:
    """Make a person a member of a shared team, or give a member another role.

    Raises NotAllowed, NotFound, InvalidInput; Conflict for a personal team.
    """
    check_can_manage_accounts(by)
    check_shared(team_id)
    check_can_give_role(by, role)
    before = _role_of(team_id, user_id)
    membership, _ = Membership.objects.update_or_create(
        team_id=team_id,
        user_id=user_id,
        defaults={"role": role},
        create_defaults={"role": role, "created_at": now},
    )
    end_credentials(user_id=user_id, now=now)
    audit.record_deed(
        action=AuditAction.MEMBERSHIP_SET,
        target=f"user:{user_id}",
        team_id=team_id,
        by=by,
        now=now,
        role=role,
        role_before=before,
    )
    return membership


@transaction.atomic
def change_role(
    *, team_id: object, user_id: object, role: str, by: Principal, now: dt.datetime
) -> Membership:
    """Give a member of a shared team another role, which ends the member's tokens.

    Raises NotAllowed, NotFound, InvalidInput, LastAdministrator.
    """
    team, member = _ids(team_id, user_id)
    check_can_manage_team(by, team)
    check_shared(team)
    check_can_give_role(by, role)
    membership = _locked_member(team, member)
    if membership.role == role:
        return membership
    if membership.role == Role.ADMIN:
        check_not_last(membership)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    end_credentials(user_id=member, now=now)
    audit.record_deed(
        action=AuditAction.MEMBERSHIP_SET,
        target=f"user:{member}",
        team_id=team,
        by=by,
        now=now,
        role=role,
        role_before=before,
    )
    return membership


@transaction.atomic
def remove_member(
    *, team_id: object, user_id: object, by: Principal, now: dt.datetime
) -> None:
    """Take a person out of a shared team, or leave it, which ends the person's tokens.

    Their keys for that team stop at once; their runs stay with the team. Raises NotAllowed,
    NotFound, Conflict; LastAdministrator unless an administrator of the platform does it.
    """
    team, member = _ids(team_id, user_id)
    if member == by.user_id:
        check_is_person(by)
    else:
        check_can_manage_team(by, team)
    check_shared(team)
    membership = _locked_member(team, member)
    if not can_manage_accounts(by):
        check_not_last(membership)
    before = membership.role
    membership.delete()
    end_credentials(user_id=member, now=now)
    audit.record_deed(
        action=AuditAction.MEMBERSHIP_REMOVED,
        target=f"user:{member}",
        team_id=team,
        by=by,
        now=now,
        role_before=before,
    )


def _role_of(team_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    rows = Membership.objects.filter(team_id=team_id, user_id=user_id)
    return rows.values_list("role", flat=True).first()


def check_shared(team_id: uuid.UUID) -> None:
    """Raises NotFound for a team that does not exist, Conflict for a personal one."""
    kind = Team.objects.filter(id=team_id).values_list("kind", flat=True).first()
    if kind is None:
        raise NotFound
    if kind == TeamKind.PERSONAL:
        raise Conflict("A personal team has one member; make a shared team instead.")


def _ids(*given: object) -> tuple[uuid.UUID, ...]:
    found = tuple(key for one in given if (key := parse_id(one)))
    if len(found) < len(given):
        raise NotFound
    return found


def _locked_member(team_id: uuid.UUID, user_id: uuid.UUID) -> Membership:
    # The team is locked: of two administrators who leave at once the second must see the first.
    Team.objects.select_for_update().get(id=team_id)
    found = Membership.objects.filter(team_id=team_id, user_id=user_id).first()
    if found is None:
        raise NotFound
    return found


def check_not_last(membership: Membership) -> None:
    """Raises LastAdministrator when others stay without an administrator."""
    if membership.role != Role.ADMIN:
        return
    others = Membership.objects.filter(team_id=membership.team_id).exclude(
        id=membership.id
    )
    if others.exists() and not others.filter(role=Role.ADMIN).exists():
        raise LastAdministrator
