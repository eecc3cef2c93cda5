"""What a worker may do with executions that it claimed: hold, finish, fail, give back.

Every write is one conditional UPDATE behind the fence `attempt` (RELIABILITY §3): a worker
that lost its lease changes no row, and an accepted cancel wins over a completion.
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
from django.db.models import F
from django.db.models.functions import Now

from agents.choices import TRANSITIONS, ErrorCode, ExecutionStatus
from agents.models import Execution
from agents.runtime import ProviderError, Usage
from agents.runtime.retry import decide_retry
from agents.services import endings
from agents.services.claims import Claim
from aiagents.common.transitions import try_move


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
def succeed(claim: Claim, outcome: Outcome) -> bool:
    """Commit the one result. False when the claim is no longer held."""
    return _end(claim, to=ExecutionStatus.SUCCEEDED, changes=_stored(outcome))


@transaction.atomic
def fail(
    claim: Claim, error: ProviderError, outcome: Outcome, *, rng: random.Random
) -> str:
    """Queue another attempt or end as failed; returns the new status, or "" if not held.

    An execution whose retries are used up fails with `attempts_exhausted` and the last reason.
    """
    held = Execution.objects.held(attempt=claim.attempt).filter(id=claim.execution_id)
    failures = held.values_list("failures", flat=True).first()
    if failures is None:
        return ""
    decision = decide_retry(
        error, failures=failures, max_failures=settings.MAX_FAILURES, rng=rng
    )
    if not decision.retry:
        changes = _stored(outcome) | _error(error) | {"failures": decision.failures}
        ended = _end(claim, to=ExecutionStatus.FAILED, changes=changes)
        return ExecutionStatus.FAILED if ended else ""
    moved = try_move(
        held,
        transitions=TRANSITIONS,
        to=ExecutionStatus.QUEUED,
        failures=decision.failures,
        available_at=Now() + dt.timedelta(seconds=decision.delay_s),
        wait_reason=error.cause.value,
        **_released(),
        **_spent(outcome),
    )
    return ExecutionStatus.QUEUED if moved else ""


@transaction.atomic
def time_out(claim: Claim, outcome: Outcome) -> bool:
    """End an execution whose deadline passed in our hands."""
    changes = _stored(outcome) | {
        "error_code": ErrorCode.DEADLINE_EXCEEDED,
        "error_message": "The time allowed for this run is over.",
    }
    return _end(claim, to=ExecutionStatus.TIMED_OUT, changes=changes)


@transaction.atomic
def confirm_cancel(claim: Claim, outcome: Outcome) -> bool:
    """End an execution that was asked to stop. False when it was not ours, or not asked."""
    rows = Execution.objects.filter(
        id=claim.execution_id, attempt=claim.attempt, cancel_requested_at__isnull=False
    )
    return _end_rows(
        rows, claim, to=ExecutionStatus.CANCELLED, changes=_stored(outcome)
    )


@transaction.atomic
def release(claim: Claim) -> bool:
    """Give an unfinished execution back to the queue; the attempt does not count."""
    held = Execution.objects.held(attempt=claim.attempt).filter(id=claim.execution_id)
    return bool(
        try_move(
            held,
            transitions=TRANSITIONS,
            to=ExecutionStatus.QUEUED,
            available_at=Now(),
            **_released(),
        )
    )


def _end(claim: Claim, *, to: ExecutionStatus, changes: Mapping[str, Any]) -> bool:
    rows = Execution.objects.held(attempt=claim.attempt).filter(id=claim.execution_id)
    return _end_rows(rows, claim, to=to, changes=changes)


def _end_rows(
    rows: Any, claim: Claim, *, to: ExecutionStatus, changes: Mapping[str, Any]
) -> bool:
    moved = try_move(
        rows,
        transitions=TRANSITIONS,
        to=to,
        finished_at=Now(),
        **_released(),
        **changes,
    )
    if moved:
        endings.record_end(claim.execution_id)
    return bool(moved)


def _released() -> dict[str, Any]:
    return {"lease_until": None, "lease_owner": ""}


def _error(error: ProviderError) -> dict[str, Any]:
    if not error.retryable:
        return {"error_code": error.code, "error_message": error.message[:500]}
    message = f"Every allowed attempt failed; the last time {error.cause.label}."
    return {
        "error_code": ErrorCode.ATTEMPTS_EXHAUSTED,
        "error_cause": error.cause,
        "error_message": message,
    }


def _stored(outcome: Outcome) -> dict[str, Any]:
    return {
        "output": outcome.text,
        "output_json": outcome.structured,
        "stop_reason": outcome.stop_reason[:40],
        "first_token_at": outcome.first_token_at,
        **_spent(outcome),
    }


def _spent(outcome: Outcome) -> dict[str, Any]:
    """What this attempt used, added to what earlier ones did."""
    usage = outcome.usage
    return {
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
