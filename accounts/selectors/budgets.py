"""How much may be spent, and how much was."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from accounts.choices import BudgetPeriod, BudgetScope
from accounts.models import Budget, BudgetUsage, Team
from aiagents.common.errors import NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

#: The one period of a budget that is never begun anew.
ONCE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
#: Names usages by budget and start, so that finding one takes no query.
NAMESPACE = uuid.UUID("5b6f4d56-7a2c-4d0b-9c5e-2f5f1c0d8a11")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """A budget in its present period."""

    id: uuid.UUID
    team_id: uuid.UUID
    scope: str
    subject_id: uuid.UUID
    period: str
    limit_usd: Decimal
    used_usd: Decimal
    #: Set aside for runs under way.
    reserved_usd: Decimal
    #: None for a budget that is never begun anew.
    resets_at: dt.datetime | None

    @property
    def left_usd(self) -> Decimal:
        """Neither spent nor set aside."""
        return max(self.limit_usd - self.used_usd - self.reserved_usd, Decimal(0))

    @property
    def committed_usd(self) -> Decimal:
        """Spent or set aside."""
        return self.used_usd + self.reserved_usd

    @property
    def period_label(self) -> str:
        """How often it begins anew, for a person."""
        return BudgetPeriod(self.period).label.lower()

    @property
    def label(self) -> str:
        """Whose spending it limits, for a person."""
        return BudgetScope(self.scope).label


def list_budgets(team: Team, *, now: dt.datetime) -> list[BudgetState]:
    """The budgets of a team the caller may see, in the order in which they were made."""
    return _states(Budget.objects.filter(team=team).order_by("created_at", "id"), now)


def own_budgets(by: Principal, *, now: dt.datetime) -> list[BudgetState]:
    """The budgets that limit what the principal starts now, apart from single agents' and runs'."""
    budgets = Budget.objects.visible_to(by).filter(team_id=by.team_id)
    mine = {
        (BudgetScope.TEAM, by.team_id),
        (BudgetScope.USER, by.user_id),
        (BudgetScope.API_KEY, by.api_key_id),
    }
    rows = budgets.order_by("created_at", "id")
    return _states([row for row in rows if (row.scope, row.subject_id) in mine], now)


def get_budget(budget_id: object, *, team: Team) -> Budget:
    """One budget of that team. Raises NotFound."""
    key = parse_id(budget_id)
    found = Budget.objects.filter(id=key, team=team).first() if key else None
    if found is None:
        raise NotFound
    return found


def limit_of(limit_usd: Decimal | None) -> Decimal:
    """The limit in force for a budget's own, which may be None."""
    if limit_usd is None:
        return Decimal(str(settings.DEFAULT_MONTHLY_BUDGET_USD))
    return limit_usd


def period_start(period: str, now: dt.datetime) -> dt.datetime:
    """When the period of `now` began, in UTC."""
    day = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case BudgetPeriod.DAY:
            return day
        case BudgetPeriod.MONTH:
            return day.replace(day=1)
        case _:
            return ONCE


def period_end(period: str, start: dt.datetime) -> dt.datetime | None:
    """When the next period begins; None for a budget that is never begun anew."""
    match period:
        case BudgetPeriod.DAY:
            return start + dt.timedelta(days=1)
        case BudgetPeriod.MONTH:
            return (start + dt.timedelta(days=32)).replace(day=1)
        case _:
            return None


def usage_id(budget_id: uuid.UUID, start: dt.datetime) -> uuid.UUID:
    """The id of the usage of a budget in the period that began at `start`."""
    return uuid.uuid5(NAMESPACE, f"{budget_id}:{start.isoformat()}")


def _states(budgets: Iterable[Budget], now: dt.datetime) -> list[BudgetState]:
    rows: Sequence[Budget] = list(budgets)
    keys = {row.id: usage_id(row.id, period_start(row.period, now)) for row in rows}
    usages = BudgetUsage.objects.in_bulk(list(keys.values()))
    return [_state(row, usages.get(keys[row.id]), now) for row in rows]


def _state(budget: Budget, usage: BudgetUsage | None, now: dt.datetime) -> BudgetState:
    return BudgetState(
        id=budget.id,
        team_id=budget.team_id,
        scope=budget.scope,
        subject_id=budget.subject_id,
        period=budget.period,
        limit_usd=limit_of(budget.limit_usd),
        used_usd=usage.used_usd if usage else Decimal(0),
        reserved_usd=usage.reserved_usd if usage else Decimal(0),
        resets_at=period_end(budget.period, period_start(budget.period, now)),
    )
