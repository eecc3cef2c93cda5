"""A person's own data: to take away, and to delete with the account."""

from collections.abc import AsyncIterator, Iterator

from django.contrib import auth as django_auth
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors as account_selectors
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.connections import in_thread
from aiagents.common.errors import Conflict, InvalidInput
from aiagents.common.principals import Principal
from marketplace import forms, selectors, services
from marketplace.forms import FormField
from marketplace.pages.access import page, principal_of
from marketplace.pages.security import LONGEST, Errors
from marketplace.rendering.archive import zip_parts


@require_safe
@page
def overview(request: HttpRequest) -> HttpResponse:
    """What can be taken away, and what deletion does."""
    return _page(request, principal_of(request))


@require_POST
@page
def export(request: HttpRequest) -> HttpResponse:
    """Everything the platform keeps of the person, as a ZIP that is written while it is sent."""
    by = principal_of(request)
    parts = zip_parts(selectors.export_files(by))
    # Each server iterates its own kind; the other kind would be collected in memory first.
    body = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    name = f"aiagents-{by.username}-{clock.now():%Y-%m-%d}.zip"
    return StreamingHttpResponse(  # type: ignore[return-value] # a response all the same
        body,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@sensitive_post_parameters("password")
@never_cache
@require_POST
@page
def delete(request: HttpRequest) -> HttpResponse:
    """Delete the account, after the name and the password were typed."""
    by = principal_of(request)
    try:
        services.delete_account(
            by=by,
            username=request.POST.get("username", ""),
            password=request.POST.get("password", ""),
            address=client_address(request.META),
            now=clock.now(),
        )
    except InvalidInput as error:
        return _page(request, by, errors=error.errors)
    except Conflict as error:
        return _page(request, by, errors={"": [error.message]})
    django_auth.logout(request)
    return redirect("marketplace:agent_list")


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while part := await in_thread(next, parts, b""):
        yield part


def _page(
    request: HttpRequest, by: Principal, *, errors: Errors | None = None
) -> HttpResponse:
    fields = _fields(by)
    context = {
        "fields": forms.with_errors(fields, errors or {}),
        "loose_errors": forms.loose_errors(fields, errors or {}),
        "has_errors": bool(errors),
    }
    status = 400 if errors else 200
    return render(request, "account/data.html", context, status=status)


def _fields(by: Principal) -> list[FormField]:
    name = FormField(
        name="username",
        label=f"Type your name, {by.username}",
        is_required=True,
        attributes=LONGEST | {"autocomplete": "off", "autocapitalize": "none"},
    )
    secret = FormField(
        name="password",
        label="Your password",
        control="password",
        is_required=True,
        attributes=LONGEST | {"autocomplete": "current-password"},
    )
    return [name, secret] if account_selectors.has_password(by) else [name]
