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
    while a run or a batch goes on: its worker would write to a row that is gone.
    """
    batches = Batch.objects.filter(team_id=team_id)
    if batches.unfinished().exists():
        raise Conflict("A batch is still going; cancel it first, then try again.")
    runs = Execution.objects.filter(team_id=team_id)
    if going := runs.unfinished().count():
        word = "run is" if going == 1 else "runs are"
        raise Conflict(f"{going} {word} still going; cancel first, then try again.")
    ExecutionFeedback.objects.filter(user_id=by.user_id).update(comment="")
    ids = list(runs.values_list("id", flat=True))
    # Rows of batches hold inputs and refer to runs, and runs refer to their batch.
    BatchItem.objects.filter(batch__team_id=team_id).delete()
    runs.delete()
    batches.delete()
    dispatch.forget_streams(ids)
    return len(ids)
