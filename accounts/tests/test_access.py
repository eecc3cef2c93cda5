"""Which views an API key may use."""

from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.api.access import ANY_KEY
from aiagents.common.ids import new_id
from aiagents.common.principals import Principal


class OpenView(APIView):
    """Answers 200 to whoever gets in."""

    def get(self, request):
        """Read."""
        return Response()

    post = put = get


def ask(required, *, scopes, method="get"):
    view = type(
        "View", (OpenView,), {} if required is None else {"required_scope": required}
    )
    principal: Any = Principal(
        user_id=new_id(),
        username="somebody",
        team_id=new_id(),
        team_ids=(),
        roles=frozenset({"user"}),
        scopes=None if scopes is None else frozenset(scopes),
    )
    request = getattr(APIRequestFactory(), method)("/")
    force_authenticate(request, user=NOBODY, token=principal)
    answer: Any = getattr(view, "as_view")()  # noqa: B009 - `type` has no such name
    return answer(request)


NOBODY: Any = object()
BOTH = {"GET": "executions:read", "POST": "executions:run"}


@pytest.mark.parametrize(
    ("required", "scopes", "method", "status"),
    [
        ("executions:run", ["executions:run"], "get", 200),
        ("executions:run", ["executions:read"], "get", 403),
        ("executions:run", [], "get", 403),
        ("executions:run", None, "get", 200),
        (ANY_KEY, [], "get", 200),
        (None, ["executions:run"], "get", 403),
        (None, None, "get", 200),
        (BOTH, ["executions:read"], "get", 200),
        (BOTH, ["executions:read"], "head", 200),
        (BOTH, ["executions:read"], "options", 200),
        (BOTH, ["executions:read"], "post", 403),
        (BOTH, ["executions:run"], "post", 200),
        (BOTH, ["executions:run", "executions:read"], "put", 403),
    ],
)
def test_scopes(required, scopes, method, status):
    response = ask(required, scopes=scopes, method=method)
    assert response.status_code == status
    if status == 403:
        assert response.data["reason"]
