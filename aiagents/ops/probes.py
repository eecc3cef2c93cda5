"""Is this process alive, may it get traffic, and how is the platform doing?"""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus import exports
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from accounts import permissions as account_permissions
from agents import selectors as agent_selectors
from aiagents.common import redis_client

OK, AWAY, MISSING = "ok", "away", "missing"
#: Without these no request can be answered rightly. Without Redis runs are still accepted.
NEEDED = frozenset({"database", "migrations", "policy"})
_migrated: set[str] = set()


def health(request: HttpRequest) -> JsonResponse:
    """`GET /health`: the process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """`GET /ready`: 503 while the database is away, migrations are missing or policy fails."""
    checks = {name: check() for name, check in CHECKS.items()}
    failed = {name for name, state in checks.items() if state != OK}
    if failed & NEEDED:
        body = {"status": "not ready", "checks": checks}
        return JsonResponse(body, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "degraded" if failed else "ready", "checks": checks})


def metrics(request: HttpRequest) -> HttpResponse:
    """`GET /metrics`: Prometheus text of this process and of the queue."""
    response: HttpResponse = exports.ExportToDjangoView(request)
    return response


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return AWAY
    return OK


def _migrations() -> str:
    """Asked until they are complete; applied migrations do not go away."""
    if connection.alias in _migrated:
        return OK
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError):
        return AWAY
    if plan:
        return MISSING
    _migrated.add(connection.alias)
    return OK


def _redis() -> str:
    try:
        redis_client.sync_client().ping()
    except (RedisError, OSError):
        return AWAY
    return OK


def _policy() -> str:
    return OK if account_permissions.policy_works() else AWAY


def _model() -> str:
    """Whether one is configured; asking it would cost money."""
    is_set = settings.DEMO_MODEL_URL or settings.ANTHROPIC_API_KEYS
    return OK if is_set or settings.ANTHROPIC_BASE_URL else MISSING


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "policy": _policy,
    "model": _model,
}


class PlatformCollector(Collector):
    """Figures of the queue, read when they are asked for."""

    def describe(self) -> list[Metric]:
        """Nothing: without this, registering would ask the database at import."""
        return []

    def collect(self) -> list[Metric]:
        """Executions by status and the age of the oldest that waits, in seconds."""
        try:
            figures = agent_selectors.queue_figures()
        except (DatabaseError, InterfaceError):
            return []
        unfinished = GaugeMetricFamily(
            "agent_executions_unfinished", "Executions by status.", labels=["status"]
        )
        for status, count in figures.by_status.items():
            unfinished.add_metric([status], count)
        oldest = GaugeMetricFamily(
            "agent_queue_oldest_seconds",
            "Age of the oldest due execution that nobody has claimed.",
            value=figures.oldest_due_s,
        )
        expired = GaugeMetricFamily(
            "agent_leases_expired",
            "Running executions whose lease is over and not yet swept.",
            value=figures.leases_over,
        )
        return [unfinished, oldest, expired]


REGISTRY.register(PlatformCollector())
