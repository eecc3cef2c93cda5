"""Who may see a page, and what becomes of an error raised under it."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from aiagents.common.errors import DomainError, Unauthenticated
from aiagents.common.principals import Principal
from marketplace.pages import errors

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
MAX_ADDRESS = 2000


def page(view: View[P]) -> View[P]:
    """Turn domain errors into pages, and keep a person's pages out of every cache."""

    @functools.wraps(view)
    def wrapped(
        request: HttpRequest, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Unauthenticated:
            response = to_login(request)
        except DomainError as error:
            response = errors.domain_error(request, error)
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        if find_principal(request):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return cast("View[P]", wrapped)


def find_principal(request: HttpRequest) -> Principal | None:
    """Who is signed in, if anybody."""
    principal: Principal | None = getattr(request, "principal", None)
    return principal


def principal_of(request: HttpRequest) -> Principal:
    """Who is signed in. Raises Unauthenticated, which leads to the login page."""
    principal = find_principal(request)
    if principal is None:
        raise Unauthenticated
    return principal


def to_login(request: HttpRequest) -> HttpResponse:
    """Send a visitor to the login page and back to where they were."""
    here = request.get_full_path() if request.method == "GET" else own_address(request)
    target = f"{reverse('marketplace:login')}?{_next(here)}"
    if not request.headers.get("HX-Request"):
        return HttpResponseRedirect(target)
    # htmx would follow a redirect and put the login page into a panel.
    response = HttpResponse(status=200)
    response["HX-Redirect"] = target
    return response


def _next(address: str) -> str:
    params = QueryDict(mutable=True)
    params["next"] = address
    return params.urlencode(safe="/")


def own_address(request: HttpRequest, default: str = "") -> str:
    """The `next` of a form or link when it leads to a page of ours, else `default`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if is_own(wanted):
        return wanted
    return default or reverse("marketplace:dashboard")


def is_own(address: str) -> bool:
    """Whether an address is a path on this site."""
    return (
        address.startswith("/")
        and len(address) <= MAX_ADDRESS
        and address.isprintable()
        and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    )
