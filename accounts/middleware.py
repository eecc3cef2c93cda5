"""Puts the principal of a signed-in session on the request, and the limit on the answer."""

import datetime as dt
import uuid
from collections.abc import Callable
from functools import cached_property

from django.http import HttpRequest, HttpResponse

from accounts import selectors, services
from accounts.models import BrowserSession
from accounts.services.sessions import NOTE_EVERY
from aiagents.common import clock
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

NOTE_EVERY_S = NOTE_EVERY.total_seconds()
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


def _with_principal(kind: type[HttpRequest]) -> type[HttpRequest]:
    if issubclass(kind, WithPrincipal):
        return kind
    if kind not in _kinds:
        _kinds[kind] = type(kind.__name__, (WithPrincipal, kind), {})
    return _kinds[kind]
