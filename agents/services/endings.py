"""What is told when an execution has reached a final status."""

import uuid
from collections.abc import Sequence

from accounts import services as account_services
from agents import dispatch
from agents.choices import ExecutionStatus
from agents.events import ENDED_BY_STATUS
from agents.models import Execution
from aiagents.common.progress.follow import Outcome
from analytics.services import record_events

FIGURES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def record_end(execution_id: uuid.UUID, *, closes_stream: bool = False) -> None:
    """Record the one completion event, in the transaction that ended the execution.

    `closes_stream` when no worker is left to write the last progress event.
    """
    row = Execution.objects.for_end_event().get(id=execution_id)
    record_ends([row])
    if closes_stream:
        outcome = Outcome(status=row.status, text=row.output, attempt=row.attempt)
        dispatch.announce_ended(execution_id=row.id, outcome=outcome)


def record_ends(rows: Sequence[Execution]) -> None:
    """As `record_end`, for rows that were ended together; settles what was set aside for them."""
    record_events([ended_event(row) for row in rows])
    account_services.settle(_settlement(row) for row in rows if row.budget_usages)


def _settlement(row: Execution) -> account_services.Settlement:
    return account_services.Settlement(
        usage_ids=[uuid.UUID(key) for key in row.budget_usages],
        reserved_usd=row.reserved_usd,
        cost_usd=row.cost_usd,
    )


def ended_event(row: Execution):  # type: ignore[no-untyped-def]
    """The event of a finished execution; only figures and codes leave."""
    assert row.finished_at is not None  # noqa: S101 - guaranteed by a check constraint
    duration = row.finished_at - (row.started_at or row.finished_at)
    return ENDED_BY_STATUS[ExecutionStatus(row.status)](
        aggregate_id=row.id,
        team_id=row.team_id,
        user_id=row.user_id,
        agent=row.agent.slug,
        agent_version=row.version.number,
        lane=row.lane,
        attempt=row.attempt,
        category=row.agent.category.slug,
        provider=row.provider,
        model=row.model,
        cost_usd=row.cost_usd,
        duration_ms=round(duration.total_seconds() * 1000),
        error_code=row.error_code,
        error_cause=row.error_cause,
        **{name: getattr(row, name) for name in FIGURES},
    )
