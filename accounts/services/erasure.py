"""Deleting a person's account: what goes, and what stays without their name."""

import datetime as dt

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.choices import TeamKind
from accounts.models import (
    ApiKey,
    IdempotencyRecord,
    Invitation,
    Membership,
    RefreshToken,
    Team,
    User,
)
from accounts.permissions import check_is_person
from accounts.services.people import check_own_password, end_credentials
from accounts.services.teams import check_not_last
from aiagents.common.errors import Conflict, InvalidInput
from aiagents.common.principals import Principal

GONE = "deleted"


def check_can_erase(
    *, by: Principal, username: str, password: str, address: str | None
) -> None:
    """Raises NotAllowed, InvalidInput, RateLimited; Conflict where somebody would be stranded."""
    check_is_person(by)
    user = User.objects.get(id=by.user_id)
    if username != user.username:
        message = "Type your name as it is written above."
        raise InvalidInput(message, errors={"username": [message]})
    if user.has_usable_password():
        check_own_password(user, password, field="password", address=address)
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(id=user.id)
    if user.is_superuser and not others.exists():
        raise Conflict("You are the last administrator; make another one first.")
    for membership in Membership.objects.filter(
        user=user, team__kind=TeamKind.SHARED
    ).select_related("team"):
        check_not_last(membership)


@transaction.atomic
def erase_user(*, by: Principal, now: dt.datetime) -> None:
    """Anonymise `by`'s account and end everything that opens it.

    The row and its id stay, because runs of shared teams and the event log refer to them. Other
    apps delete what is theirs first, in the same transaction.
    """
    user = User.objects.select_for_update().get(id=by.user_id)
    end_credentials(user_id=user.id, now=now)
    Team.objects.personal_of(user.id).update(name=GONE)
    IdempotencyRecord.objects.filter(principal=by.key).delete()
    ApiKey.objects.filter(user=user).update(name=GONE, revoked_at=now)
    Invitation.objects.filter(accepted_by=user).update(email=f"{GONE}@invalid.example")
    Invitation.objects.open(now).filter(invited_by=user).update(revoked_at=now)
    own = {"user_id": user.id}
    for model in (Membership, RefreshToken, EmailAddress, Authenticator, SocialAccount):
        model.objects.filter(**own).delete()
    User.objects.filter(id=user.id).update(
        username=f"{GONE}-{user.id.hex[-12:]}",
        display_name="",
        email="",
        is_active=False,
        is_staff=False,
        is_superuser=False,
    )
    user.refresh_from_db()
    user.set_unusable_password()
    User.objects.filter(id=user.id).update(password=user.password)
