"""The sign-in form of the admin, under the same guard as every other sign-in."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm  # type: ignore[import-untyped] # it ships no types

from accounts import services
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.errors import DomainError


class GuardedSignInForm(AuthenticationForm):  # type: ignore[misc] # unfold ships no types
    """Name and password of somebody who may see the admin."""

    def clean(self) -> dict[str, Any]:
        """The person is signed in by our service, which counts failures and records it."""
        given: dict[str, Any] = self.cleaned_data
        try:
            user = services.sign_in(
                username=given.get("username", ""),
                password=given.get("password", ""),
                address=client_address(self.request.META),
                now=clock.now(),
            )
        except DomainError as error:
            raise ValidationError(error.message) from error
        self.confirm_login_allowed(user)
        user.backend = settings.AUTHENTICATION_BACKENDS[0]
        self.user_cache = user
        return given
