"""Puts the principal of a signed-in session on the request, and the limit on the answer."""

import datetime as dt
import uuid
from collections.abc import Callable
from functools import cached_property

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts import selectors, services
from accounts.models import BrowserSession
from accounts.services.sessions import NOTE_EVERY
from aiagents.common import clock
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

NOTE_EVERY_S = NOTE_EVERY.total_seconds()
SET_UP = "The administration needs a second factor: set one up here, then go on."
#: WSGI's and ASGI's request, and ours made of each.
_kinds: dict[type[HttpRequest], type[HttpRequest]] = {}


class WithPrincipal:
    """A request that looks up who asks when it is first wanted to know."""

    @cached_property
    def principal(self) -> Principal | None:
        """The person of the session; None for nobody and for API credentials."""
        user = getattr(self, "user", None)
        if user is None or not user.is_authenticated:
            return None
        now = clock.now()
        session_id = self._browser(now)
        return selectors.load_principal(user.pk, session_id=session_id, now=now)

    def _browser(self, now: dt.datetime) -> uuid.UUID | None:
        """The signed-in browser; now and then its use is noted."""
        session = getattr(self, "session", {})
        session_id = parse_id(session.get(BrowserSession.ID_FIELD))
        seen_at = session.get(BrowserSession.SEEN_FIELD, 0)
        if session_id and now.timestamp() - seen_at > NOTE_EVERY_S:
            session[BrowserSession.SEEN_FIELD] = int(now.timestamp())
            services.note_session_use(session_id=session_id, now=now)
        return session_id


class PrincipalMiddleware:
    """Sets `request.principal` lazily, and the X-RateLimit headers where one was counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # A lazy object would never be `None`, and None is what views ask for.
        request.__class__ = _with_principal(type(request))
        response = self.get_response(request)
        if decision := getattr(request, "limit_decision", None):
            response["X-RateLimit-Limit"] = str(decision.limit)
            response["X-RateLimit-Remaining"] = str(decision.remaining)
            response["X-RateLimit-Reset"] = str(decision.reset_s)
        return response


class StaffSecondFactorMiddleware:
    """Opens the administration only to who gave a second factor in this session.

    Who has none is led to set one up, who has one is asked for it. STAFF_SECOND_FACTOR switches
    it; it is on on servers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.STAFF_SECOND_FACTOR or not _is_administration(request.path):
            return self.get_response(request)
        user = request.user
        if not user.is_authenticated or not user.is_staff or _gave_factor(request):
            return self.get_response(request)
        if not is_mfa_enabled(
            user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
        ):
            messages.warning(request, SET_UP)
            return HttpResponseRedirect(reverse("mfa_index"))
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{query}")


def _is_administration(path: str) -> bool:
    login, logout = reverse("admin:login"), reverse("admin:logout")
    return path.startswith(reverse("admin:index")) and path not in {login, logout}


def _gave_factor(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def _with_principal(kind: type[HttpRequest]) -> type[HttpRequest]:
    if issubclass(kind, WithPrincipal):
        return kind
    if kind not in _kinds:
        _kinds[kind] = type(kind.__name__, (WithPrincipal, kind), {})
    return _kinds[kind]
