"""What people and programs may do with a batch: create, throttle, pause, resume, cancel."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents import selectors
from agents.catalogue import rows as row_files
from agents.catalogue.definition import InputField
from agents.catalogue.rows import RowsRead
from agents.choices import (
    BATCH_TRANSITIONS,
    BatchMode,
    BatchStatus,
    ItemState,
    Lane,
    PauseReason,
)
from agents.errors import AlreadyCancelled, BadRows, BatchOver, TeamQueueFull
from agents.events import BatchCreated, BatchPaused, BatchResumed
from agents.models import Batch, BatchItem, Shipment
from agents.services import batch_endings
from agents.services.executions import check_may_run
from aiagents.common.errors import Conflict, InvalidInput
from aiagents.common.principals import Principal
from aiagents.common.transitions import try_move
from analytics.services import record_event

STORED_AT_ONCE = 1_000
MAX_NAME_CHARS = 100
RETRY_AFTER_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file with one row an input."""

    data: bytes
    kind: Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What a caller asks: many inputs for one agent."""

    slug: str
    #: A file, or the inputs themselves.
    source: Upload | Sequence[Any]
    version_number: int | None = None
    mode: str = BatchMode.EXECUTIONS
    max_in_flight: int | None = None
    #: Run the good rows although others do not pass the form.
    skip_bad_rows: bool = False
    name: str = ""


@transaction.atomic
def create_batch(*, request: BatchRequest, by: Principal, now: dt.datetime) -> Batch:
    """Accept a batch; its first rows start within seconds.

    Raises AgentNotFound, VersionNotFound, NotAllowed, InvalidInput, TeamQueueFull, and BadRows
    that names line, field and reason; then nothing is stored.
    """
    agent = selectors.get_runnable(request.slug, request.version_number)
    decision = check_may_run(agent, lane=Lane.BATCH, metadata={}, by=by)
    check_mode(request.mode)
    _check_batches_have_room(by.team_id)
    read = _read(request, agent.definition.inputs)
    if read.bad_count and not (request.skip_bad_rows and read.rows):
        raise BadRows(read.bad, bad_count=read.bad_count, row_count=read.row_count)
    batch = Batch(
        team_id=by.team_id,
        user_id=by.user_id,
        api_key_id=by.api_key_id,
        name=request.name.strip()[:MAX_NAME_CHARS],
        agent=agent.version.agent,
        version=agent.version,
        mode=request.mode,
        max_in_flight=_throttle(request.max_in_flight),
        policy_decision=decision.id,
        row_count=len(read.rows),
        skipped_count=read.bad_count,
        skipped=[asdict(bad) for bad in read.bad[: BadRows.MAX_NAMED]],
        created_at=now,
    )
    batch.save(force_insert=True)
    _store(batch, read)
    record_event(
        BatchCreated(
            **batch_endings.common_fields(batch), skipped_count=batch.skipped_count
        ),
        opens=True,
    )
    return batch


@transaction.atomic
def change_batch(*, batch_id: str, by: Principal, max_in_flight: int) -> Batch:
    """Set how many rows may be under way at once. Raises BatchNotFound, BatchOver, InvalidInput."""
    batch = selectors.get_batch(batch_id, by=by)
    rows = Batch.objects.unfinished().filter(id=batch.id)
    if not rows.update(max_in_flight=_throttle(max_in_flight)):
        raise BatchOver
    batch.refresh_from_db()
    return batch


@transaction.atomic
def pause_batch(*, batch_id: str, by: Principal) -> Batch:
    """Start no more rows; those under way go on. Raises BatchNotFound, BatchOver, Conflict."""
    batch = selectors.get_batch(batch_id, by=by)
    if not pause(batch, reason=PauseReason.PERSON):
        raise _refusal(batch, "It is not running, so it cannot be paused.")
    batch.refresh_from_db()
    return batch


@transaction.atomic
def resume_batch(*, batch_id: str, by: Principal) -> Batch:
    """Start rows again. Raises BatchNotFound, BatchOver, Conflict, NotAllowed."""
    batch = selectors.get_batch(batch_id, by=by)
    agent = selectors.get_runnable(batch.agent.slug, batch.version.number)
    check_may_run(agent, lane=Lane.BATCH, metadata={}, by=by)
    moved = try_move(
        Batch.objects.filter(id=batch.id),
        transitions=BATCH_TRANSITIONS,
        to=BatchStatus.RUNNING,
        pause_reason="",
        pause_detail="",
    )
    if not moved:
        raise _refusal(batch, "It is not paused.")
    record_event(BatchResumed(**batch_endings.common_fields(batch)))
    # What waits for the provider is tried at once.
    Shipment.objects.open().filter(batch=batch).update(failures=0, due_at=Now())
    batch.refresh_from_db()
    return batch


@transaction.atomic
def cancel_batch(*, batch_id: str, by: Principal) -> Batch:
    """Start no more rows and stop those under way; what has ended stays as it is.

    Raises BatchNotFound, BatchOver, AlreadyCancelled.
    """
    batch = selectors.get_batch(batch_id, by=by)
    rows = Batch.objects.filter(id=batch.id)
    moved = try_move(
        rows,
        transitions=BATCH_TRANSITIONS,
        to=BatchStatus.CANCELLING,
        pause_reason="",
        pause_detail="",
    )
    if not moved:
        batch.refresh_from_db()
        raise BatchOver if batch.is_over else AlreadyCancelled
    drop_pending(batch)
    batch.refresh_from_db()
    batch_endings.end_if_done(batch)
    return batch


def drop_pending(batch: Batch) -> None:
    """Count the rows that never began as cancelled, inside the caller's transaction."""
    pending = batch.items.pending().order_by()
    # A row that the provider failed once has a run already, which is stopped like the others.
    pending.filter(execution__isnull=False).update(
        state=ItemState.STARTED, shipment=None
    )
    dropped = pending.filter(execution=None).update(state=ItemState.DROPPED)
    if dropped:
        rows = Batch.objects.filter(id=batch.id)
        rows.update(cancelled_count=F("cancelled_count") + dropped)


def pause(batch: Batch, *, reason: PauseReason, detail: str = "") -> bool:
    """Pause inside the caller's transaction; False when it was not running."""
    moved = try_move(
        Batch.objects.filter(id=batch.id),
        transitions=BATCH_TRANSITIONS,
        to=BatchStatus.PAUSED,
        pause_reason=reason,
        pause_detail=detail[:300],
    )
    if moved:
        common = batch_endings.common_fields(batch)
        record_event(BatchPaused(**common, reason=reason.value))
    return bool(moved)


def check_mode(mode: str) -> None:
    """Raises InvalidInput where the configured model has no batch service."""
    if mode == BatchMode.PROVIDER_BATCH and settings.DEMO_MODEL_URL:
        sentence = (
            "The demo model has no batch service; choose 'executions', or configure "
            "ANTHROPIC_API_KEY."
        )
        raise InvalidInput(sentence, errors={"mode": [sentence]})


def _check_batches_have_room(team_id: uuid.UUID) -> None:
    unfinished = Batch.objects.unfinished().filter(team_id=team_id).count()
    if unfinished >= settings.TEAM_MAX_BATCHES:
        raise TeamQueueFull(
            f"Your team has {unfinished} batches that are not over, and "
            f"{settings.TEAM_MAX_BATCHES} may be; wait for one to end, or cancel one.",
            retry_after_s=RETRY_AFTER_S,
        )


def _throttle(wanted: int | None) -> int:
    most = settings.TEAM_MAX_RUNNING
    if wanted is None:
        return min(settings.BATCH_IN_FLIGHT, most)
    if not 1 <= wanted <= most:
        sentence = f"A whole number from 1 to {most}."
        raise InvalidInput(
            "'max_in_flight' is not valid.", errors={"max_in_flight": [sentence]}
        )
    return wanted


def _read(request: BatchRequest, fields: Sequence[InputField]) -> RowsRead:
    match request.source:
        case Upload(data=data, kind="csv"):
            return row_files.read_csv(data, fields)
        case Upload(data=data):
            return row_files.read_json_lines(data, fields)
        case values:
            return row_files.read_objects(values, fields)


def _store(batch: Batch, read: RowsRead) -> None:
    items = [
        BatchItem(batch=batch, position=n, line=row.line, inputs=row.values)
        for n, row in enumerate(read.rows, start=1)
    ]
    BatchItem.objects.bulk_create(items, batch_size=STORED_AT_ONCE)


def _refusal(batch: Batch, sentence: str) -> Conflict:
    batch.refresh_from_db()
    return BatchOver() if batch.is_over else Conflict(sentence)
