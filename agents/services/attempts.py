"""What a worker may do with executions that it claimed: hold, finish, fail, give back.

Every write stands behind the fence `attempt` (RELIABILITY §3): a worker that lost its lease
changes no row, and an accepted cancel wins over a completion.
"""

import datetime as dt
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from agents.choices import TRANSITIONS, ErrorCode, ExecutionStatus
from agents.models import Execution
from agents.querysets import ExecutionQuerySet
from agents.runtime import ProviderError, Usage
from agents.runtime.retry import decide_retry
from agents.services import endings
from agents.services.claims import Claim
from aiagents.common.rows import update_each
from aiagents.common.transitions import sources, try_move

#: What an attempt has used, which an execution adds up.
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
SPENT_FIELDS = ("provider", "model", "prompt_digest", "price_id", "cost_usd", *TOKENS)
LEASE_FIELDS = ("status", "lease_until", "lease_owner")
END_FIELDS = (
    *("finished_at", "output", "output_json", "stop_reason", "first_token_at"),
    *("error_code", "error_cause", "error_message", "failures"),
)
RETRY_FIELDS = ("failures", "available_at", "wait_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt has brought, finished or not."""

    text: str = ""
    structured: Any = None
    stop_reason: str = ""
    provider: str = ""
    model: str = ""
    usage: Usage = Usage()  # noqa: RUF009 - a frozen value
    cost_usd: Decimal = Decimal(0)
    price_id: uuid.UUID | None = None
    prompt_digest: str = ""
    first_token_at: dt.datetime | None = None


Result = tuple[Claim, Outcome]


def renew_leases(*, owner: str, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Hold on to executions; returns the attempts still held, by id.

    What is missing from the answer was taken away or asked to stop: its work must end at once.
    """
    held = Execution.objects.filter(
        id__in=ids,
        lease_owner=owner,
        status=ExecutionStatus.RUNNING,
        cancel_requested_at=None,
    )
    held.update(lease_until=Now() + dt.timedelta(seconds=settings.LEASE_S))
    return dict(held.values_list("id", "attempt"))


@transaction.atomic
def succeed(results: Sequence[Result]) -> set[uuid.UUID]:
    """Commit results of different executions; returns the ids of the claims still held."""
    rows = _lock_held([claim for claim, _ in results], to=ExecutionStatus.SUCCEEDED)
    for claim, outcome in results:
        if row := rows.get(claim.execution_id):
            _end(row, outcome, to=ExecutionStatus.SUCCEEDED)
    _write_ended(rows)
    return set(rows)


@transaction.atomic
def fail(
    claim: Claim, error: ProviderError, outcome: Outcome, *, rng: random.Random
) -> str:
    """Queue another attempt or end as failed; returns the new status, or "" if not held.

    An execution whose retries are used up fails with `attempts_exhausted` and the last reason.
    """
    rows = _lock_held([claim], to=ExecutionStatus.FAILED)
    for row in rows.values():
        decision = decide_retry(
            error, failures=row.failures, max_failures=settings.MAX_FAILURES, rng=rng
        )
        row.failures = decision.failures
        if decision.retry:
            _queue_again(row, outcome, error=error, delay_s=decision.delay_s)
            return ExecutionStatus.QUEUED
        _end(row, outcome, to=ExecutionStatus.FAILED, **_error(error))
        _write_ended(rows)
        return ExecutionStatus.FAILED
    return ""


@transaction.atomic
def time_out(claim: Claim, outcome: Outcome) -> bool:
    """End an execution whose deadline passed in our hands."""
    rows = _lock_held([claim], to=ExecutionStatus.TIMED_OUT)
    for row in rows.values():
        _end(
            row,
            outcome,
            to=ExecutionStatus.TIMED_OUT,
            error_code=ErrorCode.DEADLINE_EXCEEDED,
            error_message="The time allowed for this run is over.",
        )
    _write_ended(rows)
    return bool(rows)


@transaction.atomic
def confirm_cancel(claim: Claim, outcome: Outcome) -> bool:
    """End an execution that was asked to stop. False when it was not ours, or not asked."""
    stopped = Execution.objects.asked_to_stop()
    rows = _lock(stopped, [claim], to=ExecutionStatus.CANCELLED)
    for row in rows.values():
        _end(row, outcome, to=ExecutionStatus.CANCELLED)
    _write_ended(rows)
    return bool(rows)


@transaction.atomic
def release(claim: Claim) -> bool:
    """Give an unfinished execution back to the queue; the attempt does not count."""
    held = Execution.objects.held().filter(id=claim.execution_id, attempt=claim.attempt)
    return bool(
        try_move(
            held,
            transitions=TRANSITIONS,
            to=ExecutionStatus.QUEUED,
            available_at=Now(),
            lease_until=None,
            lease_owner="",
        )
    )


def _lock_held(claims: Sequence[Claim], *, to: str) -> dict[uuid.UUID, Execution]:
    return _lock(Execution.objects.held(), claims, to=to)


def _lock(
    rows: ExecutionQuerySet, claims: Sequence[Claim], *, to: str
) -> dict[uuid.UUID, Execution]:
    """The rows of these claims that may go to `to`, locked, each with the database's `now`."""
    attempts = {claim.execution_id: claim.attempt for claim in claims}
    wanted = (
        rows.filter(id__in=attempts, status__in=sources(TRANSITIONS, to))
        .for_end_event()
        .annotate(now=ExpressionWrapper(Now(), output_field=DateTimeField()))
        .select_for_update(of=("self",))
        .order_by("id")
    )
    return {row.id: row for row in wanted if row.attempt == attempts[row.id]}


def _end(row: Execution, outcome: Outcome, *, to: str, **changes: Any) -> None:
    _release(row, to=to)
    _add_spent(row, outcome)
    row.finished_at = row.now  # type: ignore[attr-defined]
    row.output = outcome.text
    row.output_json = outcome.structured
    row.stop_reason = outcome.stop_reason[:40]
    row.first_token_at = outcome.first_token_at
    for name, value in changes.items():
        setattr(row, name, value)


def _write_ended(rows: Mapping[uuid.UUID, Execution]) -> None:
    ended = list(rows.values())
    update_each(ended, fields=(*LEASE_FIELDS, *SPENT_FIELDS, *END_FIELDS))
    endings.record_ends(ended)


def _queue_again(
    row: Execution, outcome: Outcome, *, error: ProviderError, delay_s: float
) -> None:
    _release(row, to=ExecutionStatus.QUEUED)
    _add_spent(row, outcome)
    row.available_at = row.now + dt.timedelta(seconds=delay_s)  # type: ignore[attr-defined]
    row.wait_reason = error.cause.value
    update_each([row], fields=(*LEASE_FIELDS, *SPENT_FIELDS, *RETRY_FIELDS))


def _release(row: Execution, *, to: str) -> None:
    row.status = to
    row.lease_until, row.lease_owner = None, ""


def _add_spent(row: Execution, outcome: Outcome) -> None:
    """What this attempt used, added to what earlier ones did."""
    row.provider, row.model = outcome.provider, outcome.model[:80]
    row.prompt_digest, row.price_id = outcome.prompt_digest, outcome.price_id
    row.cost_usd += outcome.cost_usd
    for name in TOKENS:
        setattr(row, name, getattr(row, name) + getattr(outcome.usage, name))


def _error(error: ProviderError) -> dict[str, Any]:
    if not error.retryable:
        return {"error_code": error.code, "error_message": error.message[:500]}
    message = f"Every allowed attempt failed; the last time {error.cause.label}."
    return {
        "error_code": ErrorCode.ATTEMPTS_EXHAUSTED,
        "error_cause": error.cause,
        "error_message": message,
    }
