"""Who sent this request? `request.auth` becomes the Principal.

A request names one credential. Two, or one that is malformed, are refused and never ignored:
a caller who believes to be somebody must not be served as nobody.
"""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import selectors, services
from accounts.api import throttling
from aiagents.common import clock
from aiagents.common.api.callers import http_of
from aiagents.common.api.problems import AUTHENTICATE
from aiagents.common.errors import NotAllowed, Unauthenticated
from aiagents.common.principals import Principal

BEARER = "bearer"
TOKEN_HEADER = "HTTP_AUTHORIZATION"  # noqa: S105 - the name of a header
KEY_HEADER = "HTTP_X_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What libraries expect as `request.user`; our code reads the Principal."""

    pk: UUID
    username: str
    is_staff: bool = False
    is_active: bool = True
    is_authenticated: bool = True
    is_anonymous: bool = False


Identity = tuple[Caller, Principal]


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <key>`."""

    def authenticate(self, request: Request) -> Identity | None:
        """The key's holder; None without the header. Raises Unauthenticated."""
        if KEY_HEADER not in request.META:
            return None
        with throttling.counting_failures(request):
            if TOKEN_HEADER in request.META:
                raise Unauthenticated("Send an API key or a token, not both.")
            now = clock.now()
            holder = selectors.get_key_holder(request.META[KEY_HEADER], now=now)
        throttling.set_key_limit(request, holder.rate_limit)
        services.note_key_use(
            key_id=holder.key_id, last_used_at=holder.last_used_at, now=now
        )
        return _identity(holder.principal)

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return AUTHENTICATE


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> Identity | None:
        """The token's person; None without the header. Raises Unauthenticated."""
        if TOKEN_HEADER not in request.META:
            return None
        with throttling.counting_failures(request):
            text = _bearer(request.META[TOKEN_HEADER])
            return _identity(selectors.get_token_principal(text, now=clock.now()))

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return AUTHENTICATE


class SessionPrincipalAuthentication(BaseAuthentication):
    """The session of our pages; what changes something needs the CSRF token."""

    def authenticate(self, request: Request) -> Identity | None:
        """The session's person; None without one. Raises NotAllowed without CSRF token."""
        principal = getattr(http_of(request), "principal", None)
        if principal is None:
            return None
        _check_csrf(request)
        return _identity(principal)

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return AUTHENTICATE


class _CsrfCheck(CsrfViewMiddleware):
    """Tells the reason; DRF's views are exempt from the middleware itself."""

    def _reject(self, request: object, reason: str) -> str:
        return reason


def _never(_: HttpRequest) -> HttpResponse:
    raise AssertionError("The check is asked for its reason only.")


def _check_csrf(request: Request) -> None:
    check, http = _CsrfCheck(_never), http_of(request)
    check.process_request(http)
    reason = check.process_view(http, _never, (), {})
    if reason:
        raise NotAllowed("Send the CSRF token with this request.", reason=str(reason))


def _bearer(header: str) -> str:
    parts = header.split(" ")
    if len(parts) != 2 or parts[0].lower() != BEARER or not parts[1]:
        raise Unauthenticated("Send 'Authorization: Bearer <token>'.")
    return parts[1]


def _identity(principal: Principal) -> Identity:
    caller = Caller(
        pk=principal.user_id, username=principal.username, is_staff=principal.is_staff
    )
    return caller, principal
