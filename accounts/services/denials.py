"""A refusal is told, although the refused transaction leaves nothing behind.

The policy's error passes through the transaction that it rolls back; whoever opened that
transaction records the refusal afterwards, in one of its own.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from accounts.choices import AuditAction
from accounts.errors import BudgetExceeded, PolicyDenied
from accounts.events import BudgetRefused, RunDenied
from accounts.models import Budget
from accounts.services import audit
from aiagents.common import clock
from analytics.services import record_event


@contextmanager
def recording_denials() -> Iterator[None]:
    """Record a PolicyDenied or BudgetExceeded that comes out of the block, and let it pass.

    Put it around the outermost transaction. `run_once` has it already.
    """
    try:
        yield
    except PolicyDenied as error:
        record_denial(error, now=clock.now())
        raise
    except BudgetExceeded as error:
        record_refusal(error)
        raise


@transaction.atomic
def record_refusal(error: BudgetExceeded) -> None:
    """Tell that a budget refused a run, one event after another of that budget."""
    budget = Budget.objects.select_for_update().filter(id=error.budget_id).first()
    if budget is None:
        return
    record_event(
        BudgetRefused(
            aggregate_id=budget.id,
            team_id=error.team_id,
            user_id=error.user_id,
            needed_usd=error.needed_usd,
            left_usd=error.left_usd,
        )
    )


@transaction.atomic
def record_denial(error: PolicyDenied, *, now: dt.datetime) -> None:
    """Tell audit and events of one refusal; for callers whose transaction goes on."""
    decision, question, by = error.decision, error.decision.question, error.by
    record_event(
        RunDenied(
            aggregate_id=decision.id,
            team_id=by.team_id,
            user_id=by.user_id,
            agent=question.agent_slug,
            category=question.category,
            risk=question.risk,
            lane=question.lane,
        )
    )
    audit.record_deed(
        action=AuditAction.POLICY_DENIED,
        target=f"agent:{question.agent_slug}",
        team_id=by.team_id,
        by=by,
        now=now,
        decision=str(decision.id),
        input_digest=decision.input_digest,
        revision=decision.revision,
        reasons=decision.reasons,
        category=question.category,
        risk=question.risk,
        lane=question.lane,
        data_class=question.data_class,
        roles=sorted(question.roles),
        scopes=sorted(question.scopes) if question.is_key else None,
        is_suspended=question.is_suspended,
    )
