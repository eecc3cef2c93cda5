"""The fixtures that every test may ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pytest_django.plugin import DjangoDbBlocker

from aiagents.common import dispatch, redis_client
from aiagents.testing import browser
from aiagents.testing.clock import FrozenClock
from aiagents.testing.environment import SESSION
from aiagents.testing.query_counts import QueryCounts
from aiagents.testing.redis_server import RedisServer

NO_TRUNCATE = (
    ("accounts_auditentry", "audit_no_truncate"),
    ("accounts_audithead", "audit_head_no_truncate"),
)


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> str:
    """The Redis of this test process; emptied after each test."""
    return pytestconfig.stash[SESSION].redis.url


@pytest.fixture(scope="session")
def _redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(_redis_client: redis.Redis) -> Iterator[None]:
    yield
    _redis_client.flushall()
    # A test may have seen a Redis fail; the next one has a good one.
    redis_client.rest.end()
    dispatch.broker_rest.end()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """pytest-django's own; tests with real transactions empty the tables after themselves."""
    with django_db_blocker.unblock():
        _allow_truncate()


def _allow_truncate() -> None:
    """Of the audit's triggers, switch off the one that would keep a test from tidying up."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for table, trigger in NO_TRUNCATE:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    connection.close()


@pytest.fixture
def spare_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A durable Redis that a test may kill and start again."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=True).start()
    yield server
    server.kill()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """`aiagents.common.clock` stands still at noon of 15 January 2026 until it is moved."""
    frozen = FrozenClock()
    monkeypatch.setattr("aiagents.common.clock.now", frozen.now)
    return frozen


@pytest.fixture
def query_counts(request: pytest.FixtureRequest) -> QueryCounts:
    """Counts queries against `query_counts.json` beside the test."""
    return QueryCounts(request.path.parent / "query_counts.json")


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any],
) -> dict[str, Any]:
    """Playwright's own, with the machine's Chromium."""
    return browser_type_launch_args | browser.launch_options()
