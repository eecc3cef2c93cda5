"""API keys: made, used, revoked. A key is shown once and kept as a digest."""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import dispatch, tokens
from accounts.choices import AuditAction, Scope
from accounts.errors import TooManyKeys
from accounts.models import ApiKey, User
from accounts.permissions import check_is_person
from accounts.selectors import get_api_key
from accounts.services import audit
from accounts.services.passwords import is_plain
from aiagents.common.errors import InvalidInput, NotFound
from aiagents.common.principals import Principal

MAX_KEYS = 50
MAX_NAME_CHARS = 100
#: A use is written down at most this often.
NOTE_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key as it can be shown this once."""

    row: ApiKey
    secret: str


@transaction.atomic
def create_api_key(
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: dt.datetime | None = None,
    rate_limit: int | None = None,
    by: Principal,
    now: dt.datetime,
) -> NewKey:
    """A key for the principal's team. Raises NotAllowed, InvalidInput, TooManyKeys.

    `rate_limit` is in requests per window, at most the limit of its person.
    """
    check_is_person(by)
    _check_key(
        name=name, scopes=scopes, expires_at=expires_at, rate_limit=rate_limit, now=now
    )
    # Under a lock, or parallel requests would pass the count together.
    User.objects.select_for_update().get(id=by.user_id)
    if ApiKey.objects.live(now).filter(user_id=by.user_id).count() >= MAX_KEYS:
        raise TooManyKeys
    prefix = secrets.token_hex(6)
    secret = tokens.new_opaque(f"aak_{prefix}")
    row = ApiKey.objects.create(
        team_id=by.team_id,
        user_id=by.user_id,
        name=name.strip(),
        prefix=prefix,
        digest=tokens.digest(secret),
        scopes=sorted(set(scopes)),
        rate_limit=rate_limit,
        created_at=now,
        expires_at=expires_at,
    )
    _record(
        AuditAction.KEY_CREATED,
        row,
        by=by,
        now=now,
        scopes=row.scopes,
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return NewKey(row=row, secret=secret)


@transaction.atomic
def revoke_api_key(*, key_id: object, by: Principal, now: dt.datetime) -> None:
    """End one of `by`'s keys at once. Raises NotAllowed, NotFound."""
    check_is_person(by)
    key = get_api_key(key_id, by=by)
    if not ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=now):
        raise NotFound
    _record(AuditAction.KEY_REVOKED, key, by=by, now=now)
    dispatch.announce_ended_credentials(user_id=by.user_id)


def note_key_use(
    *, key_id: uuid.UUID, last_used_at: dt.datetime | None, now: dt.datetime
) -> None:
    """Remember that a key was used, at most once a minute; the audit, once in each hour."""
    if last_used_at is not None and last_used_at > now - NOTE_EVERY:
        return
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTE_EVERY)
    rows = ApiKey.objects.filter(id=key_id)
    with transaction.atomic():
        is_noted = rows.filter(due).update(last_used_at=now)
        if is_noted and (last_used_at is None or _hour(last_used_at) != _hour(now)):
            _record_use(rows.get(), now=now)


def _hour(moment: dt.datetime) -> dt.datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _record_use(key: ApiKey, *, now: dt.datetime) -> None:
    deed = audit.Deed(
        action=AuditAction.KEY_USED,
        target=f"key:{key.id}",
        team_id=key.team_id,
        user_id=key.user_id,
        api_key_id=key.id,
        details={"prefix": key.prefix},
    )
    audit.record_deeds([deed], now=now)


def _record(
    action: AuditAction,
    key: ApiKey,
    *,
    by: Principal,
    now: dt.datetime,
    **details: audit.Detail,
) -> None:
    audit.record_deed(
        action=action,
        target=f"key:{key.id}",
        team_id=key.team_id,
        by=by,
        now=now,
        prefix=key.prefix,
        **details,
    )


def _check_key(
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: dt.datetime | None,
    rate_limit: int | None,
    now: dt.datetime,
) -> None:
    errors: dict[str, list[str]] = {}
    if not 0 < len(name.strip()) <= MAX_NAME_CHARS or not is_plain(name):
        errors["name"] = [f"1 to {MAX_NAME_CHARS} characters."]
    if not scopes or not set(scopes) <= set(Scope.values):
        errors["scopes"] = [f"One or more of {', '.join(Scope.values)}."]
    if expires_at is not None and expires_at <= now:
        errors["expires_at"] = ["A moment in the future."]
    most = settings.RATE_LIMIT_REQUESTS
    if rate_limit is not None and not 1 <= rate_limit <= most:
        errors["rate_limit"] = [f"A whole number from 1 to {most}."]
    if errors:
        raise InvalidInput(f"Not valid: {', '.join(errors)}.", errors=errors)
