"""Which rows of accounts a principal may see, and which still count."""

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import models
from django.db.models import Q

from accounts.choices import Role
from aiagents.common.principals import Principal

if TYPE_CHECKING:
    from accounts.models import (
        ApiKey,
        AuditEntry,
        Budget,
        IdempotencyRecord,
        Invitation,
        Team,
    )


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams."""

    def visible_to(self, principal: Principal) -> "TeamQuerySet":
        """The principal's own teams."""
        return self.filter(id__in=principal.team_ids)

    def shared(self) -> "TeamQuerySet":
        """Teams that people are invited into."""
        return self.filter(kind="shared")

    def personal_of(self, user_id: uuid.UUID) -> "TeamQuerySet":
        """The team that belongs to one person."""
        return self.filter(kind="personal", memberships__user_id=user_id)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations into teams."""

    def open(self, now: dt.datetime) -> "InvitationQuerySet":
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """API keys."""

    def visible_to(self, principal: Principal) -> "ApiKeyQuerySet":
        """The principal's own keys, the revoked ones left out."""
        return self.filter(user_id=principal.user_id, revoked_at=None)

    def live(self, now: dt.datetime) -> "ApiKeyQuerySet":
        """Keys that still open something."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, user__is_active=True)


class IdempotencyQuerySet(models.QuerySet["IdempotencyRecord"]):
    """Stored answers."""

    def older_than(self, moment: dt.datetime) -> "IdempotencyQuerySet":
        """Answers that need not be repeated any more."""
        return self.filter(created_at__lt=moment)


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Audit entries, which are written once."""

    def visible_to(self, principal: Principal) -> "AuditQuerySet":
        """All of them for an administrator in person, none for anybody else."""
        is_admin = Role.ADMIN in principal.roles and principal.scopes is None
        return self.all() if is_admin else self.none()

    def update(self, **_: Any) -> NoReturn:
        """Refused; PostgreSQL refuses it as well."""
        raise TypeError("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        """Refused; PostgreSQL refuses it as well."""
        raise TypeError("Audit entries are never deleted.")


class BudgetQuerySet(models.QuerySet["Budget"]):
    """Budgets."""

    def visible_to(self, principal: Principal) -> "BudgetQuerySet":
        """Budgets of the principal's teams."""
        return self.filter(team_id__in=principal.team_ids)
