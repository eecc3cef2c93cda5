"""How do agents do in practice? Figures from their runs; the demo model's never count."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import Avg, Count, F, Q, Window
from django.db.models.functions import RowNumber

from agents.choices import ExecutionStatus
from agents.models import Execution, ExecutionFeedback

#: Runs that say nothing about an agent: the demo model's, and those that met no model.
NOT_MEASURED = ("", "demo")
RECENT = dt.timedelta(days=7)
#: Medians are of the last so many successful runs of so long.
SAMPLE_RUNS = 100
SAMPLE_AGE = dt.timedelta(days=90)
MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one agent; None where nothing was."""

    runs: int = 0
    median_cost_usd: Decimal | None = None
    #: From the claim to the end.
    median_seconds: float | None = None
    #: Different people in the last 7 days; None for an agent that never ran.
    users_7d: int | None = None
    #: Mean rating of people, from 0 (all 1 of 5) to 100 (all 5 of 5).
    quality: float | None = None
    #: How many ratings `quality` is the mean of.
    rating_count: int = 0


def figures_of(
    agent_ids: Collection[uuid.UUID], *, now: dt.datetime
) -> Mapping[uuid.UUID, Figures]:
    """The figures of these agents, in three queries however many they are."""
    counts = {row["agent_id"]: row for row in _counts(agent_ids, now)}
    samples = _samples(agent_ids, now)
    ratings = {row["agent_id"]: row for row in _ratings(agent_ids)}
    return {
        key: _figures(counts.get(key, {}), samples.get(key, ()), ratings.get(key, {}))
        for key in agent_ids
    }


def _figures(
    counts: Mapping[str, Any],
    sample: Collection[tuple[Decimal, float]],
    rating: Mapping[str, Any],
) -> Figures:
    return Figures(
        runs=counts.get("runs", 0),
        users_7d=counts.get("users"),
        median_cost_usd=median(c for c, _ in sample).quantize(MICRO)
        if sample
        else None,
        median_seconds=round(median(s for _, s in sample), 3) if sample else None,
        quality=round((rating["mean"] - 1) * 25, 1) if rating else None,
        rating_count=rating.get("count", 0),
    )


def _counts(
    agent_ids: Collection[uuid.UUID], now: dt.datetime
) -> Iterable[Mapping[str, Any]]:
    rows = Execution.objects.filter(agent_id__in=agent_ids, finished_at__isnull=False)
    is_recent = Q(created_at__gte=now - RECENT)
    return (
        rows.exclude(provider__in=NOT_MEASURED)
        .order_by()
        .values("agent_id")
        .annotate(
            runs=Count("id"), users=Count("user_id", distinct=True, filter=is_recent)
        )
    )


def _samples(
    agent_ids: Collection[uuid.UUID], now: dt.datetime
) -> Mapping[uuid.UUID, list[tuple[Decimal, float]]]:
    newest_first = Window(
        RowNumber(), partition_by=F("agent_id"), order_by=F("created_at").desc()
    )
    rows = (
        Execution.objects.filter(
            agent_id__in=agent_ids,
            status=ExecutionStatus.SUCCEEDED,
            started_at__isnull=False,
            created_at__gte=now - SAMPLE_AGE,
        )
        .exclude(provider__in=NOT_MEASURED)
        .annotate(place=newest_first)
        .filter(place__lte=SAMPLE_RUNS)
        .values_list("agent_id", "cost_usd", "started_at", "finished_at")
    )
    samples: defaultdict[uuid.UUID, list[tuple[Decimal, float]]] = defaultdict(list)
    for agent_id, cost_usd, started_at, finished_at in rows:
        if started_at and finished_at:
            took = (finished_at - started_at).total_seconds()
            samples[agent_id].append((cost_usd, took))
    return samples


def _ratings(agent_ids: Collection[uuid.UUID]) -> Iterable[Mapping[str, Any]]:
    rows = ExecutionFeedback.objects.filter(execution__agent_id__in=agent_ids)
    return (
        rows.exclude(execution__provider__in=NOT_MEASURED)
        .order_by()
        .values(agent_id=F("execution__agent_id"))
        .annotate(mean=Avg("rating"), count=Count("id"))
    )
