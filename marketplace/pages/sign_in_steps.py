"""The steps of sign-in that django-allauth does, as pages of ours.

Its views are wrapped, so that what our services raise inside them becomes our error pages and
nothing of them is kept in a cache.
"""

from collections.abc import Callable
from typing import Any

from allauth.account import views as account_views
from allauth.mfa.base import views as base_views
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as webauthn_views
from allauth.socialaccount import views as social_views
from allauth.socialaccount.providers.openid_connect import views as oidc_views
from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from marketplace.pages.access import page


def _ours(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    hidden = sensitive_post_parameters("password", "password1", "password2", "code")
    wrapped: Callable[..., HttpResponse] = hidden(never_cache(page(view)))
    return wrapped


SECURITY = "account/security"
#: The names are those that django-allauth looks up.
urlpatterns = [
    path(address, _ours(view), name=name)
    for address, view, name in (
        ("login/second-step", base_views.authenticate, "mfa_authenticate"),
        ("login/disabled", account_views.account_inactive, "account_inactive"),
        ("login/forgotten", account_views.password_reset, "account_reset_password"),
        (
            "login/forgotten/sent",
            account_views.password_reset_done,
            "account_reset_password_done",
        ),
        (
            "login/reset/done",
            account_views.password_reset_from_key_done,
            "account_reset_password_from_key_done",
        ),
        (
            "login/sso/cancelled",
            social_views.login_cancelled,
            "socialaccount_login_cancelled",
        ),
        ("login/sso/error", social_views.login_error, "socialaccount_login_error"),
        ("login/sso/register", social_views.signup, "socialaccount_signup"),
        ("login/sso/<slug:provider_id>", oidc_views.login, "openid_connect_login"),
        (
            "login/sso/<slug:provider_id>/callback",
            oidc_views.callback,
            "openid_connect_callback",
        ),
        ("account/connections", social_views.connections, "socialaccount_connections"),
        ("account/confirm", account_views.reauthenticate, "account_reauthenticate"),
        ("account/confirm/code", base_views.reauthenticate, "mfa_reauthenticate"),
        (
            "account/confirm/key",
            webauthn_views.reauthenticate_webauthn,
            "mfa_reauthenticate_webauthn",
        ),
        (SECURITY, base_views.index, "mfa_index"),
        (f"{SECURITY}/app", totp_views.activate_totp, "mfa_activate_totp"),
        (f"{SECURITY}/app/remove", totp_views.deactivate_totp, "mfa_deactivate_totp"),
        (
            f"{SECURITY}/codes",
            recovery_views.view_recovery_codes,
            "mfa_view_recovery_codes",
        ),
        (
            f"{SECURITY}/codes/new",
            recovery_views.generate_recovery_codes,
            "mfa_generate_recovery_codes",
        ),
        (
            f"{SECURITY}/codes/download",
            recovery_views.download_recovery_codes,
            "mfa_download_recovery_codes",
        ),
        (f"{SECURITY}/keys", webauthn_views.list_webauthn, "mfa_list_webauthn"),
        (f"{SECURITY}/keys/new", webauthn_views.add_webauthn, "mfa_add_webauthn"),
        (
            f"{SECURITY}/keys/<int:pk>",
            webauthn_views.edit_webauthn,
            "mfa_edit_webauthn",
        ),
        (
            f"{SECURITY}/keys/<int:pk>/remove",
            webauthn_views.remove_webauthn,
            "mfa_remove_webauthn",
        ),
    )
]
# Its letter is written with a dash between the two.
urlpatterns.append(
    re_path(
        r"^login/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        _ours(account_views.password_reset_from_key),
        name="account_reset_password_from_key",
    )
)
