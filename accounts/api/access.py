"""May this caller use this address at all? What it may see there, querysets decide."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.api import throttling
from aiagents.common.api.callers import principal_of
from aiagents.common.errors import NotAllowed
from aiagents.common.principals import Principal

if TYPE_CHECKING:
    # rest_framework.views imports the default classes, and so this module.
    from rest_framework.views import APIView

#: For `required_scope`: every API key may, whatever its scopes.
ANY_KEY = ""
READING = frozenset({"HEAD", "OPTIONS"})


class SignedIn(BasePermission):
    """Signed in, and with the scope that the view's `required_scope` names.

    `required_scope` is a scope, `ANY_KEY`, or a mapping of method to one of these. A view or a
    method without one is for people: API keys are refused.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True, or raises Unauthenticated, NotAllowed, RateLimited."""
        throttling.count(request)
        principal = principal_of(request)
        if principal.scopes is not None:
            _check_scope(principal, _scope_of(view, str(request.method)))
        return True


def _scope_of(view: "APIView", method: str) -> str | None:
    required: str | Mapping[str, str] | None = getattr(view, "required_scope", None)
    if isinstance(required, Mapping):
        return required.get("GET" if method in READING else method)
    return required


def _check_scope(principal: Principal, scope: str | None) -> None:
    if scope is None:
        raise NotAllowed("An API key cannot do this; sign in as a person.")
    if scope != ANY_KEY and not principal.has_scope(scope):
        raise NotAllowed(
            f"This API key lacks the scope '{scope}'; make a key that has it."
        )
