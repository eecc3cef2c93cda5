"""Starting the rows of batches, a bounded number ahead; safe to run in several copies.

The queue never holds a whole file: each look starts as many rows as have ended since the last
one. Everything is found in the database, so a restart goes on where it stopped.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from accounts import selectors as account_selectors
from accounts import services as account_services
from accounts.errors import BudgetExceeded, PolicyDenied
from accounts.permissions import Decision
from agents import selectors
from agents.choices import BatchMode, BatchStatus, ItemState, Lane, PauseReason
from agents.models import Batch, BatchItem, Shipment
from agents.selectors import Runnable
from agents.services import admission, batch_endings, batches
from agents.services.executions import (
    check_may_run,
    decided,
    queue_execution,
    stop_execution,
)
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from aiagents.common.principals import Principal

#: Rows that are stopped in one look.
STOPPED_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """What one look did, in rows; `ended` in batches."""

    started: int = 0
    counted: int = 0
    stopped: int = 0
    ended: int = 0

    def __add__(self, other: "FeedReport") -> "FeedReport":
        return FeedReport(
            started=self.started + other.started,
            counted=self.counted + other.counted,
            stopped=self.stopped + other.stopped,
            ended=self.ended + other.ended,
        )

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        return self == FeedReport()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Whose work it is, as of now, and the policy's decision that allows it."""

    by: Principal
    agent: Runnable
    decision: Decision


def batches_to_feed() -> list[uuid.UUID]:
    """Batches that are not over, each for a `feed_batch` of its own."""
    rows = Batch.objects.unfinished().order_by("id")
    return list(rows.values_list("id", flat=True))


def lock_batch(batch_id: uuid.UUID) -> Batch | None:
    """The batch, in the hands of this transaction; None while another has it."""
    rows = Batch.objects.unfinished().filter(id=batch_id)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows.select_related("agent__category", "version").first()


def obtain_permit(batch: Batch, *, now: dt.datetime) -> Permit | None:
    """Who starts its rows. None, and the batch is paused with the reason, if nobody may.

    Rights may have changed since the batch was accepted, and a batch may last for hours.
    """
    by = account_selectors.find_requester(
        batch.user_id, api_key_id=batch.api_key_id, now=now
    )
    if by is None or batch.team_id not in by.team_ids:
        batches.pause(batch, reason=PauseReason.REQUESTER_GONE)
        return None
    try:
        batches.check_mode(batch.mode)
        agent = selectors.get_runnable(batch.agent.slug, batch.version.number)
        decision = check_may_run(agent, lane=Lane.BATCH, metadata={}, by=by)
    except InvalidInput as error:
        reason = PauseReason.PROVIDER_REFUSED
        batches.pause(batch, reason=reason, detail=error.message)
        return None
    except NotAllowed as error:
        if isinstance(error, PolicyDenied):
            account_services.record_denial(error, now=now)
        is_off = batch.agent.is_suspended
        reason = PauseReason.AGENT_SUSPENDED if is_off else PauseReason.POLICY_DENIED
        batches.pause(batch, reason=reason, detail=error.reason)
        return None
    except NotFound as error:
        reason = PauseReason.AGENT_SUSPENDED
        batches.pause(batch, reason=reason, detail=error.message)
        return None
    owner = replace(by, team_id=batch.team_id)
    return Permit(by=owner, agent=agent, decision=decision)


def fields_of(batch: Batch, item: BatchItem, permit: Permit) -> dict[str, Any]:
    """What the run of a row has of its own; also the row's id, so that no row has two."""
    return {
        "id": item.id,
        "inputs": item.inputs,
        "lane": Lane.BATCH,
        **decided(permit.decision),
        "batch": batch,
    }


def mark_started(
    item_ids: Sequence[uuid.UUID], *, shipment: Shipment | None = None
) -> int:
    """Rows whose runs are stored are under way; returns how many."""
    return BatchItem.objects.filter(id__in=item_ids).update(
        execution_id=F("id"), shipment=shipment, state=ItemState.STARTED
    )


@transaction.atomic
def feed_batch(batch_id: uuid.UUID, *, now: dt.datetime) -> FeedReport:
    """Look once after a batch: count what ended, start or stop rows, end it with the last."""
    batch = lock_batch(batch_id)
    if batch is None:
        return FeedReport()
    counted = batch_endings.count_ended(batch)
    started = stopped = 0
    if batch.status == BatchStatus.CANCELLING:
        stopped = _stop_rows(batch)
    elif batch.status == BatchStatus.RUNNING and batch.mode == BatchMode.EXECUTIONS:
        started = _start_rows(batch, now=now)
    ended = batch_endings.end_if_done(batch)
    return FeedReport(started=started, counted=counted, stopped=stopped, ended=ended)


def _start_rows(batch: Batch, *, now: dt.datetime) -> int:
    room = batch.max_in_flight - batch.items.started().count()
    if room < 1:
        return 0
    items = list(
        batch.items.pending()[: min(room, admission.room_for_team(batch.team_id))]
    )
    permit = obtain_permit(batch, now=now) if items else None
    if permit is None:
        return 0
    started = []
    for item in items:
        try:
            _queue(batch, item, permit, now=now)
        except BudgetExceeded as error:
            pause_for_money(batch, error)
            break
        started.append(item.id)
    return mark_started(started)


def _queue(batch: Batch, item: BatchItem, permit: Permit, *, now: dt.datetime) -> None:
    queue_execution(
        permit.agent,
        by=permit.by,
        now=now,
        deadline_s=settings.BATCH_DEADLINE_S,
        **fields_of(batch, item, permit),
    )


def pause_for_money(batch: Batch, error: BudgetExceeded) -> None:
    """Start no more rows until somebody resumes it: the budget may have begun anew by then."""
    account_services.record_refusal(error)
    reason = PauseReason.BUDGET_EXCEEDED
    batches.pause(batch, reason=reason, detail=error.message)


def _stop_rows(batch: Batch) -> int:
    """Ask what still runs to stop; what the provider has is stopped by `shipments`."""
    batches.drop_pending(batch)
    rows = batch.items.started().filter(
        shipment=None, execution__finished_at=None, execution__cancel_requested_at=None
    )
    # The run of a row has the row's id.
    keys = rows.values_list("id", flat=True)[:STOPPED_AT_ONCE]
    return sum(_try_stop(key) for key in list(keys))


def _try_stop(execution_id: uuid.UUID) -> bool:
    try:
        stop_execution(execution_id)
    except Conflict:
        return False
    return True
