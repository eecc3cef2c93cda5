"""Who sent this API request?"""

from typing import cast

from django.http import HttpRequest
from rest_framework.request import Request

from aiagents.common.errors import Unauthenticated
from aiagents.common.principals import Principal


def find_principal(request: Request) -> Principal | None:
    """Who asks; None for nobody."""
    return cast("Principal | None", request.auth)


def principal_of(request: Request) -> Principal:
    """Who asks. Raises Unauthenticated for nobody."""
    principal = find_principal(request)
    if principal is None:
        raise Unauthenticated
    return principal


def http_of(request: Request) -> HttpRequest:
    """Django's request inside DRF's: the one that middleware sees."""
    return request._request  # noqa: SLF001 - DRF has no public name for it
