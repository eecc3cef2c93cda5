"""What is decided about a request before any app sees it."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from aiagents.common.api import problems

Answer = Callable[[HttpRequest], HttpResponse]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestGuardMiddleware:
    """Give each request an id; refuse foreign hosts, NUL and bodies over the limit."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _request_id(request)
        request.META["HTTP_X_REQUEST_ID"] = request_id
        request.request_id = request_id  # type: ignore[attr-defined] # read by problems
        response = _refusal(request) or self.get_response(request)
        response["X-Request-ID"] = request_id
        response.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=()"
        )
        return response


def _request_id(request: HttpRequest) -> str:
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # noqa: TID251 - not a row


def _refusal(request: HttpRequest) -> HttpResponse | None:
    try:
        request.get_host()
    except DisallowedHost:
        return problems.plain_response(
            request, status=400, detail="This host is not served."
        )
    if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        return problems.plain_response(
            request, status=400, detail="NUL is not allowed here."
        )
    return _size_refusal(request)


def _size_refusal(request: HttpRequest) -> HttpResponse | None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    limit = limit_of(request.path)
    if length.isdigit() and int(length[:18]) <= limit:
        return None
    return problems.plain_response(
        request,
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        detail=f"The body is over the limit of {limit} bytes.",
    )


def limit_of(path: str) -> int:
    """How many bytes a body may have at this address."""
    larger: dict[str, int] = settings.LARGE_REQUESTS
    found = (most for pattern, most in larger.items() if re.fullmatch(pattern, path))
    return next(found, settings.MAX_REQUEST_BYTES)


class LooserPolicyMiddleware:
    """Some pages need more: the admin's Alpine evaluates, Swagger is inline.

    And the form that goes on to a single sign-on is answered by a redirect to that other site.
    """

    EXTRA = {
        "/admin/": {
            "script-src": ["'unsafe-eval'", "'unsafe-inline'"],
            "style-src": ["'unsafe-inline'"],
        },
        "/login/sso/": {"form-action": ["https:", "http:"]},
        "/api/docs": {
            "script-src": ["'unsafe-inline'"],
            "style-src": ["'unsafe-inline'"],
        },
    }

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for prefix, extra in self.EXTRA.items():
            if request.path.startswith(prefix):
                response._csp_update = extra  # type: ignore[attr-defined] # noqa: SLF001 - read by django-csp
        return response
