"""What happens to people, as told to the outside."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from aiagents.common.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered(Event):
    """Somebody made an account."""

    name: ClassVar[str] = "user.registered"
    aggregate: ClassVar[str] = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLoggedIn(Event):
    """Somebody proved who they are by password."""

    name: ClassVar[str] = "user.logged_in"
    aggregate: ClassVar[str] = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDenied(Event):
    """The policy refused a run; the aggregate is its decision."""

    name: ClassVar[str] = "policy.denied"
    aggregate: ClassVar[str] = "policy"

    agent: str
    category: str
    risk: str
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRefused(Event):
    """A run was refused, because a budget does not cover it."""

    name: ClassVar[str] = "budget.exceeded"
    aggregate: ClassVar[str] = "budget"

    needed_usd: Decimal
    left_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAlerted(Event):
    """Half of a budget, four fifths of it, or all of it was spent."""

    name: ClassVar[str] = "budget.alerted"
    aggregate: ClassVar[str] = "budget"

    scope: str
    percent: int
    used_usd: Decimal
    limit_usd: Decimal
