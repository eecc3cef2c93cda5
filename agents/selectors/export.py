"""A person's own runs, for that person to take away."""

import uuid
from collections.abc import Iterator
from typing import Any

from agents.models import Execution, ExecutionFeedback
from aiagents.common.principals import Principal

BATCH = 100
FIELDS = (
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
    """The runs that `by` started in teams they are in, oldest first, a batch a query.

    No cursor is held: between two batches the connection may be somebody else's.
    """
    last = uuid.UUID(int=0)
    own = Execution.objects.visible_to(by).filter(user_id=by.user_id).order_by("id")
    while batch := list(own.filter(id__gt=last).values(*FIELDS)[:BATCH]):
        yield from batch
        last = batch[-1]["id"]


def own_feedback(by: Principal) -> list[dict[str, Any]]:
    """The ratings that `by` gave."""
    rows = ExecutionFeedback.objects.filter(user_id=by.user_id).order_by("id")
    fields = ("execution_id", "rating", "comment", "created_at")
    return list[Any](rows.values(*fields))
