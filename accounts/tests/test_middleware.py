"""The principal on the request of a page."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory

from accounts.middleware import PrincipalMiddleware
from accounts.tests.factories import PASSWORD, UserFactory, personal_team_of


def through(request):
    seen = []

    def view(inner):
        seen.append(inner.principal)
        return HttpResponse()

    PrincipalMiddleware(view)(request)
    return seen[0]


@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_nobody_is_none(factory):
    request = factory().get("/")
    assert through(request) is None
    request.user = AnonymousUser()
    assert through(request) is None


@pytest.mark.django_db
def test_somebody():
    request = RequestFactory().get("/")
    request.user = UserFactory()
    principal = through(request)
    assert principal.user_id == request.user.id
    assert principal.team_id == personal_team_of(request.user).id


@pytest.mark.django_db
def test_is_looked_up_once_and_only_when_wanted(django_assert_num_queries):
    request = RequestFactory().get("/")
    request.user = UserFactory()
    with django_assert_num_queries(0):
        PrincipalMiddleware(lambda _: HttpResponse())(request)
    with django_assert_num_queries(1):
        first = getattr(request, "principal")  # noqa: B009 - the stubs do not know it
        assert getattr(request, "principal") is first  # noqa: B009 - as above


def test_a_request_stays_what_it_is():
    request = AsyncRequestFactory().get("/")
    through(request)
    assert isinstance(request, ASGIRequest)
    assert type(request).__name__ == "ASGIRequest"


@pytest.mark.django_db
def test_the_admins_own_sign_in_gives_a_team():
    """Whom `createsuperuser` made has none."""
    user = UserFactory(
        username="root",
        password=PASSWORD,
        is_staff=True,
        is_superuser=True,
        personal_team=False,
    )
    body = {"username": "root", "password": PASSWORD, "next": "/admin/"}
    assert Client().post("/admin/login/", body).status_code == 302
    assert personal_team_of(user).name == "root"
