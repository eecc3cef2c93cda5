"""Who may do what with accounts, and who may run which agent."""

from accounts.choices import Role
from accounts.policy import Decision, PolicyInput, decide
from aiagents.common.errors import NotAllowed
from aiagents.common.principals import Principal

__all__ = [
    "Decision",
    "can_manage_accounts",
    "check_can_manage_accounts",
    "check_can_read_audit",
    "check_is_person",
    "decide_run",
    "policy_works",
]


def decide_run(
    *,
    principal: Principal,
    agent_slug: str,
    category: str,
    risk: str,
    lane: str,
    is_suspended: bool,
) -> Decision:
    """The policy's decision about one run; an engine that fails denies.

    `category` is the slug of the agent's category, `risk` one of low, medium, high.
    """
    return decide(
        PolicyInput(
            roles=tuple(principal.roles),
            is_key=principal.scopes is not None,
            scopes=tuple(principal.scopes or ()),
            agent_slug=agent_slug,
            category=category,
            risk=risk,
            is_suspended=is_suspended,
            lane=lane,
        )
    )


def policy_works() -> bool:
    """Whether the policy allows what it must allow: for readiness checks."""
    question = PolicyInput(
        roles=(Role.ADMIN.value,),
        is_key=False,
        scopes=(),
        agent_slug="readiness",
        category="readiness",
        risk="low",
        is_suspended=False,
        lane="interactive",
    )
    return decide(question).allowed


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
