"""Who is asking? Every way to find the principal behind a credential, and what it shows.

Each request asks the database, so that signing out, a new password, disabling and a lost role
take effect at once and an emptied Redis revives nothing. A token costs one query, a key two.
"""

import datetime as dt
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import models
from django.db.models import Exists
from django.db.models.functions import Lower

from accounts import tokens
from accounts.choices import Role, TeamKind
from accounts.models import (
    USERNAME_PATTERN,
    ApiKey,
    BrowserSession,
    Membership,
    RefreshToken,
    RevokedToken,
    User,
)
from aiagents.common.errors import Unauthenticated
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
    session_id: uuid.UUID | None = None,
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
) -> Principal | None:
    """The active person with that id; None when disabled, unknown or the credential was ended.

    `token_id` is the `jti` of the access token, `expires_at` its end, after which there is
    nobody any more; `session_id` is a signed-in browser. One query.
    """
    if expires_at is not None and expires_at <= now:
        return None
    rows = _members(user_id, token_id=token_id, session_id=session_id)
    if not rows or rows[0].is_ended:
        return None
    person = _principal(user_id, rows)
    return replace(
        person, token_id=token_id, session_id=session_id, expires_at=expires_at
    )


def signing_keys() -> tuple[tokens.SigningKey, ...]:
    """The keys of access tokens; the first signs, all verify.

    JWT_SIGNING_KEYS when set, else SECRET_KEY and its fallbacks.
    """
    if settings.JWT_SIGNING_KEYS:
        return tokens.named_keys(settings.JWT_SIGNING_KEYS)
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return tokens.derived_keys(known)


def get_token_principal(text: str, *, now: dt.datetime) -> Principal:
    """Who holds this access token. Raises Unauthenticated for a bad or ended one."""
    token = tokens.read(text, keys=signing_keys(), now=now)
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
        session_id=principal.session_id,
        now=now,
        expires_at=principal.expires_at,
    )
    if current is None or current.token_version != principal.token_version:
        return None
    return current


def find_requester(
    user_id: uuid.UUID, *, api_key_id: uuid.UUID | None, now: dt.datetime
) -> Principal | None:
    """Who asked, as of now, for work that goes on without them; None without access.

    Signing out ends no such work; disabling the person or revoking the key does.
    """
    if api_key_id is None:
        return load_principal(user_id, now=now)
    key = ApiKey.objects.live(now).filter(id=api_key_id).first()
    return _key_principal(key) if key else None


def find_user_by_name(name: str) -> User | None:
    """The person of that name, whatever its case."""
    if not re.fullmatch(USERNAME_PATTERN, name):
        return None
    users = User.objects.alias(lower_name=Lower("username"))
    return users.filter(lower_name=name.lower()).first()


def list_people_by_email(email: str) -> list[User]:
    """The active people with that address, whatever its case; several may have typed it."""
    return list(
        User.objects.filter(email__iexact=email, is_active=True).exclude(email="")
    )


def _key_principal(key: ApiKey) -> Principal | None:
    """The key's person, seeing the key's team only; None when no longer a member of it."""
    rows = _members(key.user_id)
    if key.team_id not in {row.team_id for row in rows}:
        return None
    return replace(
        _principal(key.user_id, rows),
        expires_at=key.expires_at,
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
    #: Whether the browser that was asked for is signed in.
    has_session: bool


_memberships = Prepared(
    lambda user_id, token_id, family, session_id: (
        Membership.objects.filter(user_id=user_id, user__is_active=True)
        .annotate(
            is_ended=Exists(RevokedToken.objects.filter(jti=token_id))
            | Exists(
                RefreshToken.objects.filter(family=family, revoked_at__isnull=False)
            ),
            has_session=Exists(BrowserSession.objects.filter(id=session_id)),
        )
        .order_by("created_at", "id")
        .values_list(
            *("team_id", "team__kind", "role", "user__username", "user__is_staff"),
            *("user__is_superuser", "user__token_version", "is_ended", "has_session"),
        )
    ),
    user_id=models.UUIDField(),
    token_id=models.CharField(),
    family=models.UUIDField(),
    session_id=models.UUIDField(),
)


def _members(
    user_id: uuid.UUID, *, token_id: str = "", session_id: uuid.UUID | None = None
) -> list[_Member]:
    rows = _memberships(
        user_id=user_id,
        token_id=token_id,
        family=tokens.family_of(token_id),
        session_id=session_id,
    )
    members = [_Member(*row) for row in rows]
    if session_id is None or not members or members[0].has_session:
        return members
    # The browser was signed out.
    return []


def _principal(user_id: uuid.UUID, rows: Sequence[_Member]) -> Principal:
    first = rows[0]
    own = [row.team_id for row in rows if row.kind == TeamKind.PERSONAL]
    return Principal(
        user_id=user_id,
        username=first.username,
        team_id=(own or [first.team_id])[0],
        team_ids=tuple(row.team_id for row in rows),
        roles=_roles(rows),
        is_staff=first.is_staff,
        token_version=first.token_version,
    )


def _roles(rows: Sequence[_Member]) -> frozenset[str]:
    """The roles of all shared teams. Everybody runs their own team, which makes no roles.

    Who administers a team may run every agent, and is no administrator of the platform.
    """
    shared = {row.role for row in rows if row.kind != TeamKind.PERSONAL}
    if Role.ADMIN in shared:
        shared = (shared - {Role.ADMIN.value}) | {Role.AGENT_OPERATOR.value}
    is_admin = rows[0].is_staff or rows[0].is_superuser
    return frozenset(
        shared | {Role.USER.value} | ({Role.ADMIN.value} if is_admin else set())
    )
