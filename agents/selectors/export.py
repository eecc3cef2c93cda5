"""A person's own runs and batches, for that person to take away."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from agents.models import Batch, BatchItem, Execution, ExecutionFeedback
from aiagents.common.principals import Principal

PART = 100
BATCH_FIELDS = (
    "id",
    "team_id",
    "name",
    "agent__slug",
    "version__number",
    "status",
    "row_count",
    "skipped",
    "cost_usd",
    "created_at",
    "finished_at",
)
ROW_FIELDS = ("id", "batch_id", "position", "inputs", "state", "execution_id")
RUN_FIELDS = (
    "id",
    "team_id",
    "agent__slug",
    "version__number",
    "inputs",
    "metadata",
    "status",
    "output",
    "output_json",
    "stop_reason",
    "error_code",
    "error_message",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "created_at",
    "started_at",
    "finished_at",
)


def iterate_own_runs(by: Principal) -> Iterator[dict[str, Any]]:
    """The runs that `by` started in teams they are in, oldest first."""
    own = Execution.objects.visible_to(by).filter(user_id=by.user_id)
    return _iterate(own, RUN_FIELDS)


def own_batches(by: Principal) -> list[dict[str, Any]]:
    """The batches that `by` uploaded in teams they are in."""
    own = Batch.objects.visible_to(by).filter(user_id=by.user_id).order_by("id")
    return list[Any](own.values(*BATCH_FIELDS))


def iterate_own_batch_rows(by: Principal) -> Iterator[dict[str, Any]]:
    """The rows of those batches with what they say; what came of each is in its run."""
    own = Batch.objects.visible_to(by).filter(user_id=by.user_id)
    return _iterate(BatchItem.objects.filter(batch__in=own), ROW_FIELDS)


def own_feedback(by: Principal) -> list[dict[str, Any]]:
    """The ratings that `by` gave."""
    rows = ExecutionFeedback.objects.filter(user_id=by.user_id).order_by("id")
    fields = ("execution_id", "rating", "comment", "created_at")
    return list[Any](rows.values(*fields))


def _iterate(rows: QuerySet[Any], fields: Iterable[str]) -> Iterator[dict[str, Any]]:
    """A part a query; no cursor is held, for between two the connection may be another's."""
    last = uuid.UUID(int=0)
    ordered = rows.order_by("id")
    while part := list(ordered.filter(id__gt=last).values(*fields)[:PART]):
        yield from part
        last = part[-1]["id"]
