"""Every way a person signs in, stays signed in and signs out."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts import dispatch, tokens
from accounts.choices import AuditAction
from accounts.events import UserLoggedIn
from accounts.models import RefreshToken, RevokedToken, User
from accounts.permissions import check_is_person
from accounts.selectors import SIGN_IN_AGAIN, find_user_by_name, signing_keys
from accounts.services import audit, guard
from accounts.services.passwords import matches
from accounts.services.registration import ensure_personal_team
from accounts.services.second_factors import check_second_factor
from aiagents.common import clock, ids
from aiagents.common.errors import Unauthenticated
from aiagents.common.principals import Principal
from analytics.services import record_event

REFRESH_PREFIX = "art"
WRONG = "The username or the password is wrong."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a program keeps after signing in."""

    access: str
    #: Good for one exchange.
    refresh: str
    #: Life of the access token in seconds.
    expires_in_s: int


def verify_password(*, username: str, password: str, address: str | None) -> User:
    """The person who gave the password of `username`; a second factor may still be due.

    Raises Unauthenticated, RateLimited, and Unavailable while failures cannot be counted;
    None as `address` means no limit.
    """
    attempt = guard.begin_attempt(username=username, address=address)
    user = find_user_by_name(username)
    if not matches(user, password) or user is None:
        _record_failure(user, address=address)
        raise Unauthenticated(WRONG, code="bad_credentials")
    attempt.forgive()
    return user


@transaction.atomic
def record_sign_in(
    *,
    user: User,
    kind: str = "session",
    address: str | None = None,
    now: dt.datetime,
) -> None:
    """Somebody is signed in, with everything that was asked of them; `kind` is session or token."""
    User.objects.filter(id=user.id).update(last_login=now)
    team = ensure_personal_team(user=user, now=now)
    record_event(UserLoggedIn(aggregate_id=user.id, team_id=team.id, user_id=user.id))
    deed = audit.Deed(
        action=AuditAction.SIGNED_IN,
        target=f"user:{user.id}",
        team_id=team.id,
        user_id=user.id,
        details={"kind": kind, "address": address},
    )
    audit.record_deeds([deed], now=now)


def log_in(
    *,
    username: str,
    password: str,
    code: str = "",
    address: str | None,
    now: dt.datetime,
) -> TokenPair:
    """A pair of tokens for a program.

    Raises as `verify_password`; Unauthenticated also when the person has a second factor and
    `code`, of their app or a recovery code, is missing or wrong.
    """
    user = verify_password(username=username, password=password, address=address)
    check_second_factor(user, code=code)
    with transaction.atomic():
        pair = _issue(user, family=ids.new_id(), now=now)
        record_sign_in(user=user, kind="token", address=address, now=now)
        return pair


def refresh_tokens(*, refresh: str, now: dt.datetime) -> TokenPair:
    """A new pair for an unspent refresh token. Raises Unauthenticated.

    A token that was spent before ends its whole chain, access tokens included: either the
    caller or the one before has stolen it. That ending is committed although this raises.
    """
    link = RefreshToken.objects.filter(digest=tokens.digest(refresh)).first()
    if link is None:
        raise Unauthenticated(SIGN_IN_AGAIN)
    if pair := _exchange(link, now=now):
        return pair
    _end_stolen(link, now=now)
    raise Unauthenticated(SIGN_IN_AGAIN)


def log_out(*, principal: Principal, refresh: str = "", now: dt.datetime) -> None:
    """End the principal's access token, and the chain it or `refresh` belongs to, at once.

    Raises NotAllowed for an API key, which is revoked instead. A foreign or unknown refresh
    token is ignored.
    """
    check_is_person(principal)
    with transaction.atomic():
        if principal.token_id:
            _revoke_access(principal, now=now)
        own = RefreshToken.objects.filter(user_id=principal.user_id)
        link = own.filter(digest=tokens.digest(refresh)).first() if refresh else None
        families = {tokens.family_of(principal.token_id), link.family if link else None}
        for family in filter(None, families):
            _end_chain(user_id=principal.user_id, family=family, now=now)
        dispatch.announce_ended_credentials(user_id=principal.user_id)
        if principal.token_id:
            record_sign_out(principal=principal, kind="token", now=now)


def record_sign_out(*, principal: Principal, kind: str, now: dt.datetime) -> None:
    """Tell the audit; `kind` is `token`, or `session` for the end of one."""
    audit.record_deed(
        action=AuditAction.SIGNED_OUT,
        target=f"user:{principal.user_id}",
        team_id=principal.team_id,
        by=principal,
        now=now,
        kind=kind,
    )


def _record_failure(user: User | None, *, address: str | None) -> None:
    """In the platform's chain, so that a stranger's tries hold up nobody's team.

    The name that was typed is not kept: people type passwords there.
    """
    is_disabled = user is not None and not user.is_active
    audit.record_deed(
        action=AuditAction.SIGN_IN_FAILED,
        target=f"user:{user.id}" if user else "user:unknown",
        by=None,
        now=clock.now(),
        address=address,
        cause="disabled" if is_disabled else "wrong",
    )


@transaction.atomic
def _end_stolen(link: RefreshToken, *, now: dt.datetime) -> None:
    _end_chain(user_id=link.user_id, family=link.family, now=now)
    team = ensure_personal_team(user=link.user, now=now)
    audit.record_deed(
        action=AuditAction.TOKEN_REUSED,
        target=f"user:{link.user_id}",
        team_id=team.id,
        by=None,
        now=now,
    )


def _issue(user: User, *, family: uuid.UUID, now: dt.datetime) -> TokenPair:
    refresh = tokens.new_opaque(REFRESH_PREFIX)
    RefreshToken.objects.create(
        user=user,
        family=family,
        digest=tokens.digest(refresh),
        created_at=now,
        expires_at=now + dt.timedelta(seconds=settings.REFRESH_TOKEN_S),
    )
    access = tokens.AccessToken(
        user_id=user.id,
        jti=tokens.new_jti(family),
        version=user.token_version,
        issued_at=now,
        expires_at=now + dt.timedelta(seconds=settings.ACCESS_TOKEN_S),
    )
    return TokenPair(
        access=tokens.write(access, key=signing_keys()[0]),
        refresh=refresh,
        expires_in_s=settings.ACCESS_TOKEN_S,
    )


@transaction.atomic
def _exchange(link: RefreshToken, *, now: dt.datetime) -> TokenPair | None:
    """The next pair of the chain; None when the link was spent before."""
    # The lock orders this against a new password: neither can miss what the other wrote.
    user = User.objects.select_for_update().get(id=link.user_id)
    chain = RefreshToken.objects.filter(family=link.family)
    if chain.filter(revoked_at__isnull=False).exists() or link.expires_at <= now:
        raise Unauthenticated(SIGN_IN_AGAIN)
    if not user.is_active:
        raise Unauthenticated(SIGN_IN_AGAIN)
    if not chain.filter(id=link.id, used_at=None).update(used_at=now):
        return None
    return _issue(user, family=link.family, now=now)


def _revoke_access(principal: Principal, *, now: dt.datetime) -> None:
    ends_at = principal.expires_at or now + dt.timedelta(
        seconds=settings.ACCESS_TOKEN_S
    )
    row = RevokedToken(jti=principal.token_id, expires_at=ends_at)
    # Signing out twice at the same moment is no mistake.
    RevokedToken.objects.bulk_create([row], ignore_conflicts=True)


@transaction.atomic
def _end_chain(*, user_id: uuid.UUID, family: uuid.UUID, now: dt.datetime) -> None:
    User.objects.select_for_update().get(id=user_id)
    chain = RefreshToken.objects.filter(user_id=user_id, family=family, revoked_at=None)
    chain.update(revoked_at=now)
    dispatch.announce_ended_credentials(user_id=user_id)
