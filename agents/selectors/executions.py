"""Named reads of executions; each starts at the principal."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, Sum
from django.db.models.functions import Now

from agents.choices import TERMINAL_VALUES, ExecutionStatus
from agents.errors import ExecutionNotFound
from agents.models import Execution
from agents.querysets import ExecutionQuerySet
from aiagents.common import ids
from aiagents.common.principals import Principal
from aiagents.common.progress import Outcome

#: Upper bounds of the histogram, in seconds: from a short answer to the usual deadline.
BUCKETS_S = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Where a queued execution stands."""

    #: 1 is next.
    position: int
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFigures:
    """Finished runs of one agent, for Prometheus."""

    by_status: Mapping[str, int]
    #: Runs that took at most so many seconds, for each bound of BUCKETS_S.
    at_most: Mapping[float, int]
    count: int
    sum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """The state of the queue, for operators."""

    by_status: Mapping[str, int]
    oldest_due_s: float
    leases_over: int


def list_executions(*, by: Principal) -> ExecutionQuerySet:
    """The executions of the principal's teams, newest first; definitions stay where they are."""
    rows = Execution.objects.visible_to(by).newest_first()
    rows = rows.select_related("agent", "version", "user")
    return rows.defer("version__definition", "agent__description", "agent__tags")


def lists_filtered(
    *,
    by: Principal,
    status: str = "",
    agent: str = "",
    batch: uuid.UUID | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> ExecutionQuerySet:
    """As `list_executions`, narrowed by what is given; `until` is exclusive."""
    wanted = Q()
    if status:
        wanted &= Q(status=status)
    if agent:
        wanted &= Q(agent__slug=agent)
    if batch:
        wanted &= Q(batch_id=batch)
    if since:
        wanted &= Q(created_at__gte=since)
    if until:
        wanted &= Q(created_at__lt=until)
    return list_executions(by=by).filter(wanted)


def get_execution(execution_id: str | uuid.UUID, *, by: Principal) -> Execution:
    """One execution. Raises ExecutionNotFound for a foreign, missing or malformed id."""
    key = ids.parse_id(execution_id)
    rows = Execution.objects.visible_to(by).select_related(
        "agent__category", "agent__topic", "version", "user", "api_key"
    )
    found = rows.filter(id=key).first() if key else None
    if found is None:
        raise ExecutionNotFound
    return found


def find_outcome(execution_id: uuid.UUID) -> Outcome | None:
    """The stored end of an execution that the caller may see; None while it goes on."""
    row = (
        Execution.objects.filter(id=execution_id, status__in=TERMINAL_VALUES)
        .values_list("status", "output", "attempt")
        .first()
    )
    return Outcome(status=row[0], text=row[1], attempt=row[2]) if row else None


def queue_place(execution: Execution) -> QueuePlace | None:
    """How many of the lane would be taken before it; None when it does not queue."""
    if execution.status != ExecutionStatus.QUEUED:
        return None
    queue = Execution.objects.claimable().filter(lane=execution.lane)
    earlier = Q(available_at__lt=execution.available_at) | Q(
        available_at=execution.available_at, id__lt=execution.id
    )
    return QueuePlace(position=queue.filter(earlier).count() + 1, lane=execution.lane)


def queue_figures() -> QueueFigures:
    """How much is unfinished, and how long the oldest due execution has waited."""
    unfinished = Execution.objects.unfinished()
    by_status = (
        unfinished.values("status").annotate(count=Count("id")).order_by("status")
    )
    waits = ExpressionWrapper(Now() - F("available_at"), output_field=DurationField())
    oldest = (
        Execution.objects.claimable().annotate(waits=waits).aggregate(most=Max("waits"))
    )
    return QueueFigures(
        by_status={row["status"]: row["count"] for row in by_status},
        oldest_due_s=oldest["most"].total_seconds() if oldest["most"] else 0.0,
        leases_over=Execution.objects.lease_over().count(),
    )


def agent_request_figures(slug: str) -> RequestFigures:
    """What an agent's `/metrics` shows, counted from the rows."""
    took = ExpressionWrapper(
        F("finished_at") - F("started_at"), output_field=DurationField()
    )
    rows = Execution.objects.filter(agent__slug=slug, finished_at__isnull=False)
    statuses = rows.values("status").annotate(count=Count("id")).order_by("status")
    timed = rows.filter(started_at__isnull=False).annotate(took=took)
    bounds = {
        f"b{index}": Count("id", filter=Q(took__lte=dt.timedelta(seconds=bound)))
        for index, bound in enumerate(BUCKETS_S)
    }
    totals = timed.aggregate(count=Count("id"), total=Sum("took"), **bounds)
    return RequestFigures(
        by_status={row["status"]: row["count"] for row in statuses},
        at_most={bound: totals[f"b{index}"] for index, bound in enumerate(BUCKETS_S)},
        count=totals["count"],
        sum_s=totals["total"].total_seconds() if totals["total"] else 0.0,
    )
