"""The second factor of programs that sign in, and taking lost ones away.

Pages have django-allauth's own steps; what is stored is the same.
"""

import datetime as dt
import uuid

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import check_can_manage_accounts
from accounts.services import guard
from accounts.services.people import end_credentials
from aiagents.common.errors import NotFound, Unauthenticated
from aiagents.common.principals import Principal

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
#: What can be typed into a program.
TYPED = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def check_second_factor(user: User, *, code: str) -> None:
    """Raises Unauthenticated unless `user` has no second factor or `code` is one, RateLimited."""
    own = Authenticator.objects.filter(user=user)
    if not own.filter(type__in=FACTORS).exists():
        return
    if not code:
        raise Unauthenticated(
            "Send the code of your authenticator app, or a recovery code, as 'code'.",
            code="second_factor_required",
        )
    with guard.counting_codes(user_id=user.id, code=code):
        used = _matching(own.filter(type__in=TYPED), code)
        if used is None:
            raise Unauthenticated("The code is wrong.", code="bad_credentials")
        used.record_usage()


@transaction.atomic
def reset_second_factors(
    *, user_id: uuid.UUID, by: Principal, now: dt.datetime
) -> None:
    """Take all second factors of a person away, and sign them out. Raises NotAllowed, NotFound.

    For who has lost phone, key and recovery codes; ask that they are who they say they are.
    """
    check_can_manage_accounts(by)
    if not User.objects.filter(id=user_id).exists():
        raise NotFound
    Authenticator.objects.filter(user_id=user_id).delete()
    end_credentials(user_id=user_id, now=now)


def _matching(own: QuerySet[Authenticator], code: str) -> Authenticator | None:
    return next((one for one in own if one.wrap().validate_code(code)), None)
