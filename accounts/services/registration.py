"""Every way a person comes to have an account."""

import datetime as dt
import re
import secrets
from collections.abc import Callable

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from accounts.choices import AuditAction, BudgetPeriod, BudgetScope, Role, TeamKind
from accounts.errors import UsernameTaken
from accounts.events import UserRegistered
from accounts.models import USERNAME_PATTERN, Budget, Membership, Team, User
from accounts.selectors import find_user_by_name
from accounts.services import audit, guard
from accounts.services.addresses import is_email
from accounts.services.passwords import is_plain, password_problems
from aiagents.common.errors import Conflict, InvalidInput
from analytics.services import record_event

MIN_NAME_CHARS, MAX_WANTED_CHARS = 3, 40
USERNAME_RULE = "3 to 50 characters: letters A to Z, digits, '_', '.' and '-'."


def register_user(
    *,
    username: str,
    password: str,
    email: str = "",
    address: str | None,
    now: dt.datetime,
) -> User:
    """Make an account with a team of its own.

    Raises InvalidInput, UsernameTaken, RateLimited, and Unavailable while the limit per
    `address` cannot be counted; None as address means no limit.
    """
    _check_new_account(username=username, password=password, email=email)
    guard.count_sign_up(address=address)
    if find_user_by_name(username):
        raise UsernameTaken
    # Slow on purpose, so before the transaction.
    user = User(username=username, email=email, password=make_password(password))
    try:
        return _save_new(user, now=now)
    except IntegrityError as error:
        if find_user_by_name(username):
            raise UsernameTaken from error
        raise


@transaction.atomic
def register_from_other_site(
    *, user: User, wanted_name: str, save: Callable[[], object], now: dt.datetime
) -> User:
    """An account without a password for somebody whom another site vouches for.

    `save` stores `user` with what links it to that site. The name is `wanted_name` as far as it
    is free and made of our characters.
    """
    user.username = _free_name(wanted_name)
    user.set_unusable_password()
    user.date_joined = now
    save()
    team = _create_personal_team(user, now=now)
    record_event(UserRegistered(aggregate_id=user.id, team_id=team.id, user_id=user.id))
    return user


def ensure_superuser(
    *, username: str, password: str, email: str = "", now: dt.datetime
) -> tuple[User, bool]:
    """The administrator of that name, and whether it was made now.

    An existing one keeps its password. The password is the operator's choice and judged only
    by its length. Raises InvalidInput; Conflict when somebody else has the name.
    """
    if user := find_user_by_name(username):
        if not user.is_superuser:
            message = f"'{user.username}' exists and is no administrator; choose another name."
            raise Conflict(message)
        return user, False
    if not re.fullmatch(USERNAME_PATTERN, username):
        raise InvalidInput(f"The username is not valid: {USERNAME_RULE}")
    if not password or len(password) > 256 or not is_plain(password):
        raise InvalidInput("The password is not valid: 1 to 256 characters.")
    user = User(username=username, email=email, password=make_password(password))
    user.is_staff = user.is_superuser = True
    return _save_new(user, now=now), True


def ensure_personal_team(*, user: User, now: dt.datetime) -> Team:
    """The team of this person's own, made when it is missing.

    It is missing for those whom Django's own commands or the admin made.
    """
    with transaction.atomic():
        # Under a lock, or two sign-ins at once would make two.
        User.objects.select_for_update().get(id=user.id)
        team = Team.objects.personal_of(user.id).first()
        return team or _create_personal_team(user, now=now)


@transaction.atomic
def _save_new(user: User, *, now: dt.datetime) -> User:
    user.date_joined = now
    user.save(force_insert=True)
    team = _create_personal_team(user, now=now)
    record_event(UserRegistered(aggregate_id=user.id, team_id=team.id, user_id=user.id))
    deed = audit.Deed(
        action=AuditAction.REGISTERED,
        target=f"user:{user.id}",
        team_id=team.id,
        user_id=user.id,
        details={"is_superuser": user.is_superuser},
    )
    audit.record_deeds([deed], now=now)
    return user


def _create_personal_team(user: User, *, now: dt.datetime) -> Team:
    team = Team.objects.create(
        name=user.username, kind=TeamKind.PERSONAL, created_at=now
    )
    Membership.objects.create(team=team, user=user, role=Role.ADMIN, created_at=now)
    Budget.objects.create(
        team=team,
        scope=BudgetScope.TEAM,
        subject_id=team.id,
        period=BudgetPeriod.MONTH,
        created_at=now,
    )
    return team


def _free_name(wanted: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]", "", wanted.partition("@")[0])[:MAX_WANTED_CHARS]
    name = plain if len(plain) >= MIN_NAME_CHARS else "person"
    if not find_user_by_name(name) and name != "person":
        return name
    # Sixteen million per name: who tries them all is somebody else's limit.
    return f"{name}-{secrets.token_hex(3)}"


def _check_new_account(*, username: str, password: str, email: str) -> None:
    errors: dict[str, list[str]] = {}
    if not re.fullmatch(USERNAME_PATTERN, username):
        errors["username"] = [USERNAME_RULE]
    if problems := password_problems(password):
        errors["password"] = problems
    if email and not is_email(email):
        errors["email"] = ["Not a valid mail address."]
    if errors:
        raise InvalidInput(f"Not valid: {', '.join(errors)}.", errors=errors)
