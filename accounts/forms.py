"""Forms of django-allauth, with our count of tries in front."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django.core.exceptions import ValidationError

from accounts import selectors, services
from aiagents.common.addresses import client_address
from aiagents.common.errors import RateLimited


class ForgottenForm(ResetPasswordForm):  # type: ignore[misc] # allauth ships no types
    """Asks for a letter; the answer is the same whether the address is known."""

    def clean_email(self) -> str:
        """Count letters per sender and per address, then see whose address it is."""
        email = str(self.cleaned_data["email"])
        try:
            services.count_letter(
                email=email, address=client_address(context.request.META)
            )
        except RateLimited as error:
            raise ValidationError(error.message) from error
        self.users = selectors.list_people_by_email(email)
        return email


class CodeForm(AuthenticateForm):  # type: ignore[misc] # allauth ships no types
    """The second step of sign-in."""

    def clean_code(self) -> str:
        """Count wrong codes per account."""
        return _counted(self, super().clean_code)


class CodeAgainForm(ReauthenticateForm):  # type: ignore[misc] # allauth ships no types
    """A code before something important."""

    def clean_code(self) -> str:
        """Count wrong codes per account."""
        return _counted(self, super().clean_code)


def _counted(form: Any, clean: Any) -> str:
    try:
        with services.counting_codes(
            user_id=form.user.pk, code=form.cleaned_data["code"]
        ):
            code: str = clean()
    except RateLimited as error:
        raise ValidationError(error.message) from error
    return code
