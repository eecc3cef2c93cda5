"""How many requests a caller may send; every answer to a counted request tells where it stands.

A person's tokens and keys are counted together, a key's own lower limit beside that; a caller
without credentials, and one with wrong ones, by address. A request is counted once, before its
permissions are checked, so a refusal counts as well.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts import limits
from accounts.limits import Rule
from aiagents.common.addresses import client_address
from aiagents.common.api.callers import find_principal, http_of
from aiagents.common.errors import RateLimited, Unauthenticated
from aiagents.common.principals import Principal

if TYPE_CHECKING:
    # rest_framework.views imports the default classes, and so this module.
    from rest_framework.views import APIView

DECISION = "limit_decision"
KEY_LIMIT = "limit_of_key"


class PrincipalThrottle(BaseThrottle):
    """The general limit, RATE_LIMIT_REQUESTS per RATE_LIMIT_WINDOW_SECONDS."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request unless it was counted. Raises RateLimited."""
        count(request)
        return True


def count(request: Request) -> None:
    """Count the request, once, under its caller. Raises RateLimited."""
    principal, http = find_principal(request), http_of(request)
    if principal is None:
        _count(http, _address_rules(http))
    else:
        _count(http, _principal_rules(http, principal))


def set_key_limit(request: Request, rate_limit: int | None) -> None:
    """Remember the own limit of the API key that asks."""
    setattr(http_of(request), KEY_LIMIT, rate_limit)


@contextlib.contextmanager
def counting_failures(request: Request) -> Iterator[None]:
    """Count a wrong credential under its address. Raises RateLimited in its place."""
    try:
        yield
    except Unauthenticated:
        http = http_of(request)
        _count(http, _address_rules(http))
        raise


def _count(http: HttpRequest, rules: list[Rule]) -> None:
    if hasattr(http, DECISION):
        return
    decision = limits.check_all(rules)
    setattr(http, DECISION, decision)
    if not decision.allowed:
        message = (
            f"More than {decision.limit} requests; wait {decision.retry_after_s} s."
        )
        raise RateLimited(message, retry_after_s=decision.retry_after_s)


def _principal_rules(http: HttpRequest, principal: Principal) -> list[Rule]:
    rules = [_rule(principal.key, settings.RATE_LIMIT_REQUESTS)]
    own: int | None = getattr(http, KEY_LIMIT, None)
    if own is not None:
        rules.append(_rule(f"key:{principal.api_key_id}", own))
    return rules


def _address_rules(http: HttpRequest) -> list[Rule]:
    return [_rule(f"address:{client_address(http.META)}", settings.RATE_LIMIT_REQUESTS)]


def _rule(key: str, limit: int) -> Rule:
    return Rule(key=key, limit=limit, window_s=settings.RATE_LIMIT_WINDOW_SECONDS)
