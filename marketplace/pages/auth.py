"""Signing in and out, and making an account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from allauth.account.utils import perform_login
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from django.conf import settings
from django.contrib import auth as django_auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services as account_services
from accounts.errors import UsernameTaken
from accounts.models import User
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.errors import InvalidInput, RateLimited, Unauthenticated
from marketplace import forms
from marketplace.forms import FormField
from marketplace.pages.access import find_principal, is_own, own_address, page

NOT_STAFF = (
    "You are signed in, but not with a staff account, which the administration needs."
)
MAX_FIELD = "256"
BACKEND = settings.AUTHENTICATION_BACKENDS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a form was refused."""

    status: int
    sentence: str = ""
    errors: Mapping[str, Sequence[str]] | None = None
    retry_after_s: int = 0


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@page
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with name and password; then on to `next`."""
    if request.method != "POST":
        return _skip_if_signed_in(request) or _login_form(request)
    try:
        user = account_services.verify_password(
            username=request.POST.get("username", ""),
            password=request.POST.get("password", ""),
            address=client_address(request.META),
        )
    except Unauthenticated as error:
        return _login_form(request, Refused(status=401, sentence=error.message))
    except RateLimited as error:
        return _login_form(request, _too_many(error))
    return _signed_in(request, user)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@page
def register(request: HttpRequest) -> HttpResponse:
    """Make an account, and be signed in with it."""
    if request.method != "POST":
        return _skip_if_signed_in(request) or _register_form(request)
    try:
        user = account_services.register_user(
            username=request.POST.get("username", ""),
            password=request.POST.get("password", ""),
            email=request.POST.get("email", "").strip(),
            address=client_address(request.META),
            now=clock.now(),
        )
    except InvalidInput as error:
        return _register_form(request, Refused(status=400, errors=error.errors))
    except UsernameTaken as error:
        errors = {"username": [error.message]}
        return _register_form(request, Refused(status=409, errors=errors))
    except RateLimited as error:
        return _register_form(request, _too_many(error))
    return _signed_in(request, user)


@require_POST
@page
def logout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    django_auth.logout(request)
    return redirect("marketplace:agent_list")


def renew_session(request: HttpRequest, user: User) -> None:
    """Keep this browser signed in although all sessions of the person have just ended."""
    django_auth.login(request, user, backend=BACKEND)


def _signed_in(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in, or go on to the second step where the person has one."""
    user.backend = BACKEND
    # Cycles the session's key, so that one planted before is worth nothing.
    response: HttpResponse = perform_login(
        request, user, redirect_url=own_address(request, default=_home(request))
    )
    if not _home(request):
        response.status_code = int(HTTPStatus.SEE_OTHER)
    return response


def _home(request: HttpRequest) -> str:
    """Where a sign-in leads without `next`: the same form serves the administration."""
    admin_index = reverse("admin:index")
    return admin_index if request.path.startswith(admin_index) else ""


def _skip_if_signed_in(request: HttpRequest) -> HttpResponse | None:
    if find_principal(request) is None or _is_not_enough(request):
        return None
    return redirect(own_address(request, default=_home(request)))


def _is_not_enough(request: HttpRequest) -> bool:
    """Whether somebody signed in stands at the door of the administration, which is not theirs."""
    user = request.user
    return bool(_home(request)) and user.is_authenticated and not user.is_staff


def _too_many(error: RateLimited) -> Refused:
    wait = error.retry_after_s
    unit = "second" if wait == 1 else "seconds"
    sentence = f"{error.message} The next try is possible in {wait} {unit}."
    return Refused(status=429, sentence=sentence, retry_after_s=wait)


def _login_form(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    fields = [
        FormField(
            name="username",
            label="Name",
            is_required=True,
            value=request.POST.get("username", ""),
            attributes=_text("username"),
        ),
        FormField(
            name="password",
            label="Password",
            control="password",
            is_required=True,
            attributes=_text("current-password"),
        ),
    ]
    texts = {
        "title": "Sign in",
        "intro": NOT_STAFF if _is_not_enough(request) else "",
        "action": "Sign in",
        "other_text": "No account yet?",
        "other_label": "Create one",
        "other_url": _with_next(request, "marketplace:register"),
        "forgotten_url": reverse("account_reset_password") if _has_mail() else "",
        "other_sites": [
            {"name": app.name, "url": _other_site(request, app.provider_id)}
            for app in get_social_adapter().list_apps(request)
        ],
    }
    return _form(request, fields, texts, refused)


def _register_form(
    request: HttpRequest, refused: Refused | None = None
) -> HttpResponse:
    fields = [
        FormField(
            name="username",
            label="Name",
            is_required=True,
            value=request.POST.get("username", ""),
            help="3 to 50 characters: letters, digits, dot, dash and underscore.",
            attributes=_text("username"),
        ),
        FormField(
            name="password",
            label="Password",
            control="password",
            is_required=True,
            help="At least 8 characters, and not one of the common ones.",
            attributes=_text("new-password"),
        ),
        FormField(
            name="email",
            label="Email",
            type="email",
            value=request.POST.get("email", ""),
            attributes=_text("email"),
        ),
    ]
    texts = {
        "title": "Create an account",
        "intro": "You get a team of your own and can run agents at once.",
        "action": "Create account",
        "other_text": "Have an account?",
        "other_label": "Sign in",
        "other_url": _with_next(request, "marketplace:login"),
    }
    return _form(request, fields, texts, refused)


def _text(autocomplete: str) -> dict[str, str]:
    plain = {"autocapitalize": "none", "spellcheck": "false"}
    return {"autocomplete": autocomplete, "maxlength": MAX_FIELD} | plain


def _with_next(request: HttpRequest, name: str) -> str:
    wanted = _next(request)
    return reverse(name) + (f"?{urlencode({'next': wanted})}" if wanted else "")


def _has_mail() -> bool:
    return not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")


def _other_site(request: HttpRequest, provider_id: str) -> str:
    wanted = _next(request)
    address = reverse("openid_connect_login", args=[provider_id])
    return address + (f"?{urlencode({'next': wanted})}" if wanted else "")


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if is_own(wanted) else ""


def _form(
    request: HttpRequest,
    fields: Sequence[FormField],
    texts: Mapping[str, Any],
    refused: Refused | None,
) -> HttpResponse:
    errors = (refused.errors or {}) if refused else {}
    context = {
        "next": _next(request),
        "fields": forms.with_errors(fields, errors),
        "has_errors": bool(errors),
        "refusal": refused.sentence if refused else "",
        **texts,
    }
    status = refused.status if refused else HTTPStatus.OK
    response = render(request, "auth.html", context, status=status)
    if refused and refused.retry_after_s:
        response["Retry-After"] = str(refused.retry_after_s)
    return response
