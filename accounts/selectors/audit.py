"""Who did what? And what people and teams are called."""

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import Q

from accounts.models import AuditEntry, Team, User
from accounts.permissions import check_can_read_audit
from accounts.querysets import AuditQuerySet
from accounts.selectors.principals import find_user_by_name
from aiagents.common.principals import Principal


def list_audit(
    *,
    by: Principal,
    action: str = "",
    username: str = "",
    chain: uuid.UUID | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> AuditQuerySet:
    """Audit entries, newest first, narrowed by what is given; `until` is exclusive.

    Raises NotAllowed unless `by` is an administrator in person.
    """
    check_can_read_audit(by)
    wanted = Q(action=action) if action else Q()
    if username:
        # None is nobody's id here: entries of the platform must not answer to a wrong name.
        person = find_user_by_name(username)
        wanted &= Q(user_id=person.id) if person else Q(pk=None)
    if chain:
        wanted &= Q(chain=chain)
    if since:
        wanted &= Q(at__gte=since)
    if until:
        wanted &= Q(at__lt=until)
    rows = AuditEntry.objects.visible_to(by)
    return rows.filter(wanted).order_by("-at", "-id")


def names_of(ids_: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """What people and teams of these ids are called; the unknown are left out."""
    wanted = {one for one in ids_ if one}
    people = User.objects.filter(id__in=wanted).values_list("id", "username")
    teams = Team.objects.filter(id__in=wanted).values_list("id", "name")
    return dict(teams) | dict(people)
