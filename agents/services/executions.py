"""What people and programs may do with an execution: start, cancel, repeat, rate."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts import permissions as account_permissions
from accounts import services as account_services
from accounts.choices import DataClass
from accounts.errors import PolicyDenied
from accounts.permissions import Decision
from agents import dispatch, selectors
from agents.catalogue import forms
from agents.catalogue.definition import Definition
from agents.choices import TRANSITIONS, ExecutionStatus, Lane
from agents.errors import AlreadyCancelled, AlreadyOver
from agents.events import ExecutionQueued
from agents.models import Execution, ExecutionFeedback
from agents.runtime.prompt import FREE_TEXT
from agents.services import admission, endings
from aiagents.common import json as strict_json
from aiagents.common.errors import Conflict, InvalidInput
from aiagents.common.principals import Principal
from aiagents.common.rows import insert_all
from aiagents.common.transitions import try_move
from analytics.services import record_event

MAX_TASK_CHARS = 20_000
MAX_METADATA_BYTES = 4_000
#: The key of `metadata` by which a caller tells the policy what kind of data it sends.
DATA_CLASS = "data_class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks of an agent: either form values or a task in free text."""

    inputs: Mapping[str, Any] | None = None
    task: str | None = None
    #: Form values that the caller of a free-text task knows.
    context: Mapping[str, Any] | None = None
    version_number: int | None = None
    lane: str = Lane.INTERACTIVE
    metadata: Mapping[str, Any] = field(default_factory=dict)


def start_execution(
    *, slug: str, request: Request, by: Principal, now: dt.datetime
) -> Execution:
    """Accept a run. Raises AgentNotFound, VersionNotFound, InvalidInput, NotAllowed.

    InvalidInput names each bad field under its input key. Raises TeamQueueFull,
    AgentQueueFull when too many runs wait already.
    """
    agent = selectors.get_runnable(slug, request.version_number)
    _check_metadata(request.metadata)
    decision = check_may_run(agent, lane=request.lane, metadata=request.metadata, by=by)
    admission.check_queue_has_room(agent.version.agent, team_id=by.team_id)
    inputs = checked_inputs(agent.definition, request)
    return queue_execution(
        agent,
        by=by,
        now=now,
        inputs=inputs,
        is_free_text=request.inputs is None,
        lane=request.lane,
        metadata=dict(request.metadata),
        **decided(decision),
    )


def retry_execution(*, execution_id: str, by: Principal, now: dt.datetime) -> Execution:
    """Run the same again as a new execution.

    Raises ExecutionNotFound, Conflict, NotAllowed, TeamQueueFull, AgentQueueFull.
    """
    old = selectors.get_execution(execution_id, by=by)
    if not old.is_over:
        raise Conflict("The run is not over yet; cancel it or wait for its end.")
    agent = selectors.get_runnable(old.agent.slug, old.version.number)
    decision = check_may_run(agent, lane=old.lane, metadata=old.metadata, by=by)
    admission.check_queue_has_room(agent.version.agent, team_id=by.team_id)
    return queue_execution(
        agent,
        by=by,
        now=now,
        inputs=old.inputs,
        is_free_text=old.is_free_text,
        lane=old.lane,
        metadata=old.metadata,
        retry_of=old,
        **decided(decision),
    )


@transaction.atomic
def cancel_execution(
    *, execution_id: str, by: Principal, now: dt.datetime
) -> Execution:
    """Stop a queued run at once; ask a running one to stop, which it will within 15 s.

    Raises ExecutionNotFound, AlreadyOver, AlreadyCancelled. A completion that comes after an
    accepted cancel loses.
    """
    execution = selectors.get_execution(execution_id, by=by)
    stop_execution(execution.id)
    execution.refresh_from_db()
    return execution


@transaction.atomic
def stop_execution(execution_id: uuid.UUID) -> None:
    """As `cancel_execution`, for a caller that has looked after access."""
    rows = Execution.objects.filter(id=execution_id)
    # First, because it locks the row: nobody moves it before we have looked where it stands.
    if (
        not rows.unfinished()
        .filter(cancel_requested_at=None)
        .update(cancel_requested_at=Now())
    ):
        raise AlreadyCancelled if rows.unfinished().exists() else AlreadyOver
    idle = rows.filter(status__in=[ExecutionStatus.QUEUED, ExecutionStatus.WAITING])
    if try_move(
        idle,
        transitions=TRANSITIONS,
        to=ExecutionStatus.CANCELLED,
        finished_at=Now(),
    ):
        endings.record_end(execution_id, closes_stream=True)
    else:
        dispatch.ask_to_stop(execution_id=execution_id)


def record_feedback(
    *, execution_id: str, by: Principal, rating: int, comment: str, now: dt.datetime
) -> ExecutionFeedback:
    """Keep what a person thinks of a result; a second opinion replaces the first.

    Raises ExecutionNotFound, Conflict while it still runs.
    """
    execution = selectors.get_execution(execution_id, by=by)
    if not execution.is_over:
        raise Conflict("The run is not over yet; rate it when it has ended.")
    feedback, _ = ExecutionFeedback.objects.update_or_create(
        execution=execution,
        user_id=by.user_id,
        defaults={"rating": rating, "comment": comment, "created_at": now},
    )
    return feedback


def check_may_run(
    agent: selectors.Runnable, *, lane: str, metadata: Mapping[str, Any], by: Principal
) -> Decision:
    """The policy's decision to allow it. Raises PolicyDenied with the reason in words.

    Raises PolicyUnavailable while the policy cannot decide. A caller that opened the
    transaction tells of a denial: `accounts.services.recording_denials`.
    """
    decision = account_permissions.decide_run(
        principal=by,
        agent_slug=agent.version.agent.slug,
        category=agent.category,
        risk=agent.risk,
        lane=lane,
        is_suspended=agent.is_suspended,
        data_class=metadata.get(DATA_CLASS, DataClass.INTERNAL),
    )
    if decision.allowed:
        return decision
    code = "agent_suspended" if agent.is_suspended else ""
    raise PolicyDenied(decision=decision, by=by, code=code)


def decided(decision: Decision) -> dict[str, Any]:
    """The columns that tell which decision a run rests on."""
    return {
        "policy_decision": decision.id,
        "policy_digest": decision.input_digest,
        "policy_notes": decision.as_record(),
    }


def checked_inputs(definition: Definition, request: Request) -> dict[str, Any]:
    """The values to store. Raises InvalidInput that names each bad field."""
    if request.inputs is not None:
        errors = forms.validate(definition.inputs, request.inputs)
        if errors:
            raise _invalid(errors)
        return dict(request.inputs)
    context = dict(request.context or {})
    errors = forms.validate(definition.inputs, context, partial=True)
    task = (request.task or "").strip()
    if not task or len(task) > MAX_TASK_CHARS:
        errors[FREE_TEXT] = [f"Needed: text of 1 to {MAX_TASK_CHARS} characters."]
    if errors:
        raise _invalid(errors)
    return {FREE_TEXT: task, **context}


def _invalid(errors: Mapping[str, list[str]]) -> InvalidInput:
    named = ", ".join(f"'{key}'" for key in errors)
    return InvalidInput(f"Not valid: {named}.", errors=errors)


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    if len(strict_json.canonical(metadata)) > MAX_METADATA_BYTES:
        message = f"At most {MAX_METADATA_BYTES} bytes as JSON."
        raise InvalidInput("'metadata' is too large.", errors={"metadata": [message]})
    if metadata.get(DATA_CLASS, DataClass.INTERNAL) not in DataClass.values:
        message = f"'{DATA_CLASS}' is one of {', '.join(DataClass.values)}."
        raise InvalidInput("Not valid: 'metadata'.", errors={"metadata": [message]})


@transaction.atomic
def queue_execution(
    agent: selectors.Runnable,
    *,
    by: Principal,
    now: dt.datetime,
    deadline_s: float | None = None,
    **fields: Any,
) -> Execution:
    """Set money aside, store the row and its first event; the rest was checked.

    Raises BudgetExceeded. It must be over within `deadline_s` seconds, by default within EXECUTION_DEADLINE_S.
    """
    allowed_s = settings.EXECUTION_DEADLINE_S if deadline_s is None else deadline_s
    execution = Execution(
        team_id=by.team_id,
        user_id=by.user_id,
        api_key_id=by.api_key_id,
        agent=agent.version.agent,
        version=agent.version,
        created_at=now,
        woken_at=agent.now,
        available_at=agent.now,
        deadline_at=agent.now + dt.timedelta(seconds=allowed_s),
        **fields,
    )
    set_money_aside(execution, now=now)
    insert_all([execution])
    record_event(
        ExecutionQueued(
            aggregate_id=execution.id,
            team_id=execution.team_id,
            user_id=execution.user_id,
            agent=execution.agent.slug,
            agent_version=execution.version.number,
            lane=execution.lane,
            attempt=0,
        ),
        opens=True,
    )
    dispatch.announce_queued(execution_id=execution.id, lane=execution.lane)
    return execution


def set_money_aside(execution: Execution, *, now: dt.datetime) -> None:
    """Set aside what a new run may cost at most. Raises BudgetExceeded."""
    execution.reserved_usd = selectors.most_cost(
        execution.version_id,
        inputs=execution.inputs,
        is_free_text=execution.is_free_text,
    )
    charge = account_services.Charge(
        team_id=execution.team_id,
        user_id=execution.user_id,
        api_key_id=execution.api_key_id,
        agent_id=execution.agent_id,
        amount_usd=execution.reserved_usd,
    )
    usages = account_services.reserve(charge, now=now)
    execution.budget_usages = [str(key) for key in usages]
