"""Keeping what evals found."""

import datetime as dt
from dataclasses import asdict
from decimal import Decimal

from agents.choices import EvalStop
from agents.evals import Trial
from agents.models import EvalResult, EvalRun
from agents.selectors import Selection


def begin_evals(
    *,
    selection: Selection,
    max_cost_usd: Decimal | None,
    provider: str,
    planned_count: int,
    now: dt.datetime,
) -> EvalRun:
    """Note that evals begin."""
    return EvalRun.objects.create(
        agent_slug=selection.agent,
        category_slug=selection.category,
        sample_limit=selection.limit,
        max_cost_usd=max_cost_usd,
        provider=provider,
        planned_count=planned_count,
        started_at=now,
    )


def record_trial(*, run: EvalRun, trial: Trial, now: dt.datetime) -> EvalResult:
    """Keep one result at once, so that an interrupted run loses none."""
    return EvalResult.objects.create(
        run=run,
        version_id=trial.case.version_id,
        sample_title=trial.case.sample.title,
        sample_digest=trial.case.sample_digest,
        prompt_digest=trial.prompt_digest,
        provider=trial.provider,
        model=trial.model[:80],
        judge_model=trial.judge_model,
        answer_digest=trial.answer_digest,
        checks=[asdict(verdict) for verdict in trial.verdicts],
        passed_count=trial.count(True),
        failed_count=trial.count(False),
        unjudged_count=trial.count(None),
        error_code=trial.error_code,
        cost_usd=trial.cost_usd,
        duration_ms=trial.duration_ms,
        created_at=now,
    )


def finish_evals(
    *, run: EvalRun, cost_usd: Decimal, stop: EvalStop | None, now: dt.datetime
) -> None:
    """Note the end, what it cost, and why it came early if it did."""
    run.cost_usd = cost_usd
    run.stop_reason = stop or ""
    run.finished_at = now
    run.save(update_fields=["cost_usd", "stop_reason", "finished_at"])
