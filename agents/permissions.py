"""Who may change what the catalogue offers."""

from accounts.choices import Role
from aiagents.common.errors import NotAllowed
from aiagents.common.principals import Principal

CURATORS = frozenset({Role.CURATOR.value, Role.ADMIN.value})


def can_curate(by: Principal | None) -> bool:
    """Whether `by` may read prompts and switch agents off and on; never with an API key."""
    return by is not None and by.scopes is None and not CURATORS.isdisjoint(by.roles)


def check_can_curate(by: Principal) -> None:
    """Raises NotAllowed unless `by` is a curator or an administrator in person."""
    if not can_curate(by):
        raise NotAllowed("Only curators and administrators may do this.")


def check_can_set_models(by: Principal) -> None:
    """Raises NotAllowed unless `by` is an administrator in person."""
    if by.scopes is not None or Role.ADMIN not in by.roles:
        raise NotAllowed("Only administrators set models and prices.")
