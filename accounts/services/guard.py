"""May somebody try a password, or make an account, from this address now?

Failures count, successes are taken back. Two limits are the same for everybody: per address,
and per account and address. A third counts an account's failures from everywhere; when it is
full nobody is shut out, but each address has only a few tries left. So a crowd of strangers is
slowed down, and the owner at an address of their own still gets in.
"""

from dataclasses import dataclass

from django.conf import settings

from accounts import limits, tokens
from accounts.limits import Rule
from aiagents.common.errors import RateLimited

MINUTE_S = 60
HOUR_S = 3600
#: An account takes this many times the limit of one address before it is held short.
CEILING_FACTOR = 5
SHORT_DIVISOR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One counted try."""

    counted: tuple[tuple[tuple[Rule, ...], str], ...] = ()

    def forgive(self) -> None:
        """Take the try back, because it succeeded."""
        for rules, entry in self.counted:
            limits.forget(rules, entry=entry)


def begin_attempt(*, username: str, address: str | None) -> Attempt:
    """Count a try of a password. Raises RateLimited; Unavailable without Redis.

    `address` None means no limit, for commands.
    """
    if address is None:
        return Attempt()
    most = settings.LOGIN_LIMIT_PER_MINUTE
    account = tokens.digest(username.lower())[:32]
    whole = (_minutely(f"sign-in:account:{account}", most * CEILING_FACTOR),)
    everywhere = limits.check_strictly(whole)
    here_most = most if everywhere.allowed else max(1, most // SHORT_DIVISOR)
    pair = (
        _minutely(f"sign-in:address:{address}", most),
        _minutely(f"sign-in:pair:{account}:{address}", here_most),
    )
    here = limits.check_strictly(pair)
    if not here.allowed:
        # A refused try was no try: it must not fill the account's ceiling.
        limits.forget(whole, entry=everywhere.entry)
        message = "Too many failed attempts to sign in; wait a minute."
        raise RateLimited(message, retry_after_s=here.retry_after_s)
    return Attempt(counted=((whole, everywhere.entry), (pair, here.entry)))


def count_sign_up(*, address: str | None) -> None:
    """Count a new account. Raises RateLimited; Unavailable without Redis."""
    if address is None:
        return
    most = settings.SIGNUP_LIMIT_PER_HOUR
    rule = Rule(key=f"sign-up:{address}", limit=most, window_s=HOUR_S)
    decision = limits.check_strictly([rule])
    if not decision.allowed:
        message = "Too many accounts were made from this address; try again later."
        raise RateLimited(message, retry_after_s=decision.retry_after_s)


def _minutely(key: str, limit: int) -> Rule:
    return Rule(key=key, limit=limit, window_s=MINUTE_S)
