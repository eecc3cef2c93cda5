"""Schemathesis against the OpenAPI document: whatever is sent, no 500, and answers conform.

Requests are made from the document itself, good ones and bad ones, bounded in number and the
same in every run. They go through the whole WSGI application.
"""

from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.tests import factories
from accounts.tests.cast import *  # noqa: F403 - fixtures
from agents.tests.factories import AgentFactory, ExecutionFactory
from aiagents.tests.test_matrix import routes, schema

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Of each kind; derandomised, so a run that fails fails again.
EXAMPLES = 15
BOUNDED = examples(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@cache
def loaded() -> Any:
    return schemathesis.openapi.from_dict(schema())


@pytest.fixture(autouse=True)
def _open_connection():
    """The end of a request would close the connection that holds the test's transaction."""
    ends = (signals.request_started, signals.request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.fixture
def things(owner, settings, monkeypatch):
    """Ids of things that are there, so that requests get further than 404."""
    settings.RATE_LIMIT_REQUESTS = settings.SIGNUP_LIMIT_PER_HOUR = 100_000
    # Runs are accepted here and not waited for.
    monkeypatch.setattr("agents.api.service.WAIT_S", 0.0)
    monkeypatch.setattr("agents.api.parameters.MAX_WAIT_S", 0.0)
    run = ExecutionFactory(
        team_id=owner.principal.team_id, user=owner.user, succeeded=True
    )
    key = factories.ApiKeyFactory(user=owner.user)
    return {
        "slug": AgentFactory().slug,
        "execution_id": str(run.id),
        "key_id": str(key.id),
    }


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", sorted(routes()))
def test_answers_conform(route, mode, owner, things):
    method, path = route.split(" ")
    operation = loaded()[path][method]
    application = get_wsgi_application()
    headers = {"Authorization": f"Bearer {owner.credential}"}

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
    def check(case, is_there):
        if is_there and case.path_parameters:
            case.path_parameters = {
                name: things.get(name, value)
                for name, value in case.path_parameters.items()
            }
        response = case.call(app=application, headers=headers)
        case.validate_response(response, checks=CHECKS)

    try:
        check()
    except Unsatisfiable:
        # Of some addresses nothing bad can be asked; each can be asked something good.
        assert mode is GenerationMode.NEGATIVE
