"""Deleting what a person did, when the person deletes their account."""

import uuid

from django.db import transaction

from agents import dispatch
from agents.models import Batch, BatchItem, Execution, ExecutionFeedback
from aiagents.common.errors import Conflict
from aiagents.common.principals import Principal


@transaction.atomic
def erase_runs(*, team_id: uuid.UUID, by: Principal) -> int:
    """Delete all runs and batches of a personal team with their text; returns how many runs.

    Ratings that `by` gave to runs of other teams stay without their comments. Raises Conflict
    while one goes on: its worker would write to a row that is gone.
    """
    runs = Execution.objects.filter(team_id=team_id)
    batches = Batch.objects.filter(team_id=team_id)
    _check_over(runs.unfinished().count(), one="run is", more="runs are")
    _check_over(batches.unfinished().count(), one="batch is", more="batches are")
    ExecutionFeedback.objects.filter(user_id=by.user_id).update(comment="")
    ids = list(runs.values_list("id", flat=True))
    # A row of a batch protects its run, and a run its batch.
    BatchItem.objects.filter(batch__in=batches).delete()
    runs.delete()
    batches.delete()
    dispatch.forget_streams(ids)
    return len(ids)


def _check_over(going: int, *, one: str, more: str) -> None:
    if going:
        words = f"{going} {one if going == 1 else more}"
        raise Conflict(f"{words} still going; cancel first, then try again.")
