"""Which agents and executions a principal may see, and which need attention."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from agents.choices import (
    ErrorCause,
    ExecutionStatus,
    ItemState,
    VersionStatus,
)
from aiagents.common.principals import Principal

if TYPE_CHECKING:
    from agents.models import (
        Agent,
        AgentVersion,
        Batch,
        BatchItem,
        EvalResult,
        Execution,
        Shipment,
    )

#: The provider that nothing is measured by.
DEMO = "demo"
END_EVENT_FIELDS = (
    *("id", "team_id", "user_id", "lane", "status", "attempt", "failures"),
    *("started_at", "finished_at", "provider", "model", "output"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *(
        "cost_usd",
        "reserved_usd",
        "budget_usages",
        "error_code",
        "error_cause",
        "error_message",
    ),
    *("agent__slug", "agent__category__slug", "version__number"),
)


class AgentQuerySet(models.QuerySet["Agent"]):
    """Agents."""

    def listed(self) -> "AgentQuerySet":
        """What everybody may see: agents with a published version."""
        return self.filter(live_version__isnull=False)


class VersionQuerySet(models.QuerySet["AgentVersion"]):
    """Versions."""

    def runnable(self) -> "VersionQuerySet":
        """Published or deprecated: a caller may pin either."""
        return self.filter(
            status__in=[VersionStatus.PUBLISHED, VersionStatus.DEPRECATED]
        )


class ExecutionQuerySet(models.QuerySet["Execution"]):
    """Executions."""

    def visible_to(self, principal: Principal) -> "ExecutionQuerySet":
        """Executions of the principal's teams."""
        return self.filter(team_id__in=principal.team_ids)

    def unfinished(self) -> "ExecutionQuerySet":
        """Those that can still change."""
        return self.filter(finished_at=None)

    def claimable(self) -> "ExecutionQuerySet":
        """Queued, due, and not asked to stop; by the database's clock."""
        return self.filter(
            status=ExecutionStatus.QUEUED,
            available_at__lte=Now(),
            deadline_at__gt=Now(),
            cancel_requested_at=None,
        )

    def unsuspected(self) -> "ExecutionQuerySet":
        """Without those whose last worker was lost, perhaps by their doing."""
        return self.exclude(wait_reason=ErrorCause.WORKER_LOST)

    def held(self) -> "ExecutionQuerySet":
        """Running and not asked to stop; with the attempt, the fence of every write."""
        return self.filter(status=ExecutionStatus.RUNNING, cancel_requested_at=None)

    def for_end_event(self) -> "ExecutionQuerySet":
        """With what the event of an end tells, and without the inputs."""
        return self.select_related("agent__category", "version").only(*END_EVENT_FIELDS)

    def lease_over(self) -> "ExecutionQuerySet":
        """Running, but their worker has not been heard of in time."""
        return self.filter(status=ExecutionStatus.RUNNING, lease_until__lt=Now())

    def asked_to_stop(self) -> "ExecutionQuerySet":
        """Somebody has cancelled them."""
        return self.filter(cancel_requested_at__isnull=False)

    def exhausted(self, max_failures: int) -> "ExecutionQuerySet":
        """One more failure is the last."""
        return self.filter(failures__gte=max_failures - 1)

    def deadline_over(self) -> "ExecutionQuerySet":
        """Not finished although their time is up."""
        return self.unfinished().filter(deadline_at__lt=Now())

    def forgotten(self, patience: dt.timedelta) -> "ExecutionQuerySet":
        """Queued, due, and nobody was woken for `patience`."""
        return self.claimable().filter(woken_at__lt=Now() - patience)

    def newest_first(self) -> "ExecutionQuerySet":
        """In the order of every list."""
        return self.order_by(F("created_at").desc(), F("id").desc())


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches."""

    def visible_to(self, principal: Principal) -> "BatchQuerySet":
        """Batches of the principal's teams."""
        return self.filter(team_id__in=principal.team_ids)

    def unfinished(self) -> "BatchQuerySet":
        """Those that can still change."""
        return self.filter(finished_at=None)

    def newest_first(self) -> "BatchQuerySet":
        """In the order of every list."""
        return self.order_by(F("created_at").desc(), F("id").desc())


class ItemQuerySet(models.QuerySet["BatchItem"]):
    """Rows of batches."""

    def pending(self) -> "ItemQuerySet":
        """To be started, in the order of the file."""
        return self.filter(state=ItemState.PENDING).order_by("position")

    def started(self) -> "ItemQuerySet":
        """Under way, or over and not counted yet."""
        return self.filter(state=ItemState.STARTED)

    def ended(self) -> "ItemQuerySet":
        """Over and not counted yet."""
        return self.started().filter(execution__finished_at__isnull=False)


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    """Parts of batches at a provider."""

    def open(self) -> "ShipmentQuerySet":
        """Not settled."""
        return self.filter(closed_at=None)

    def due(self) -> "ShipmentQuerySet":
        """To be looked at, by the database's clock."""
        return self.open().filter(due_at__lte=Now())


class EvalResultQuerySet(models.QuerySet["EvalResult"]):
    """Results of evals."""

    def of_live_models(self) -> "EvalResultQuerySet":
        """Those that say something about quality: judged, and not the demo model's."""
        judged = models.Q(passed_count__gt=0) | models.Q(failed_count__gt=0)
        return self.exclude(provider=DEMO).filter(judged)
