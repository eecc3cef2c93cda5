"""Deciding how much may be spent."""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.choices import BudgetPeriod, BudgetScope
from accounts.models import Budget
from accounts.permissions import (
    check_can_manage_accounts,
    check_can_manage_team,
    check_is_person,
)
from accounts.selectors import get_budget, get_team
from accounts.services import audit
from aiagents.common.errors import InvalidInput
from aiagents.common.principals import Principal

MOST_USD = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetInput:
    """A budget as somebody asks for it; `subject_id` is not needed for the team's own."""

    scope: str
    period: str
    limit_usd: Decimal
    subject_id: uuid.UUID | None = None


@transaction.atomic
def set_budget(
    *, team_id: object, wanted: BudgetInput, by: Principal, now: dt.datetime
) -> Budget:
    """Make a budget or change its limit, which holds at once for the present period.

    The platform's administrators set what a whole team may spend, a team's administrators how it
    is divided. Raises NotFound, NotAllowed, InvalidInput.
    """
    team = get_team(team_id, by=by)
    _check_may_set(wanted.scope, team.id, by=by)
    _check(wanted)
    budget, is_new = Budget.objects.get_or_create(
        team_id=team.id,
        scope=wanted.scope,
        subject_id=wanted.subject_id or team.id,
        period=wanted.period,
        defaults={"limit_usd": wanted.limit_usd, "created_at": now},
    )
    before = None if is_new else budget.limit_usd
    budget.limit_usd = wanted.limit_usd
    budget.save(update_fields=["limit_usd"])
    _record(budget, before=before, after=budget.limit_usd, by=by, now=now)
    return budget


@transaction.atomic
def remove_budget(
    *, team_id: object, budget_id: object, by: Principal, now: dt.datetime
) -> None:
    """Take a limit away. Raises NotFound, NotAllowed."""
    budget = get_budget(budget_id, team=get_team(team_id, by=by))
    _check_may_set(budget.scope, budget.team_id, by=by)
    _record(budget, before=budget.limit_usd, after=None, by=by, now=now)
    budget.delete()


def _check_may_set(scope: str, team_id: uuid.UUID, *, by: Principal) -> None:
    check_is_person(by)
    if scope == BudgetScope.TEAM:
        check_can_manage_accounts(by)
    else:
        check_can_manage_team(by, team_id)


def _check(wanted: BudgetInput) -> None:
    errors: dict[str, list[str]] = {}
    if wanted.scope not in BudgetScope.values:
        errors["scope"] = [f"One of {', '.join(BudgetScope.values)}."]
    if wanted.period not in BudgetPeriod.values:
        errors["period"] = [f"One of {', '.join(BudgetPeriod.values)}."]
    if not 0 <= wanted.limit_usd <= MOST_USD:
        errors["limit_usd"] = [f"From 0 to {MOST_USD} USD."]
    if wanted.scope != BudgetScope.TEAM and wanted.subject_id is None:
        errors["subject_id"] = ["The id of the person, key, agent or run."]
    if errors:
        raise InvalidInput(f"Not valid: {', '.join(errors)}.", errors=errors)


def _record(
    budget: Budget,
    *,
    before: Decimal | None,
    after: Decimal | None,
    by: Principal,
    now: dt.datetime,
) -> None:
    audit.record_budget_change(
        budget=f"{budget.scope}:{budget.subject_id}",
        team_id=budget.team_id,
        period=budget.period,
        limit_usd=str(after),
        limit_before_usd=str(before),
        by=by,
        now=now,
    )
