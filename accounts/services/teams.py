"""Teams, who is in them and as what; a changed role ends the person's tokens."""

import datetime as dt
import uuid

from django.db import transaction

from accounts.choices import AuditAction, Role, TeamKind
from accounts.models import Membership, Team
from accounts.permissions import check_can_manage_accounts
from accounts.services import audit
from accounts.services.passwords import is_plain
from accounts.services.people import end_credentials
from aiagents.common.errors import Conflict, InvalidInput, NotFound
from aiagents.common.principals import Principal

MAX_NAME_CHARS = 100


@transaction.atomic
def create_team(*, name: str, by: Principal, now: dt.datetime) -> Team:
    """A shared team without members. Raises NotAllowed, InvalidInput."""
    check_can_manage_accounts(by)
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS or not is_plain(name):
        message = f"A name of 1 to {MAX_NAME_CHARS} characters."
        raise InvalidInput("Not valid: name.", errors={"name": [message]})
    team = Team.objects.create(name=name, kind=TeamKind.SHARED, created_at=now)
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
    _check_shared(team_id)
    if role not in Role.values:
        message = f"One of {', '.join(Role.values)}."
        raise InvalidInput("Not valid: role.", errors={"role": [message]})
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
def remove_member(
    *, team_id: uuid.UUID, user_id: uuid.UUID, by: Principal, now: dt.datetime
) -> None:
    """Take a person out of a shared team. Raises NotAllowed, NotFound, Conflict."""
    check_can_manage_accounts(by)
    _check_shared(team_id)
    before = _role_of(team_id, user_id)
    removed, _ = Membership.objects.filter(team_id=team_id, user_id=user_id).delete()
    if not removed:
        raise NotFound
    end_credentials(user_id=user_id, now=now)
    audit.record_deed(
        action=AuditAction.MEMBERSHIP_REMOVED,
        target=f"user:{user_id}",
        team_id=team_id,
        by=by,
        now=now,
        role_before=before,
    )


def _role_of(team_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    rows = Membership.objects.filter(team_id=team_id, user_id=user_id)
    return rows.values_list("role", flat=True).first()


def _check_shared(team_id: uuid.UUID) -> None:
    kind = Team.objects.filter(id=team_id).values_list("kind", flat=True).first()
    if kind is None:
        raise NotFound
    if kind == TeamKind.PERSONAL:
        raise Conflict("A personal team has one member; make a shared team instead.")
