"""Counting the rows of a batch that are over, and ending it with the last of them."""

from collections import Counter
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from agents.choices import (
    BATCH_TRANSITIONS,
    BatchStatus,
    ExecutionStatus,
    ItemState,
)
from agents.events import BatchCancelled, BatchFinished
from agents.models import Batch, BatchItem
from aiagents.common.transitions import try_move
from analytics.services import record_event

#: Rows that are counted in one transaction.
COUNTED_AT_ONCE = 1_000
COUNTERS = {
    ExecutionStatus.SUCCEEDED: "succeeded_count",
    ExecutionStatus.FAILED: "failed_count",
    ExecutionStatus.CANCELLED: "cancelled_count",
    ExecutionStatus.TIMED_OUT: "timed_out_count",
}


def count_ended(batch: Batch) -> int:
    """Add rows that have ended to the figures; the caller holds the lock of the batch.

    Each row is counted once: its state changes in the same transaction.
    """
    ended = list(
        batch.items.ended().values_list(
            "id", "execution__status", "execution__cost_usd"
        )[:COUNTED_AT_ONCE]
    )
    if not ended:
        return 0
    BatchItem.objects.filter(id__in=[key for key, _, _ in ended]).update(
        state=ItemState.COUNTED
    )
    statuses = Counter(ExecutionStatus(status) for _, status, _ in ended)
    more: dict[str, Any] = {
        COUNTERS[status]: F(COUNTERS[status]) + n for status, n in statuses.items()
    }
    cost = sum((usd for _, _, usd in ended), Decimal(0))
    Batch.objects.filter(id=batch.id).update(cost_usd=F("cost_usd") + cost, **more)
    return len(ended)


def end_if_done(batch: Batch) -> bool:
    """End a batch none of whose rows goes on, with its event."""
    unfinished = [ItemState.PENDING, ItemState.STARTED]
    if batch.items.filter(state__in=unfinished).exists():
        return False
    is_cancelled = batch.status == BatchStatus.CANCELLING
    moved = try_move(
        Batch.objects.filter(id=batch.id),
        transitions=BATCH_TRANSITIONS,
        to=BatchStatus.CANCELLED if is_cancelled else BatchStatus.FINISHED,
        finished_at=Now(),
        pause_reason="",
        pause_detail="",
    )
    if not moved:
        return False
    batch.refresh_from_db()
    event = BatchCancelled if is_cancelled else BatchFinished
    counts = {name: getattr(batch, name) for name in COUNTERS.values()}
    record_event(event(**common_fields(batch), **counts, cost_usd=batch.cost_usd))
    return True


def common_fields(batch: Batch) -> dict[str, Any]:
    """What every event of a batch tells."""
    return {
        "aggregate_id": batch.id,
        "team_id": batch.team_id,
        "user_id": batch.user_id,
        "agent": batch.agent.slug,
        "agent_version": batch.version.number,
        "mode": batch.mode,
        "row_count": batch.row_count,
    }
