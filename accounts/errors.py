"""What can go wrong with accounts, for a caller to mend."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from aiagents.common.errors import (
    Conflict,
    NotAffordable,
    NotAllowed,
    NotFound,
    Unavailable,
)
from aiagents.common.principals import Principal

if TYPE_CHECKING:
    from accounts.policy import Decision


class UsernameTaken(Conflict):
    """This username is taken; choose another."""

    code = "username_taken"


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running; ask again shortly."""

    code = "idempotency_key_in_use"
    #: Sent as `Retry-After`.
    retry_after_s = 2


class TooManyKeys(Conflict):
    """You have as many API keys as are allowed; revoke one first."""

    code = "too_many_keys"


class PolicyDenied(NotAllowed):
    """The policy does not allow this."""

    code = "policy_denied"

    def __init__(self, *, decision: "Decision", by: Principal, code: str = "") -> None:
        """The message is the policy's own reasons."""
        super().__init__(" ".join(decision.reasons), code=code)
        self.decision = decision
        self.by = by


class PolicyUnavailable(Unavailable):
    """The policy cannot decide for a moment, so nothing was done; try again shortly."""

    code = "policy_unavailable"


class AlreadyMember(Conflict):
    """You are in this team already."""

    code = "already_member"


class LastAdministrator(Conflict):
    """A team needs an administrator; make somebody else one first."""

    code = "last_administrator"


class TooManyInvitations(Conflict):
    """The team has as many open invitations as are allowed; withdraw one first."""

    code = "too_many_invitations"


class InvitationOver(NotFound):
    """This invitation was used, withdrawn or has expired; ask for a new one."""


class BudgetExceeded(NotAffordable):
    """The budget does not cover this."""

    def __init__(
        self,
        *,
        budget: str,
        budget_id: uuid.UUID,
        team_id: uuid.UUID,
        user_id: uuid.UUID,
        limit_usd: Decimal,
        left_usd: Decimal,
        needed_usd: Decimal,
        resets_at: dt.datetime | None,
    ) -> None:
        """`left_usd` of the limit is neither spent nor set aside; `resets_at` None is never."""
        then = (
            f" It begins anew at {resets_at:%Y-%m-%d %H:%M} UTC." if resets_at else ""
        )
        super().__init__(
            f"The budget of {budget.lower()} ({limit_usd} USD) has {left_usd} USD left, and this "
            f"may cost up to {needed_usd} USD.{then} An administrator of the team can raise it."
        )
        self.budget_id = budget_id
        self.team_id = team_id
        self.user_id = user_id
        self.needed_usd = needed_usd
        self.left_usd = left_usd
        self.resets_at = resets_at
