"""Measuring how agents do, a little behind their runs.

Pages and lists read what was measured, so that they cost the same however many runs are stored.
Each refresh looks only at agents whose runs ended, or whose people changed, since the last one.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, Q

from agents.choices import ExecutionStatus
from agents.models import AgentFigures, Execution, ExecutionFeedback
from analytics.services import locked_watermark

WATERMARK = "agent_figures"
#: Runs that say nothing about an agent: the demo model's, and those that met no model.
NOT_MEASURED = ("", "demo")
RECENT = dt.timedelta(days=7)
#: Medians are of the last so many successful runs of so long.
SAMPLE_RUNS = 100
SAMPLE_AGE = dt.timedelta(days=90)
#: What ended so lately may still be in an open transaction.
LAG = dt.timedelta(seconds=30)
#: The people of the last week become fewer without any run.
STALE = dt.timedelta(hours=1)
MICRO = Decimal("0.000001")


@transaction.atomic
def refresh_figures(*, now: dt.datetime) -> int:
    """Measure what has changed up to 30 s ago; returns of how many agents.

    Safe to run in several copies: each run of an agent is counted once.
    """
    mark = locked_watermark(WATERMARK)
    window = _Window(after=mark.until, until=now - LAG)
    added = window.added_runs()
    changed = {*added, *window.rated_agents(), *_stale_agents(now)}
    runs = dict(_stored_runs(changed))
    rows = [
        _measured(key, runs=runs.get(key, 0) + added.get(key, 0), now=now)
        for key in changed
    ]
    AgentFigures.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["agent"],
        update_fields=[f.name for f in AgentFigures._meta.fields if not f.primary_key],  # noqa: SLF001 - a public name of Django
    )
    mark.until = window.until
    mark.save()
    return len(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The time that one refresh looks at."""

    after: dt.datetime
    until: dt.datetime

    def added_runs(self) -> dict[uuid.UUID, int]:
        """How many runs that count have ended, by agent; 0 where only others did."""
        ended = Execution.objects.filter(
            finished_at__gt=self.after, finished_at__lte=self.until
        )
        counted = Count("id", filter=~Q(provider__in=NOT_MEASURED))
        rows = ended.order_by().values_list("agent_id").annotate(runs=counted)
        return dict(rows)

    def rated_agents(self) -> Iterable[uuid.UUID]:
        """Agents that people have rated."""
        rated = ExecutionFeedback.objects.filter(
            created_at__gt=self.after, created_at__lte=self.until
        )
        return rated.values_list("execution__agent_id", flat=True)


def _stale_agents(now: dt.datetime) -> Iterable[uuid.UUID]:
    rows = AgentFigures.objects.filter(measured_at__lt=now - STALE, users_7d__gt=0)
    return rows.values_list("agent_id", flat=True)


def _stored_runs(
    agent_ids: Collection[uuid.UUID],
) -> Iterable[tuple[uuid.UUID, int]]:
    rows = AgentFigures.objects.filter(agent_id__in=agent_ids)
    return rows.values_list("agent_id", "runs")


def _measured(agent_id: uuid.UUID, *, runs: int, now: dt.datetime) -> AgentFigures:
    figures = AgentFigures(agent_id=agent_id, runs=runs, measured_at=now)
    if not runs:
        return figures
    counted = Execution.objects.filter(agent_id=agent_id)
    counted = counted.exclude(provider__in=NOT_MEASURED)
    recent = counted.filter(finished_at__isnull=False, created_at__gte=now - RECENT)
    figures.users_7d = recent.aggregate(n=Count("user_id", distinct=True))["n"]
    if sample := _sample(counted, now):
        figures.median_cost_usd = median(cost for cost, _ in sample).quantize(MICRO)
        figures.median_seconds = round(median(took for _, took in sample), 3)
    rating = _rating(agent_id)
    figures.rating_count = rating["count"]
    if rating["count"]:
        figures.quality = round((rating["mean"] - 1) * 25, 1)
    return figures


def _sample(counted: Any, now: dt.datetime) -> list[tuple[Decimal, float]]:
    rows = counted.filter(
        status=ExecutionStatus.SUCCEEDED,
        started_at__isnull=False,
        created_at__gte=now - SAMPLE_AGE,
    ).newest_first()
    return [
        (cost_usd, (finished_at - started_at).total_seconds())
        for cost_usd, started_at, finished_at in rows.values_list(
            "cost_usd", "started_at", "finished_at"
        )[:SAMPLE_RUNS]
    ]


def _rating(agent_id: uuid.UUID) -> dict[str, Any]:
    rows = ExecutionFeedback.objects.filter(execution__agent_id=agent_id)
    rows = rows.exclude(execution__provider__in=NOT_MEASURED)
    return rows.aggregate(mean=Avg("rating"), count=Count("id"))
