"""What comes of the rows of a shipment: one conditional UPDATE each, of a run that waits."""

import datetime as dt
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from agents.choices import (
    TRANSITIONS,
    ErrorCause,
    ErrorCode,
    ExecutionStatus,
    ItemState,
)
from agents.models import BatchItem, Execution
from agents.querysets import ExecutionQuerySet
from agents.runtime import ProviderError
from agents.runtime.retry import decide_retry
from agents.services import endings
from agents.services.attempts import Outcome
from aiagents.common.transitions import try_move


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEnd:
    """What came of one row."""

    execution_id: uuid.UUID
    #: succeeded; failed with an error; cancelled; timed_out when the provider ran out of time.
    status: ExecutionStatus
    outcome: Outcome = field(default_factory=Outcome)
    error: ProviderError | None = None


def waiting_rows(shipment_id: uuid.UUID) -> ExecutionQuerySet:
    """The runs of a shipment that have not ended."""
    rows = Execution.objects.filter(
        batch_item__shipment_id=shipment_id, status=ExecutionStatus.WAITING
    )
    return rows.select_related("agent", "version", "batch").order_by("id")


def settle(row: Execution, end: RowEnd, *, rng: random.Random) -> bool:
    """Store what came of a row, or have it sent once more. False when it was over already."""
    match end.status:
        case ExecutionStatus.FAILED:
            assert end.error is not None  # noqa: S101 - a failed row has one
            return _fail(row, end.error, end.outcome, rng=rng)
        case ExecutionStatus.TIMED_OUT:
            changes = {
                "error_code": ErrorCode.DEADLINE_EXCEEDED,
                "error_message": "The model's batch service did not come to this row in time.",
            }
        case _:
            changes = {}
    return _end(row, to=end.status, changes=_stored(end.outcome) | changes)


def _fail(
    row: Execution, error: ProviderError, outcome: Outcome, *, rng: random.Random
) -> bool:
    decision = decide_retry(
        error, failures=row.failures, max_failures=settings.MAX_FAILURES, rng=rng
    )
    failures: dict[str, Any] = {"failures": decision.failures}
    if not decision.retry:
        changes = _stored(outcome) | _error(error) | failures
        return _end(row, to=ExecutionStatus.FAILED, changes=changes)
    still = Execution.objects.filter(id=row.id, status=ExecutionStatus.WAITING)
    due_at = Now() + dt.timedelta(seconds=decision.delay_s)
    if not still.update(available_at=due_at, **failures):
        return False
    started = BatchItem.objects.filter(execution=row, state=ItemState.STARTED)
    return bool(started.update(state=ItemState.PENDING, shipment=None))


def fail_for_good(row: Execution, error: ProviderError) -> bool:
    """End a row that will not be sent. False when it was over already."""
    return _end(row, to=ExecutionStatus.FAILED, changes=_error(error))


def _end(row: Execution, *, to: ExecutionStatus, changes: Mapping[str, Any]) -> bool:
    moved = try_move(
        Execution.objects.filter(
            id=row.id, status=ExecutionStatus.WAITING, attempt=row.attempt
        ),
        transitions=TRANSITIONS,
        to=to,
        finished_at=Now(),
        **changes,
    )
    if moved:
        endings.record_end(row.id, closes_stream=True)
    return bool(moved)


def _error(error: ProviderError) -> dict[str, Any]:
    if not error.retryable:
        return {"error_code": error.code, "error_message": error.message[:500]}
    cause = ErrorCause(error.cause)
    return {
        "error_code": ErrorCode.ATTEMPTS_EXHAUSTED,
        "error_cause": cause,
        "error_message": f"Every allowed attempt failed; the last time {cause.label}.",
    }


def _stored(outcome: Outcome) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "output": outcome.text,
        "output_json": outcome.structured,
        "stop_reason": outcome.stop_reason[:40],
        "provider": outcome.provider,
        "model": outcome.model[:80],
        "prompt_digest": outcome.prompt_digest,
        "price_id": outcome.price_id,
        "input_tokens": F("input_tokens") + usage.input_tokens,
        "output_tokens": F("output_tokens") + usage.output_tokens,
        "cache_read_tokens": F("cache_read_tokens") + usage.cache_read_tokens,
        "cache_write_tokens": F("cache_write_tokens") + usage.cache_write_tokens,
        "cost_usd": F("cost_usd") + outcome.cost_usd,
    }
