"""Changes to a person's account that end every session and token of that person."""

import datetime as dt
import uuid

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F

from accounts import dispatch
from accounts.choices import AuditAction
from accounts.models import RefreshToken, Team, User
from accounts.permissions import check_can_manage_accounts, check_is_person
from accounts.services import audit, guard
from accounts.services.addresses import is_email
from accounts.services.passwords import matches, password_problems
from accounts.services.sessions import end_all_sessions
from aiagents.common.errors import Conflict, InvalidInput, NotFound, StaleTransition
from aiagents.common.principals import Principal


def change_password(
    *,
    principal: Principal,
    current: str,
    new: str,
    address: str | None,
    now: dt.datetime,
) -> User:
    """Replace one's own password and end all tokens and sessions; returns the new state.

    Raises InvalidInput for a wrong `current` or a `new` that is not taken, RateLimited after
    too many wrong ones, NotAllowed for an API key.
    """
    check_is_person(principal)
    user = User.objects.get(id=principal.user_id)
    check_own_password(user, current, field="current_password", address=address)
    if problems := password_problems(new):
        raise InvalidInput(
            "Not valid: new_password.", errors={"new_password": problems}
        )
    _replace_password(user, hashed=make_password(new), by=principal, now=now)
    user.refresh_from_db()
    return user


def is_own_password(*, user: User, password: str, address: str | None) -> bool:
    """Whether a signed-in person gave their password. Raises RateLimited after too many tries."""
    attempt = guard.begin_attempt(username=user.username, address=address)
    if not matches(user, password):
        return False
    attempt.forgive()
    return True


def check_own_password(
    user: User, password: str, *, field: str, address: str | None
) -> None:
    """Raises InvalidInput at `field` for a wrong password, RateLimited after too many tries."""
    if not is_own_password(user=user, password=password, address=address):
        message = "This is not your password."
        raise InvalidInput(message, errors={field: [message]})


def set_email(
    *, principal: Principal, email: str, password: str, address: str | None
) -> None:
    """Replace one's own mail address, to which a forgotten password's letter goes.

    A person without a password needs none. Raises InvalidInput, RateLimited, NotAllowed.
    """
    check_is_person(principal)
    user = User.objects.get(id=principal.user_id)
    if user.has_usable_password():
        check_own_password(user, password, field="password", address=address)
    email = email.strip()
    if email and not is_email(email):
        message = "Not a valid mail address."
        raise InvalidInput("Not valid: email.", errors={"email": [message]})
    User.objects.filter(id=user.id).update(email=email)


def disable_user(*, user_id: uuid.UUID, by: Principal, now: dt.datetime) -> None:
    """Shut a person out at once, their keys included. Raises NotAllowed, NotFound, Conflict."""
    check_can_manage_accounts(by)
    if user_id == by.user_id:
        raise Conflict(
            "You cannot disable your own account; ask another administrator."
        )
    _set_active(user_id, is_active=False, by=by, now=now)


def enable_user(*, user_id: uuid.UUID, by: Principal, now: dt.datetime) -> None:
    """Let a disabled person sign in again. Raises NotAllowed, NotFound."""
    check_can_manage_accounts(by)
    _set_active(user_id, is_active=True, by=by, now=now)


@transaction.atomic
def end_credentials(*, user_id: uuid.UUID, now: dt.datetime) -> None:
    """End every token and session of a person; API keys stay."""
    User.objects.filter(id=user_id).update(token_version=F("token_version") + 1)
    live = RefreshToken.objects.filter(user_id=user_id, revoked_at=None)
    live.update(revoked_at=now)
    end_all_sessions(user_id=user_id)
    dispatch.announce_ended_credentials(user_id=user_id)


@transaction.atomic
def note_new_password(*, user: User, now: dt.datetime) -> None:
    """End the credentials of somebody whose password was set past our services."""
    end_credentials(user_id=user.id, now=now)
    _record(AuditAction.PASSWORD_CHANGED, user.id, by=None, now=now, kind="command")


@transaction.atomic
def _replace_password(
    user: User, *, hashed: str, by: Principal, now: dt.datetime
) -> None:
    # Compared with what was verified: of two changes at once the second must fail.
    unchanged = User.objects.filter(id=user.id, password=user.password)
    if not unchanged.update(password=hashed):
        raise StaleTransition
    end_credentials(user_id=user.id, now=now)
    _record(AuditAction.PASSWORD_CHANGED, user.id, by=by, now=now, kind="own")


@transaction.atomic
def _set_active(
    user_id: uuid.UUID, *, is_active: bool, by: Principal, now: dt.datetime
) -> None:
    if not User.objects.filter(id=user_id).update(is_active=is_active):
        raise NotFound
    end_credentials(user_id=user_id, now=now)
    action = AuditAction.ENABLED if is_active else AuditAction.DISABLED
    _record(action, user_id, by=by, now=now)


def _record(
    action: AuditAction,
    user_id: uuid.UUID,
    *,
    by: Principal | None,
    now: dt.datetime,
    **details: audit.Detail,
) -> None:
    """Into the chain of the person's own team; the platform's for one who has none yet."""
    own = Team.objects.personal_of(user_id).values_list("id", flat=True).first()
    audit.record_deed(
        action=action, target=f"user:{user_id}", team_id=own, by=by, now=now, **details
    )
