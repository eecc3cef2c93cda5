"""A person's own settings: profile, theme, API keys."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import selectors as account_selectors
from accounts import services as account_services
from accounts.choices import Role, Scope
from accounts.errors import TooManyKeys
from accounts.services import NewKey
from aiagents.common import clock
from aiagents.common.errors import InvalidInput
from aiagents.common.principals import Principal
from marketplace import forms
from marketplace.forms import FormField, Option
from marketplace.pages.access import own_address, page, principal_of
from marketplace.pages.context import THEME_COOKIE, THEMES

YEAR_S = 365 * 24 * 3600
USUAL_SCOPES = (Scope.AGENTS_READ, Scope.EXECUTIONS_RUN, Scope.EXECUTIONS_READ)


@require_safe
@page
def profile(request: HttpRequest) -> HttpResponse:
    """Who the person is to the platform."""
    by = principal_of(request)
    labels = dict(Role.choices)
    roles = sorted(labels.get(role, role) for role in by.roles)
    context = {
        "me": account_selectors.me(by),
        "roles": roles,
        "limits": _limits(),
        "budgets": account_selectors.own_budgets(by, now=clock.now()),
    }
    return render(request, "account/profile.html", context)


@require_POST
@page
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep light or dark in a cookie; `system` forgets it."""
    response = HttpResponseRedirect(
        own_address(request, default="/"), status=HTTPStatus.SEE_OTHER
    )
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
        return response
    response.set_cookie(
        THEME_COOKIE,
        chosen,
        max_age=YEAR_S,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@page
def api_keys(request: HttpRequest) -> HttpResponse:
    """The person's keys; a POST makes one, which is shown in its answer only."""
    by = principal_of(request)
    if request.method != "POST":
        return _keys_page(request, by)
    try:
        key = account_services.create_api_key(
            name=request.POST.get("name", ""),
            scopes=request.POST.getlist("scopes"),
            by=by,
            now=clock.now(),
        )
    except InvalidInput as error:
        return _keys_page(request, by, errors=error.errors, status=400)
    except TooManyKeys as error:
        return _keys_page(request, by, errors={"": [error.message]}, status=409)
    return _keys_page(request, by, new_key=key, status=201)


@require_POST
@page
def revoke_key(request: HttpRequest, key_id: str) -> HttpResponse:
    """End a key."""
    by = principal_of(request)
    account_services.revoke_api_key(key_id=key_id, by=by, now=clock.now())
    return redirect("marketplace:api_keys")


def _limits() -> list[dict[str, str]]:
    """What the platform allows this person at most, as it is configured."""
    requests = settings.RATE_LIMIT_REQUESTS
    texts = {
        "Requests": f"{requests} in {settings.RATE_LIMIT_WINDOW_SECONDS} s, keys included",
        "Runs at a time": f"{settings.TEAM_MAX_RUNNING} per team",
        "A run's time": f"{settings.EXECUTION_DEADLINE_S // 60} min",
        "Size of a request": f"{settings.MAX_REQUEST_BYTES // 1000} kB",
        "Failed sign-ins": f"{settings.LOGIN_LIMIT_PER_MINUTE} a minute",
    }
    return [{"label": label, "text": text} for label, text in texts.items()]


def _keys_page(
    request: HttpRequest,
    by: Principal,
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    new_key: NewKey | None = None,
    status: int = 200,
) -> HttpResponse:
    fields = _key_fields(request, is_new=new_key is None)
    context = {
        "keys": list(account_selectors.list_api_keys(by)),
        "new_key": new_key.secret if new_key else "",
        "new_key_name": new_key.row.name if new_key else "",
        "fields": forms.with_errors(fields, errors or {}),
        "loose_errors": forms.loose_errors(fields, errors or {}),
        "has_errors": bool(errors),
    }
    return render(request, "account/api_keys.html", context, status=status)


def _key_fields(request: HttpRequest, *, is_new: bool) -> list[FormField]:
    """The form; as it was typed when it was refused."""
    was_sent = request.method == "POST" and is_new
    chosen = request.POST.getlist("scopes") if was_sent else USUAL_SCOPES
    return [
        FormField(
            name="name",
            label="Name",
            is_required=True,
            value=request.POST.get("name", "") if was_sent else "",
            help="What will use it, such as “reporting job”.",
            attributes={"maxlength": "100", "autocomplete": "off"},
        ),
        FormField(
            name="scopes",
            label="Scopes",
            control="choices",
            type="checkbox",
            is_required=True,
            options=tuple(
                Option(
                    value=value, label=f"{label} ({value})", is_chosen=value in chosen
                )
                for value, label in Scope.choices
            ),
        ),
    ]
