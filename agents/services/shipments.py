"""Rows of a batch in the hands of the provider's batch service: every write about them.

A shipment is stored before it is sent, and the provider's id before anybody asks how it goes,
so a restart goes on where it stopped. A process that dies between sending and storing the id
leaves a shipment that is sent again: calls to the model are at-least-once (RELIABILITY §1).
A row's result is one conditional UPDATE of a run that waits; a second one changes nothing.
"""

import datetime as dt
import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from accounts.errors import BudgetExceeded
from agents.choices import (
    SHIPMENT_TRANSITIONS,
    BatchMode,
    BatchStatus,
    ErrorCode,
    ExecutionStatus,
    PauseReason,
    ShipmentStatus,
)
from agents.events import ExecutionQueued, ExecutionStarted
from agents.models import Batch, BatchItem, Execution, Shipment
from agents.runtime import ProviderError
from agents.runtime.retry import decide_retry
from agents.services import batches
from agents.services.executions import set_money_aside
from agents.services.feeding import (
    Permit,
    fields_of,
    lock_batch,
    mark_started,
    obtain_permit,
    pause_for_money,
)
from agents.services.shipment_rows import (
    RowEnd,
    fail_for_good,
    settle,
    waiting_rows,
)
from aiagents.common import json as strict_json
from aiagents.common.rows import insert_all
from aiagents.common.transitions import try_move
from analytics.services import record_events

#: Rows and bytes of inputs of one shipment; the service takes 100,000 and 256 MB, each row
#: with its whole prompt (batch processing page, 2026-11-22).
MAX_ROWS = 1_000
MAX_BYTES = 8_000_000
#: Shipments of one batch that are not settled; the rest waits here, where it can be paused.
MAX_OPEN = 10
#: Whoever takes a shipment has it for so long, in seconds. Sending twice is paid twice, so
#: that hold is longer than any call takes; two who ask how it goes do no harm.
HOLD_TO_SEND_S = 600
HOLD_TO_ASK_S = 30
WAITS_FOR = "provider_batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A shipment that this process looks after for a while."""

    id: uuid.UUID
    status: str
    provider_id: str
    key_digest: str
    version_id: uuid.UUID
    is_paused: bool
    is_cancelled: bool
    is_cancel_sent: bool


def has_provider_work() -> bool:
    """Whether any batch wants the provider's service, or has rows there."""
    by_provider = Batch.objects.unfinished().filter(mode=BatchMode.PROVIDER_BATCH)
    return by_provider.exists() or Shipment.objects.open().exists()


# --- Preparing ----------------------------------------------------------------------------
def batches_to_prepare() -> list[uuid.UUID]:
    """Batches whose rows may wait for the provider."""
    wanted = Batch.objects.filter(
        mode=BatchMode.PROVIDER_BATCH, status=BatchStatus.RUNNING
    )
    return list(wanted.order_by("id").values_list("id", flat=True))


@transaction.atomic
def prepare_shipment(batch_id: uuid.UUID, *, now: dt.datetime) -> int:
    """Put rows that wait for the provider into a shipment; returns how many."""
    batch = lock_batch(batch_id)
    if batch is None or batch.status != BatchStatus.RUNNING:
        return 0
    if batch.shipments.open().count() >= MAX_OPEN:
        return 0
    due = Q(execution=None) | Q(execution__available_at__lte=Now())
    items = _fitting(batch.items.pending().filter(due)[:MAX_ROWS])
    permit = obtain_permit(batch, now=now) if items else None
    if permit is None:
        return 0
    taken, new = _covered(batch, items, permit, now)
    if not taken:
        return 0
    shipment = Shipment(batch=batch, row_count=len(taken), due_at=Now(), created_at=now)
    shipment.save(force_insert=True)
    insert_all(new)
    record_events([ExecutionQueued(**_told(row, attempt=0)) for row in new])
    return mark_started([item.id for item in taken], shipment=shipment)


def _covered(
    batch: Batch, items: Iterable[BatchItem], permit: Permit, now: dt.datetime
) -> tuple[list[BatchItem], list[Execution]]:
    """The rows that the budgets cover, and the runs of those that have none yet."""
    taken: list[BatchItem] = []
    new: list[Execution] = []
    for item in items:
        if not item.execution_id:
            run = _waiting_run(batch, item, permit, now)
            try:
                with transaction.atomic():
                    set_money_aside(run, now=now)
            except BudgetExceeded as error:
                pause_for_money(batch, error)
                break
            new.append(run)
        taken.append(item)
    return taken, new


def _fitting(items: Iterable[BatchItem]) -> list[BatchItem]:
    """The first rows that are not too many bytes together, one at least."""
    taken: list[BatchItem] = []
    size = 0
    for item in items:
        size += len(strict_json.canonical(item.inputs))
        if taken and size > MAX_BYTES:
            break
        taken.append(item)
    return taken


def _waiting_run(
    batch: Batch, item: BatchItem, permit: Permit, now: dt.datetime
) -> Execution:
    deadline = dt.timedelta(seconds=settings.PROVIDER_BATCH_DEADLINE_S)
    return Execution(
        team_id=permit.by.team_id,
        user_id=permit.by.user_id,
        api_key_id=permit.by.api_key_id,
        agent=permit.agent.version.agent,
        version=permit.agent.version,
        status=ExecutionStatus.WAITING,
        wait_reason=WAITS_FOR,
        created_at=now,
        woken_at=permit.agent.now,
        available_at=permit.agent.now,
        deadline_at=permit.agent.now + deadline,
        **fields_of(batch, item, permit),
    )


def _told(row: Execution, *, attempt: int) -> dict[str, Any]:
    return {
        "aggregate_id": row.id,
        "team_id": row.team_id,
        "user_id": row.user_id,
        "agent": row.agent.slug,
        "agent_version": row.version.number,
        "lane": row.lane,
        "attempt": attempt,
    }


# --- Looking after ------------------------------------------------------------------------
def take_due() -> Work | None:
    """A shipment that is due, held by this process for a while; None without one."""
    due = Shipment.objects.due().order_by("due_at").values_list("id", "status")
    for key, status in due[:20]:
        is_sent = status == ShipmentStatus.SENT
        seconds = HOLD_TO_ASK_S if is_sent else HOLD_TO_SEND_S
        rows = Shipment.objects.due().filter(id=key, status=status)
        if rows.update(due_at=Now() + dt.timedelta(seconds=seconds)):
            return _work(key)
    return None


def _work(shipment_id: uuid.UUID) -> Work:
    row = Shipment.objects.select_related("batch").get(id=shipment_id)
    return Work(
        id=row.id,
        status=row.status,
        provider_id=row.provider_id,
        key_digest=row.key_digest,
        version_id=row.batch.version_id,
        is_paused=row.batch.status == BatchStatus.PAUSED,
        is_cancelled=row.batch.status == BatchStatus.CANCELLING,
        is_cancel_sent=row.cancel_sent_at is not None,
    )


def inputs_of(shipment_id: uuid.UUID) -> dict[uuid.UUID, Mapping[str, Any]]:
    """The inputs of rows that still wait, by the id of their run."""
    rows = Execution.objects.filter(
        batch_item__shipment_id=shipment_id, status=ExecutionStatus.WAITING
    )
    return dict(rows.values_list("id", "inputs"))


def postpone(shipment_id: uuid.UUID, *, seconds: float) -> None:
    """Let somebody look again after a while."""
    due_at = Now() + dt.timedelta(seconds=seconds)
    Shipment.objects.open().filter(id=shipment_id).update(due_at=due_at)


@transaction.atomic
def mark_sent(shipment_id: uuid.UUID, *, provider_id: str, key_digest: str) -> bool:
    """Store the provider's id; its rows have started. False when another was quicker."""
    moved = try_move(
        Shipment.objects.filter(id=shipment_id),
        transitions=SHIPMENT_TRANSITIONS,
        to=ShipmentStatus.SENT,
        provider_id=provider_id,
        key_digest=key_digest,
        failures=0,
        sent_at=Now(),
        due_at=Now() + dt.timedelta(seconds=settings.BATCH_POLL_S),
    )
    if moved:
        # Locked, so that a row that somebody cancels now is told in the right order.
        rows = list(waiting_rows(shipment_id).select_for_update(of=("self",)))
        Execution.objects.filter(id__in=[row.id for row in rows]).update(
            attempt=F("attempt") + 1, started_at=Coalesce("started_at", Now())
        )
        record_events(
            [ExecutionStarted(**_told(row, attempt=row.attempt + 1)) for row in rows]
        )
    return bool(moved)


def mark_cancel_sent(shipment_id: uuid.UUID) -> None:
    """The provider was asked to stop; look soon."""
    Shipment.objects.open().filter(id=shipment_id).update(
        cancel_sent_at=Now(), due_at=Now()
    )


@transaction.atomic
def give_up(shipment_id: uuid.UUID) -> None:
    """Close a shipment that was not sent: its batch is being cancelled."""
    if _close(shipment_id):
        BatchItem.objects.filter(shipment_id=shipment_id).update(shipment=None)


@transaction.atomic
def pause_batch_of(shipment_id: uuid.UUID, *, error: ProviderError) -> None:
    """The provider refuses us: nothing is failed, an operator has to act."""
    batch = Batch.objects.select_related("agent", "version").get(shipments=shipment_id)
    reason = PauseReason.PROVIDER_REFUSED
    batches.pause(batch, reason=reason, detail=error.message)
    postpone(shipment_id, seconds=0)


@transaction.atomic
def record_send_failure(
    shipment_id: uuid.UUID, *, error: ProviderError, rng: random.Random
) -> None:
    """Try again later what may pass; otherwise all rows fail for this reason."""
    shipment = Shipment.objects.get(id=shipment_id)
    most = settings.MAX_FAILURES
    decision = decide_retry(
        error, failures=shipment.failures, max_failures=most, rng=rng
    )
    Shipment.objects.filter(id=shipment_id).update(failures=decision.failures)
    if decision.retry:
        postpone(shipment_id, seconds=decision.delay_s)
        return
    for row in waiting_rows(shipment_id):
        fail_for_good(row, error)
    _close(shipment_id)


# --- Results ------------------------------------------------------------------------------
@transaction.atomic
def store_results(
    shipment_id: uuid.UUID, ends: Sequence[RowEnd], *, rng: random.Random
) -> int:
    """Commit what came of rows; returns how many. A row that is settled stays as it is."""
    # The lock keeps a second process, whose hold began too early, from counting twice.
    Shipment.objects.select_for_update().get(id=shipment_id)
    keys = [end.execution_id for end in ends]
    waiting = {row.id: row for row in waiting_rows(shipment_id).filter(id__in=keys)}
    known = [end for end in ends if end.execution_id in waiting]
    return sum(settle(waiting[end.execution_id], end, rng=rng) for end in known)


@transaction.atomic
def close(shipment_id: uuid.UUID, *, rng: random.Random) -> None:
    """All results are stored. Rows without one are sent once more, as after a failure."""
    error = ProviderError(
        "The model's service gave no result for this row.",
        code=ErrorCode.LLM_ERROR,
        retryable=True,
    )
    for row in waiting_rows(shipment_id):
        end = RowEnd(execution_id=row.id, status=ExecutionStatus.FAILED, error=error)
        settle(row, end, rng=rng)
    _close(shipment_id)


def _close(shipment_id: uuid.UUID) -> bool:
    moved = try_move(
        Shipment.objects.filter(id=shipment_id),
        transitions=SHIPMENT_TRANSITIONS,
        to=ShipmentStatus.CLOSED,
        closed_at=Now(),
    )
    return bool(moved)
