"""Finding executions that nobody looks after; safe to run in several copies.

The one recovery mechanism: everything that a crash, a lost message or a silent worker can leave
behind is found here, by the database's clock, and without a broker.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents import dispatch
from agents.choices import TRANSITIONS, ErrorCause, ErrorCode, ExecutionStatus
from agents.models import Execution
from agents.querysets import ExecutionQuerySet
from agents.services import endings
from aiagents.common.transitions import try_move

BATCH = 200
#: Queued and nobody was woken for so long: wake somebody again.
WAKE_PATIENCE = dt.timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """How many executions were found in each state of neglect."""

    requeued: int
    exhausted: int
    cancelled: int
    timed_out: int
    woken: int

    @property
    def total(self) -> int:
        """All of them."""
        return (
            self.requeued
            + self.exhausted
            + self.cancelled
            + self.timed_out
            + self.woken
        )


def sweep_executions() -> SweepReport:
    """Look once after every neglected execution, at most 200 of each kind."""
    return SweepReport(
        cancelled=_sweep(
            Execution.objects.lease_over().asked_to_stop(), _confirm_cancel
        ),
        timed_out=_sweep(Execution.objects.deadline_over(), _time_out),
        exhausted=_sweep(_abandoned().exhausted(settings.MAX_FAILURES), _exhaust),
        requeued=_sweep(_abandoned(), _requeue),
        woken=_wake(),
    )


def _abandoned() -> ExecutionQuerySet:
    """Their lease is over and nobody wants them to stop, which would come first."""
    return Execution.objects.lease_over().filter(cancel_requested_at=None)


def _sweep(rows: ExecutionQuerySet, settle: Callable[[Execution], bool]) -> int:
    return sum(settle(row) for row in rows.order_by("id")[:BATCH])


def _requeue(row: Execution) -> bool:
    with transaction.atomic():
        moved = try_move(
            _abandoned().filter(id=row.id, attempt=row.attempt),
            transitions=TRANSITIONS,
            to=ExecutionStatus.QUEUED,
            failures=F("failures") + 1,
            available_at=Now(),
            woken_at=Now(),
            lease_until=None,
            lease_owner="",
            wait_reason=ErrorCause.WORKER_LOST,
        )
        if moved:
            dispatch.enqueue_execution(execution_id=row.id, lane=row.lane)
    return bool(moved)


def _exhaust(row: Execution) -> bool:
    return _end(
        row,
        _abandoned(),
        to=ExecutionStatus.FAILED,
        failures=F("failures") + 1,
        error_code=ErrorCode.ATTEMPTS_EXHAUSTED,
        error_cause=ErrorCause.WORKER_LOST,
        error_message="Every allowed attempt failed; the last time the worker was lost.",
    )


def _confirm_cancel(row: Execution) -> bool:
    rows = Execution.objects.lease_over().asked_to_stop()
    return _end(row, rows, to=ExecutionStatus.CANCELLED)


def _time_out(row: Execution) -> bool:
    return _end(
        row,
        Execution.objects.deadline_over(),
        to=ExecutionStatus.TIMED_OUT,
        error_code=ErrorCode.DEADLINE_EXCEEDED,
        error_message="The time allowed for this run is over.",
    )


def _end(
    row: Execution, rows: ExecutionQuerySet, *, to: ExecutionStatus, **changes: Any
) -> bool:
    # Read before the transaction: nothing leaves the process inside one.
    text = dispatch.text_so_far(row.id)
    with transaction.atomic():
        moved = try_move(
            rows.filter(id=row.id, attempt=row.attempt),
            transitions=TRANSITIONS,
            to=to,
            output=text,
            finished_at=Now(),
            lease_until=None,
            lease_owner="",
            **changes,
        )
        if moved:
            endings.record_end(row.id, closes_stream=True)
    return bool(moved)


def _wake() -> int:
    rows: list[tuple[uuid.UUID, str]] = list(
        Execution.objects.forgotten(WAKE_PATIENCE)
        .order_by("woken_at")
        .values_list("id", "lane")[:BATCH]
    )
    if rows:
        Execution.objects.filter(id__in=[key for key, _ in rows]).update(woken_at=Now())
        dispatch.wake_executions(rows)
    return len(rows)
