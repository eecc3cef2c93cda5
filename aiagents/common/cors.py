"""Which other sites' scripts may call the REST addresses: those of a fixed list, without cookies.

A script of a listed origin sends a token or key of its own. `Access-Control-Allow-Credentials`
is never sent, so a browser gives no site the session of a person who visits it.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

PREFIX = "/api/"
METHODS = "GET, POST, PUT, PATCH, DELETE"
TAKEN = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-API-Key, X-Request-ID"
SHOWN = (
    "Idempotent-Replayed, Location, Preference-Applied, Retry-After, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
#: How long a browser remembers the answer to its question, in seconds.
REMEMBERED_S = "600"


class CorsMiddleware:
    """Answers preflight questions and marks answers, for origins of `CORS_ALLOWED_ORIGINS`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.CORS_ALLOWED_ORIGINS or not request.path.startswith(PREFIX):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        is_listed = origin in settings.CORS_ALLOWED_ORIGINS
        if is_listed and _is_preflight(request):
            response = _permission()
        else:
            response = self.get_response(request)
        # Also where it is not listed, or a cache would give one origin another's answer.
        patch_vary_headers(response, ["Origin"])
        if is_listed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = SHOWN
        return response


def _is_preflight(request: HttpRequest) -> bool:
    asks = "Access-Control-Request-Method" in request.headers
    return request.method == "OPTIONS" and asks


def _permission() -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = TAKEN
    response["Access-Control-Max-Age"] = REMEMBERED_S
    return response
