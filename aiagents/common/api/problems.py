"""Every error answer has one shape: `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from aiagents.common import errors
from aiagents.common import json as strict_json

CONTENT_TYPE = "application/problem+json"
STATUS_BY_ERROR: tuple[tuple[type[errors.DomainError], int], ...] = (
    (errors.InvalidInput, 400),
    (errors.Unauthenticated, 401),
    (errors.NotAffordable, 402),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.IdempotencyMismatch, 422),
    (errors.RateLimited, 429),
    (errors.Unavailable, 503),
)
CODE_BY_STATUS = {
    400: "invalid_input",
    401: "not_authenticated",
    402: "budget_exceeded",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    503: "unavailable",
}
AUTHENTICATE = 'Bearer realm="api"'

log = structlog.get_logger(__name__)


def body(
    *,
    status: int,
    detail: str,
    code: str = "",
    request: HttpRequest | None = None,
    field_errors: Mapping[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """The members of a problem; `errors` and extensions only where there are any."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code or CODE_BY_STATUS.get(status, "error"),
        "request_id": getattr(request, "request_id", ""),
    }
    if field_errors:
        problem["errors"] = dict(field_errors)
    return problem | extra


def plain_response(request: HttpRequest, **members: Any) -> HttpResponse:
    """A problem outside DRF: middleware, 404 and 500 handlers. `retry_after` sets the header."""
    retry_after = members.pop("retry_after", None)
    problem = body(request=request, **members)
    response = HttpResponse(
        strict_json.canonical(problem),
        status=problem["status"],
        content_type=CONTENT_TYPE,
    )
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if problem["status"] == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = AUTHENTICATE
    return response


def status_of(error: errors.DomainError) -> int:
    """The HTTP status of a domain error."""
    return next(status for kind, status in STATUS_BY_ERROR if isinstance(error, kind))


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook. Unknown errors are bugs: None lets them propagate."""
    request = context["request"]._request  # noqa: SLF001 - the only way to the plain one
    match error:
        case errors.DomainError():
            return _domain(error, request)
        case Http404() | drf.NotFound():
            return _domain(errors.NotFound(), request)
        case PermissionDenied():
            return _domain(errors.NotAllowed(), request)
        case RequestDataTooBig():
            return _answer(request, status=413, detail="The body is too large.")
        case OperationalError() | InterfaceError():
            log.error("database_away", action="database_away", exc_info=error)
            return _domain(
                errors.Unavailable("The database is away; try again."), request
            )
        case drf.ValidationError():
            return _validation(error, request)
        case drf.APIException():
            return _answer(request, status=error.status_code, detail=str(error.detail))
        case _:
            return None


def _domain(error: errors.DomainError, request: HttpRequest) -> Response:
    extra: dict[str, Any] = dict(getattr(error, "extra", {}))
    if isinstance(error, errors.NotAllowed):
        extra["reason"] = error.reason
    response = _answer(
        request,
        status=status_of(error),
        detail=error.message,
        code=error.code,
        field_errors=getattr(error, "errors", None),
        **extra,
    )
    if (retry_after_s := getattr(error, "retry_after_s", None)) is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def _validation(error: drf.ValidationError, request: HttpRequest) -> Response:
    detail = error.detail
    fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    named = ", ".join(str(key) for key in fields)
    return _answer(
        request, status=400, detail=f"Not valid: {named}.", field_errors=flatten(fields)
    )


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, list[str]]:
    """Nested error details as `{path: [sentence, …]}`."""
    flat: dict[str, list[str]] = {}
    for key, value in fields.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            flat |= flatten(value, path)
        elif isinstance(value, list):
            flat |= _flatten_list(value, path)
        else:
            flat[path] = [str(value)]
    return flat


def _flatten_list(values: list[Any], path: str) -> dict[str, list[str]]:
    flat: dict[str, list[str]] = {}
    for index, item in enumerate(values):
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{path}[{index}]")
        else:
            flat.setdefault(path, []).append(str(item))
    return flat


def _answer(request: HttpRequest, **members: Any) -> Response:
    problem = body(request=request, **members)
    response = Response(problem, status=problem["status"], content_type=CONTENT_TYPE)
    if problem["status"] == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = AUTHENTICATE
    return response
