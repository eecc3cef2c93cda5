"""Error pages in the frame of all others; they work with the database down."""

import sys
from dataclasses import dataclass
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from aiagents.common.api import problems
from aiagents.common.errors import DomainError, NotAllowed, RateLimited, Unavailable
from marketplace.pages.context import frame, plain_frame

#: Addresses of programs: they are answered in JSON whatever happens.
PROGRAM_PATHS = (
    "/api/",
    "/auth/",
    "/agents/",
    "/executions",
    "/batches",
    "/workflows",
    "/workflow-",
    "/api-keys",
    "/teams",
    "/invitations",
    "/schedules",
    "/hooks/",
    "/analytics/",
    "/health",
    "/ready",
    "/metrics",
    "/.well-known/",
    "/mcp",
    "/ws/",
)
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What an error page says."""

    title: str
    text: str


EXPLANATIONS = {
    400: Explanation(
        title="This request cannot be read",
        text="Something in the address or the form is not valid. Go back and try again.",
    ),
    403: Explanation(
        title="You may not do this", text="Your account does not have access here."
    ),
    404: Explanation(
        title="There is nothing here",
        text="The address is wrong, the page was removed, or it belongs to another team.",
    ),
    409: Explanation(
        title="This has changed in the meantime",
        text="Reload the page to see how it stands, then try again.",
    ),
    422: Explanation(
        title="This form was sent before with other values",
        text="Reload the page to get a fresh form, then send it again.",
    ),
    429: Explanation(title="Too many requests", text="Wait a little, then try again."),
    500: Explanation(
        title="Something broke on our side",
        text="The error was recorded. Nothing you typed is at fault; try again in a moment.",
    ),
    503: Explanation(
        title="A part of the platform is away",
        text="Nothing is lost. Try again in a few seconds.",
    ),
}
STALE_FORM = (
    "The form was older than your session, or your browser did not send its cookie. "
    "Go back, reload the page and send the form again."
)


def is_program(request: HttpRequest) -> bool:
    """Whether the address belongs to programs, which get problem+json."""
    return request.path.startswith(PROGRAM_PATHS)


def domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page of an error that a caller can mend."""
    detail = error.reason if isinstance(error, NotAllowed) else error.message
    response = _page(request, status=problems.status_of(error), detail=detail)
    if isinstance(error, (RateLimited, Unavailable)):
        response["Retry-After"] = str(error.retry_after_s)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The handler of 400."""
    return _answer(request, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The handler of 403."""
    return _answer(request, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The handler of 404."""
    return _answer(request, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler of 500; a lost database is 503, for it comes back by itself."""
    is_away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    response = _answer(request, status=503 if is_away else 500)
    if is_away:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was older than the session."""
    return _answer(request, status=403, detail=STALE_FORM)


def _answer(request: HttpRequest, *, status: int, detail: str = "") -> HttpResponse:
    if is_program(request):
        sentence = detail or EXPLANATIONS[status].text
        return problems.plain_response(request, status=status, detail=sentence)
    return _page(request, status=status, detail=detail)


def _page(request: HttpRequest, *, status: int, detail: str = "") -> HttpResponse:
    explanation = EXPLANATIONS.get(status, EXPLANATIONS[400])
    context = {
        "status": status,
        "phrase": HTTPStatus(status).phrase,
        "title": explanation.title,
        "detail": detail or explanation.text,
        "reference": getattr(request, "request_id", ""),
    }
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Without context processors: they ask the session, and that asks the database.
        html = render_to_string("error.html", context | plain_frame(request))
        return HttpResponse(html, status=status)
    template = (
        "_error_panel.html" if request.headers.get("HX-Request") else "error.html"
    )
    return render(request, template, context | frame(request), status=status)
