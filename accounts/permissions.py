"""Who may do what with accounts, and who may run which agent."""

import uuid

import structlog

from accounts.choices import DataClass, Role
from accounts.errors import PolicyUnavailable
from accounts.policy import (
    BadPolicyError,
    Bundle,
    Decision,
    Evaluator,
    NoDecisionError,
    PolicyInput,
    decide,
    merged,
    read_bundle,
    rules_of,
)
from aiagents.common import clock
from aiagents.common.errors import NotAllowed
from aiagents.common.principals import Principal

__all__ = [
    "BadPolicyError",
    "Bundle",
    "Decision",
    "Evaluator",
    "NoDecisionError",
    "PolicyInput",
    "can_manage_accounts",
    "check_can_manage_accounts",
    "check_can_read_audit",
    "check_is_person",
    "decide",
    "decide_run",
    "merged",
    "policy_works",
    "read_bundle",
    "rules_of",
]

#: Whoever else may do nothing: this question must be allowed.
READINESS = Principal(
    user_id=uuid.UUID(int=0),
    username="readiness",
    team_id=uuid.UUID(int=0),
    team_ids=(),
    roles=frozenset({Role.ADMIN.value}),
)
log = structlog.get_logger(__name__)


def decide_run(
    *,
    principal: Principal,
    agent_slug: str,
    category: str,
    risk: str,
    lane: str,
    is_suspended: bool,
    data_class: str = DataClass.INTERNAL,
) -> Decision:
    """The policy's decision about one run. Raises PolicyUnavailable when there is none.

    `category` is the slug of the agent's category, `risk` one of low, medium, high.
    """
    question = PolicyInput(
        roles=tuple(principal.roles),
        is_key=principal.scopes is not None,
        scopes=tuple(principal.scopes or ()),
        agent_slug=agent_slug,
        category=category,
        risk=risk,
        is_suspended=is_suspended,
        lane=lane,
        data_class=data_class,
        at=clock.now(),
    )
    try:
        return decide(question)
    except NoDecisionError as error:
        _tell_operators(error)
        raise PolicyUnavailable from error


def _tell_operators(error: NoDecisionError) -> None:
    log.error("policy_failed", action="policy_failed", cause=str(error)[:300])


def policy_works() -> bool:
    """Whether the policy allows what it must allow: for readiness checks."""
    try:
        return decide_run(
            principal=READINESS,
            agent_slug="readiness",
            category="readiness",
            risk="low",
            lane="interactive",
            is_suspended=False,
        ).allowed
    except PolicyUnavailable:
        return False


def can_manage_accounts(by: Principal) -> bool:
    """Whether `by` may change other people's accounts and teams; never with an API key."""
    return Role.ADMIN in by.roles and by.scopes is None


def check_can_manage_accounts(by: Principal) -> None:
    """Raises NotAllowed unless `by` is an administrator in person."""
    if not can_manage_accounts(by):
        raise NotAllowed(
            "Only administrators change other people's accounts and teams."
        )


def check_can_read_audit(by: Principal) -> None:
    """Raises NotAllowed unless `by` is an administrator in person."""
    if not can_manage_accounts(by):
        raise NotAllowed("Only administrators read the audit.")


def check_is_person(by: Principal) -> None:
    """Raises NotAllowed for an API key: keys manage neither keys nor accounts."""
    if by.scopes is not None:
        raise NotAllowed("An API key cannot do this; sign in as a person.")
