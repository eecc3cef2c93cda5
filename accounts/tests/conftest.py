"""The standing cast, and a limiter that remembers nothing of the test before."""

import pytest

from accounts.limits import window
from accounts.tests.cast import *  # noqa: F403 - fixtures are taken by name
from aiagents.common import redis_client


@pytest.fixture(autouse=True)
def _fresh_limiter():
    window.local_window.clear()
    redis_client.rest.end()
    yield
    window.local_window.clear()
    redis_client.rest.end()
