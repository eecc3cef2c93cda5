"""Who is asking? Every way to find the principal behind a credential, and what it shows.

Each request asks the database, so that signing out, a new password, disabling and a lost role
take effect at once and an emptied Redis revives nothing. A token costs one query, a key two.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Lower

from accounts import tokens
from accounts.choices import Role, TeamKind
from accounts.models import (
    USERNAME_PATTERN,
    ApiKey,
    AuditEntry,
    Membership,
    RefreshToken,
    RevokedToken,
    Team,
    User,
)
from accounts.permissions import check_can_read_audit
from accounts.querysets import AuditQuerySet
from aiagents.common.errors import NotFound, Unauthenticated
from aiagents.common.ids import parse_id
from aiagents.common.prepared import Prepared
from aiagents.common.principals import Principal

KEY_PATTERN = re.compile(r"aak_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
SIGN_IN_AGAIN = "The credentials are not valid any more; sign in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Who asks by an API key."""

    principal: Principal
    key_id: uuid.UUID
    #: The key's own limit of requests per window; None when it has none.
    rate_limit: int | None
    last_used_at: dt.datetime | None


def load_principal(
    user_id: uuid.UUID,
    *,
    token_id: str = "",
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
) -> Principal | None:
    """The active person with that id; None when disabled, unknown or the token was ended.

    `token_id` is the `jti` of the access token, `expires_at` its end, after which there is
    nobody any more. One query.
    """
    if expires_at is not None and expires_at <= now:
        return None
    rows = _members(user_id, token_id)
    if not rows or rows[0].is_ended:
        return None
    return _principal(user_id, rows, token_id=token_id, expires_at=expires_at)


def get_token_principal(text: str, *, now: dt.datetime) -> Principal:
    """Who holds this access token. Raises Unauthenticated for a bad or ended one."""
    key = tokens.signing_key(settings.SECRET_KEY)
    token = tokens.read(text, key=key, now=now)
    principal = load_principal(
        token.user_id, token_id=token.jti, now=now, expires_at=token.expires_at
    )
    if principal is None or principal.token_version != token.version:
        raise Unauthenticated(SIGN_IN_AGAIN)
    return principal


def get_key_holder(text: str, *, now: dt.datetime) -> KeyHolder:
    """Who holds this API key. Raises Unauthenticated for a wrong, ended or expired one."""
    match = KEY_PATTERN.fullmatch(text)
    rows = ApiKey.objects.live(now).filter(digest=tokens.digest(text))
    key = rows.filter(prefix=match[1]).first() if match else None
    principal = _key_principal(key) if key else None
    if key is None or principal is None:
        raise Unauthenticated("The API key is not valid.")
    return KeyHolder(
        principal=principal,
        key_id=key.id,
        rate_limit=key.rate_limit,
        last_used_at=key.last_used_at,
    )


def find_current(principal: Principal, *, now: dt.datetime) -> Principal | None:
    """The same principal as of now, or None when the credential has ended since.

    For what outlives a request: open sockets, tickets.
    """
    if principal.api_key_id is not None:
        key = ApiKey.objects.live(now).filter(id=principal.api_key_id).first()
        return _key_principal(key) if key else None
    current = load_principal(
        principal.user_id,
        token_id=principal.token_id,
        now=now,
        expires_at=principal.expires_at,
    )
    if current is None or current.token_version != principal.token_version:
        return None
    return current


def find_user_by_name(name: str) -> User | None:
    """The person of that name, whatever its case."""
    if not re.fullmatch(USERNAME_PATTERN, name):
        return None
    users = User.objects.alias(lower_name=Lower("username"))
    return users.filter(lower_name=name.lower()).first()


def list_api_keys(principal: Principal) -> QuerySet[ApiKey]:
    """The principal's keys that were not revoked, newest first."""
    return ApiKey.objects.visible_to(principal).order_by("-created_at", "-id")


def get_api_key(key_id: object, *, by: Principal) -> ApiKey:
    """One of `by`'s keys. Raises NotFound, also for a malformed or foreign id."""
    parsed = parse_id(key_id)
    key = ApiKey.objects.visible_to(by).filter(id=parsed).first() if parsed else None
    if key is None:
        raise NotFound
    return key


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


def me(principal: Principal) -> dict[str, Any]:
    """What a principal may know about itself.

    `{id, username, email, roles, teams: [{id, name, kind}], limits: {requests,
    window_seconds}, budget}`; `budget` is None: spending is not limited.
    """
    user = User.objects.only("id", "email").get(id=principal.user_id)
    teams = Team.objects.visible_to(principal).order_by("created_at", "id")
    return {
        "id": str(principal.user_id),
        "username": principal.username,
        "email": user.email,
        "roles": sorted(principal.roles),
        "teams": [{"id": str(t.id), "name": t.name, "kind": t.kind} for t in teams],
        "limits": {
            "requests": settings.RATE_LIMIT_REQUESTS,
            "window_seconds": settings.RATE_LIMIT_WINDOW_SECONDS,
        },
        "budget": None,
    }


def _key_principal(key: ApiKey) -> Principal | None:
    """The key's person, seeing the key's team only; None when no longer a member of it."""
    rows = _members(key.user_id, "")
    if key.team_id not in {row.team_id for row in rows}:
        return None
    person = _principal(key.user_id, rows, token_id="", expires_at=key.expires_at)
    return replace(
        person,
        team_id=key.team_id,
        team_ids=(key.team_id,),
        is_staff=False,
        api_key_id=key.id,
        scopes=frozenset(key.scopes),
    )


@dataclass(frozen=True, slots=True)
class _Member:
    """One membership of a person, with what their credential needs; as `_memberships` lists it."""

    team_id: uuid.UUID
    kind: str
    role: str
    username: str
    is_staff: bool
    is_superuser: bool
    token_version: int
    #: Whether the access token, or the chain it came from, was ended early.
    is_ended: bool


_memberships = Prepared(
    lambda user_id, token_id, family: (
        Membership.objects.filter(user_id=user_id, user__is_active=True)
        .annotate(
            is_ended=Exists(RevokedToken.objects.filter(jti=token_id))
            | Exists(
                RefreshToken.objects.filter(family=family, revoked_at__isnull=False)
            )
        )
        .order_by("created_at", "id")
        .values_list(
            *("team_id", "team__kind", "role", "user__username", "user__is_staff"),
            *("user__is_superuser", "user__token_version", "is_ended"),
        )
    ),
    user_id=models.UUIDField(),
    token_id=models.CharField(),
    family=models.UUIDField(),
)


def _members(user_id: uuid.UUID, token_id: str) -> list[_Member]:
    rows = _memberships(
        user_id=user_id, token_id=token_id, family=tokens.family_of(token_id)
    )
    return [_Member(*row) for row in rows]


def _principal(
    user_id: uuid.UUID,
    rows: Sequence[_Member],
    *,
    token_id: str,
    expires_at: dt.datetime | None,
) -> Principal:
    first = rows[0]
    own = [row.team_id for row in rows if row.kind == TeamKind.PERSONAL]
    return Principal(
        user_id=user_id,
        username=first.username,
        team_id=(own or [first.team_id])[0],
        team_ids=tuple(row.team_id for row in rows),
        roles=_roles(rows),
        is_staff=first.is_staff,
        token_id=token_id,
        token_version=first.token_version,
        expires_at=expires_at,
    )


def _roles(rows: Sequence[_Member]) -> frozenset[str]:
    """The roles of all shared teams. Everybody runs their own team, which makes no roles."""
    shared = {row.role for row in rows if row.kind != TeamKind.PERSONAL}
    is_admin = rows[0].is_staff or rows[0].is_superuser
    return frozenset(
        shared | {Role.USER.value} | ({Role.ADMIN.value} if is_admin else set())
    )
