"""How a person signs in, and where they are signed in."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import selectors as account_selectors
from accounts import services as account_services
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.errors import InvalidInput
from aiagents.common.principals import Principal
from marketplace import forms
from marketplace.forms import FormField
from marketplace.pages.access import page, principal_of
from marketplace.pages.auth import renew_session

Errors = Mapping[str, Sequence[str]]
LONGEST = {"maxlength": "256"}


@sensitive_post_parameters("current_password", "new_password", "password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@page
def password(request: HttpRequest) -> HttpResponse:
    """Change one's password; every other session and every token ends."""
    by = principal_of(request)
    if request.method != "POST":
        return _password_page(request, by)
    try:
        user = account_services.change_password(
            principal=by,
            current=request.POST.get("current_password", ""),
            new=request.POST.get("new_password", ""),
            address=client_address(request.META),
            now=clock.now(),
        )
    except InvalidInput as error:
        return _password_page(request, by, errors=error.errors)
    renew_session(request, user)
    return _password_page(request, by, done="Your password is changed.")


@sensitive_post_parameters("password")
@never_cache
@require_POST
@page
def email(request: HttpRequest) -> HttpResponse:
    """Change the address to which letters go."""
    by = principal_of(request)
    try:
        account_services.set_email(
            principal=by,
            email=request.POST.get("email", ""),
            password=request.POST.get("password", ""),
            address=client_address(request.META),
        )
    except InvalidInput as error:
        return _password_page(request, by, errors=error.errors)
    return _password_page(request, by, done="Your mail address is changed.")


@require_safe
@page
def sessions(request: HttpRequest) -> HttpResponse:
    """Where the person is signed in."""
    by = principal_of(request)
    context = {
        "browsers": list(account_selectors.list_browser_sessions(by)),
        "programs": list(account_selectors.list_token_chains(by, now=clock.now())),
        "here_id": by.session_id,
    }
    return render(request, "account/sessions.html", context)


@require_POST
@page
def end_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Sign one browser or program out."""
    account_services.end_session(
        session_id=session_id, by=principal_of(request), now=clock.now()
    )
    return redirect("marketplace:sessions")


@require_POST
@page
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    account_services.end_other_sessions(by=principal_of(request), now=clock.now())
    return redirect("marketplace:sessions")


def to_password(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """Where the administration's link to change a password leads."""
    return redirect("marketplace:password")


def _password_page(
    request: HttpRequest, by: Principal, *, errors: Errors | None = None, done: str = ""
) -> HttpResponse:
    context = {
        "fields": forms.with_errors(_password_fields(), errors or {}),
        "email_fields": forms.with_errors(_email_fields(by), errors or {}),
        "has_password": account_selectors.has_password(by),
        "done": done,
    }
    status = 400 if errors else 200
    return render(request, "account/password.html", context, status=status)


def _password_fields() -> list[FormField]:
    return [
        FormField(
            name="current_password",
            label="Your password now",
            control="password",
            is_required=True,
            attributes=LONGEST | {"autocomplete": "current-password"},
        ),
        FormField(
            name="new_password",
            label="New password",
            control="password",
            is_required=True,
            help="At least 8 characters, and not one of the common ones.",
            attributes=LONGEST | {"autocomplete": "new-password"},
        ),
    ]


def _email_fields(by: Principal) -> list[FormField]:
    fields = [
        FormField(
            name="email",
            label="Email",
            type="email",
            value=account_selectors.me(by)["email"],
            help="Where the letter goes when you have forgotten your password.",
            attributes={"maxlength": "254", "autocomplete": "email"},
        )
    ]
    if account_selectors.has_password(by):
        fields.append(
            FormField(
                name="password",
                label="Your password",
                control="password",
                is_required=True,
                attributes=LONGEST | {"autocomplete": "current-password"},
            )
        )
    return fields
