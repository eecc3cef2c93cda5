"""Who may do what with accounts, and who may run which agent."""

import uuid

import structlog

from accounts.choices import DataClass, Role
from accounts.errors import PolicyUnavailable
from accounts.models import Membership
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
from aiagents.common.errors import InvalidInput, NotAllowed, NotFound
from aiagents.common.principals import Principal

__all__ = [
    "BadPolicyError",
    "Bundle",
    "Decision",
    "Evaluator",
    "NoDecisionError",
    "PolicyInput",
    "can_manage_accounts",
    "can_manage_team",
    "check_can_give_role",
    "check_can_manage_accounts",
    "check_can_manage_team",
    "check_can_read_audit",
    "check_is_person",
    "decide",
    "decide_run",
    "grantable_roles",
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


def can_manage_team(by: Principal, team_id: uuid.UUID) -> bool:
    """Whether `by` may change who is in this team; never with an API key."""
    if can_manage_accounts(by):
        return True
    own = Membership.objects.filter(team_id=team_id, user_id=by.user_id)
    return by.scopes is None and own.filter(role=Role.ADMIN).exists()


def check_can_manage_team(by: Principal, team_id: uuid.UUID) -> None:
    """Raises NotAllowed for a member who is not its administrator, NotFound for a stranger."""
    if can_manage_team(by, team_id):
        return
    if team_id not in by.team_ids:
        raise NotFound
    raise NotAllowed("Only the team's administrators change who is in it.")


def grantable_roles(by: Principal) -> tuple[Role, ...]:
    """The roles that `by` may give in a team they administer.

    A curator works on the catalogue of all teams, so only the platform's administrators name one.
    """
    if can_manage_accounts(by):
        return tuple(Role)
    return tuple(role for role in Role if role is not Role.CURATOR)


def check_can_give_role(by: Principal, role: str) -> None:
    """Raises InvalidInput for a role that does not exist, NotAllowed for a higher one."""
    if role not in Role.values:
        message = f"One of {', '.join(Role.values)}."
        raise InvalidInput("Not valid: role.", errors={"role": [message]})
    if role not in grantable_roles(by):
        raise NotAllowed("Only administrators of the platform name curators.")


def check_is_person(by: Principal) -> None:
    """Raises NotAllowed for an API key: keys manage neither keys nor accounts."""
    if by.scopes is not None:
        raise NotAllowed("An API key cannot do this; sign in as a person.")
