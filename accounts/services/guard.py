"""May somebody try a password, or make an account, from this address now?

Failures count, successes are taken back. Two limits are the same for everybody: per address,
and per account and address. A third counts an account's failures from everywhere; when it is
full nobody is shut out, but each address has only a few tries left. So a crowd of strangers is
slowed down, and the owner at an address of their own still gets in.
"""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from redis.exceptions import RedisError

from accounts import limits, tokens
from accounts.limits import Rule
from aiagents.common.errors import RateLimited, Unavailable

MINUTE_S = 60
HOUR_S = 3600
#: Three of a million codes are good at a time: at 1,440 tries a day even odds take 160 days.
CODES, CODES_WINDOW_S = 5, 300
#: A code is good for 30 s, and as long before and after.
CODE_LIFE_S = 90
LETTERS_PER_HOUR = 5
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


@contextlib.contextmanager
def counting_codes(*, user_id: uuid.UUID, code: str) -> Iterator[None]:
    """Count a try of a second factor's code; one that succeeds is taken back, and used.

    Per account and not per address: whoever tries codes has the password already. Raises
    RateLimited, also for a code that was good and used; Unavailable without Redis.
    """
    rule = Rule(key=f"code:{user_id}", limit=CODES, window_s=CODES_WINDOW_S)
    decision = limits.check_strictly([rule])
    if not decision.allowed:
        message = "Too many wrong codes; wait a few minutes."
        raise RateLimited(message, retry_after_s=decision.retry_after_s)
    try:
        yield
    except RedisError as error:
        raise Unavailable("Codes cannot be checked for a moment; try again.") from error
    Attempt(counted=(((rule,), decision.entry),)).forgive()
    _use_up(code, user_id=user_id)


def count_letter(*, email: str, address: str | None) -> None:
    """Count a letter that somebody asks for. Raises RateLimited; Unavailable without Redis."""
    to = tokens.digest(email.lower())[:32]
    rules = [Rule(key=f"letter:{to}", limit=LETTERS_PER_HOUR, window_s=HOUR_S)]
    if address is not None:
        rules.append(_minutely(f"letter:{address}", settings.LOGIN_LIMIT_PER_MINUTE))
    decision = limits.check_strictly(rules)
    if not decision.allowed:
        message = "Too many letters were asked for; try again later."
        raise RateLimited(message, retry_after_s=decision.retry_after_s)


def _use_up(code: str, *, user_id: uuid.UUID) -> None:
    """django-allauth forgets a used code sooner than its clock stops taking it."""
    key = f"code-used:{user_id}:{tokens.digest(code)[:32]}"
    decision = limits.check_strictly([Rule(key=key, limit=1, window_s=CODE_LIFE_S)])
    if not decision.allowed:
        message = "This code was used; wait for the next one."
        raise RateLimited(message, retry_after_s=decision.retry_after_s)


def _minutely(key: str, limit: int) -> Rule:
    return Rule(key=key, limit=limit, window_s=MINUTE_S)
