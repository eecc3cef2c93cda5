"""A second factor as people have one, for the tests of sign-in."""

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)

from accounts.models import User


def give_app(user: User) -> str:
    """The secret of an authenticator app that is now the person's."""
    secret = str(generate_totp_secret())
    TOTP.activate(user, secret)
    return secret


def give_recovery_codes(user: User) -> list[str]:
    """Ten codes on paper."""
    return list(RecoveryCodes.activate(user).get_unused_codes())


def code_of(secret: str) -> str:
    """What the app shows now."""
    _, counter, _ = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, counter)))


def stored_secret(user: User) -> str:
    """What the database keeps of the app's secret."""
    row = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    return str(row.data["secret"])
