"""A signed token that is checked without a query."""

from typing import Any

import jwt
from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

ALGORITHM = "HS256"


class Token(BaseAuthentication):
    """`Authorization: Bearer <jwt>`."""

    def authenticate(self, request: Request) -> tuple[str, dict[str, Any]]:
        text = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(text, settings.SECRET_KEY, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed from error
        return claims["sub"], claims


class HasToken(BasePermission):
    """Whoever has a token."""

    def has_permission(self, request: Request, view: object) -> bool:
        return bool(request.user)
