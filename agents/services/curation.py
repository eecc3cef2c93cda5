"""How do curators switch an agent off and on?"""

import datetime as dt

from django.db import transaction

from accounts import services as account_services
from accounts.choices import AuditAction
from agents.errors import AgentNotFound
from agents.events import AgentResumed, AgentSuspended
from agents.models import Agent
from agents.permissions import check_can_curate
from aiagents.common.errors import Conflict, InvalidInput
from aiagents.common.principals import Principal
from analytics.services import record_event

MAX_REASON_CHARS = 200


@transaction.atomic
def suspend_agent(*, slug: str, reason: str, by: Principal, now: dt.datetime) -> Agent:
    """Refuse new runs of an agent until it is resumed; `reason` is shown to everybody.

    Raises NotAllowed, AgentNotFound, InvalidInput without a reason, Conflict when it is
    suspended already.
    """
    check_can_curate(by)
    text = _checked_reason(reason)
    rows = Agent.objects.filter(slug=slug, suspended_at=None)
    if not rows.update(suspended_at=now, suspended_reason=text):
        raise _refusal(slug, f"Agent '{slug}' is suspended already.")
    agent = Agent.objects.select_related("category").get(slug=slug)
    record_event(
        AgentSuspended(
            aggregate_id=agent.id,
            user_id=by.user_id,
            agent=agent.slug,
            category=agent.category.slug,
        )
    )
    _audit(AuditAction.AGENT_SUSPENDED, agent, by=by, now=now)
    return agent


@transaction.atomic
def resume_agent(*, slug: str, by: Principal, now: dt.datetime) -> Agent:
    """Accept runs of a suspended agent again.

    Raises NotAllowed, AgentNotFound, Conflict when it is not suspended.
    """
    check_can_curate(by)
    rows = Agent.objects.filter(slug=slug, suspended_at__isnull=False)
    if not rows.update(suspended_at=None, suspended_reason=""):
        raise _refusal(slug, f"Agent '{slug}' is not suspended.")
    agent = Agent.objects.select_related("category").get(slug=slug)
    record_event(
        AgentResumed(
            aggregate_id=agent.id,
            user_id=by.user_id,
            agent=agent.slug,
            category=agent.category.slug,
        )
    )
    _audit(AuditAction.AGENT_RESUMED, agent, by=by, now=now)
    return agent


def _audit(
    action: AuditAction, agent: Agent, *, by: Principal, now: dt.datetime
) -> None:
    account_services.record_deed(
        action=action, target=f"agent:{agent.slug}", by=by, now=now
    )


def _checked_reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not text or len(text) > MAX_REASON_CHARS:
        message = f"A reason of 1 to {MAX_REASON_CHARS} characters is needed."
        raise InvalidInput(message, errors={"reason": [message]})
    return text


def _refusal(slug: str, message: str) -> Exception:
    is_there = Agent.objects.filter(slug=slug).exists()
    return Conflict(message) if is_there else AgentNotFound()
