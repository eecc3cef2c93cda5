"""Where django-allauth asks us: what a password may be, who counts tries, who sends letters."""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import services
from accounts.models import User
from aiagents.common import clock, mail
from aiagents.common.addresses import client_address
from aiagents.common.errors import RateLimited

#: Said on every sign-in, which the next page shows anyway.
SILENT = frozenset({"account/messages/logged_in.txt"})


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """Passwords, letters and addresses of our kind."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """As we count them, behind as many proxies as are trusted."""
        return client_address(request.META)

    def clean_password(self, password: str, user: Any = None) -> str:
        """The same rules as at registration."""
        if problems := services.password_problems(password):
            raise ValidationError(problems)
        return password

    def reauthenticate(self, user: Any, password: str) -> bool:
        """Whether this is the person's password; tries are counted like those of sign-in."""
        try:
            return services.is_own_password(
                user=user,
                password=password,
                address=client_address(context.request.META),
            )
        except RateLimited as error:
            raise ValidationError(error.message) from error

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        """A mail server that is away changes nothing of the answer."""
        request = _request()
        values = {
            "request": request,
            "email": email,
            "current_site": get_current_site(request),
        }
        mail.send(self.render_mail(template_prefix, email, values | context))

    def send_password_reset_mail(
        self, user: User, email: str, context: dict[str, Any]
    ) -> None:
        """To the address as it is stored: another spelling may be another mailbox."""
        super().send_password_reset_mail(user, user.email, context)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Of changed second factors and passwords, to the address of the account."""
        if user.email:
            super().send_notification_mail(template_prefix, user, context, user.email)

    def is_safe_url(self, url: str | None) -> bool:
        """Only a path on this site."""
        return bool(url) and url_has_allowed_host_and_scheme(
            str(url), allowed_hosts=None
        )

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """What the next page says; not that one is signed in."""
        if message_template not in SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)


class OtherSiteAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """People who come from the configured OpenID provider."""

    def is_open_for_signup(
        self, request: HttpRequest, sociallogin: SocialLogin
    ) -> bool:
        """Always; what a person may do is a matter of roles."""
        return True

    def save_user(
        self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None
    ) -> User:
        """An account with a team of its own and without a password."""
        data = sociallogin.account.extra_data
        claims = data.get("userinfo") or data.get("id_token") or data
        return services.register_from_other_site(
            user=sociallogin.user,
            wanted_name=str(
                claims.get("preferred_username") or claims.get("email") or ""
            ),
            save=lambda: sociallogin.save(request),
            now=clock.now(),
        )

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Back to the page of connections."""
        return "/account/connections"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth ships no types
    """Secrets of authenticator apps are kept encrypted."""

    def encrypt(self, text: str) -> str:
        """With a key made from SECRET_KEY."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """With the key of SECRET_KEY or of one before it."""
        return _cipher().decrypt(encrypted_text.encode()).decode()


def _cipher() -> MultiFernet:
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [
        hashlib.sha256(f"accounts.second-factor:{k}".encode()).digest() for k in known
    ]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in digests])


def _request() -> HttpRequest:
    request: HttpRequest = context.request
    return request
