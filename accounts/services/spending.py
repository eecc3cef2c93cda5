"""Setting money aside before a call to a model, and settling what it cost.

An upper bound is reserved in the transaction that accepts the work, by one conditional UPDATE a
budget, and given back with the true cost in the transaction that ends it. So what is spent can
never pass a limit, however many ask at once, and no crash leaves anything reserved for nothing:
what is reserved belongs to work that is not over.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts import dispatch
from accounts.choices import BudgetPeriod, BudgetScope
from accounts.errors import BudgetExceeded
from accounts.events import BudgetAlerted
from accounts.models import Budget, BudgetUsage
from aiagents.common.prepared import Prepared
from analytics.services import record_event

#: Shares of a limit, in per cent, at which the team is told.
THRESHOLDS = (50, 80, 100)
CENT = Decimal("0.01")
#: The one period of a budget that is never begun anew.
ONCE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
#: Names usages by budget and start, so that finding one takes no query.
NAMESPACE = uuid.UUID("5b6f4d56-7a2c-4d0b-9c5e-2f5f1c0d8a11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Who is about to spend on what, and at most how much."""

    team_id: uuid.UUID
    user_id: uuid.UUID
    api_key_id: uuid.UUID | None
    agent_id: uuid.UUID
    run_id: uuid.UUID | None = None
    amount_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a charge: the usages it was reserved in, and its cost."""

    usage_ids: Sequence[uuid.UUID]
    reserved_usd: Decimal
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class _Limit:
    """A budget as `_limits` lists it."""

    budget_id: uuid.UUID
    scope: str
    period: str
    limit_usd: Decimal | None

    @property
    def most(self) -> Decimal:
        return limit_of(self.limit_usd)


_limits = Prepared(
    lambda team_id, user_id, api_key_id, agent_id, run_id: (
        Budget.objects.filter(team_id=team_id)
        .filter(
            Q(scope=BudgetScope.TEAM)
            | Q(scope=BudgetScope.USER, subject_id=user_id)
            | Q(scope=BudgetScope.API_KEY, subject_id=api_key_id)
            | Q(scope=BudgetScope.AGENT, subject_id=agent_id)
            | Q(scope=BudgetScope.WORKFLOW_RUN, subject_id=run_id)
        )
        # One order for everybody, so that two charges never wait for each other.
        .order_by("id")
        .values_list("id", "scope", "period", "limit_usd")
    ),
    team_id=models.UUIDField(),
    user_id=models.UUIDField(),
    api_key_id=models.UUIDField(),
    agent_id=models.UUIDField(),
    run_id=models.UUIDField(),
)


def limit_of(limit_usd: Decimal | None) -> Decimal:
    """The limit in force for a budget's own, which may be None."""
    if limit_usd is None:
        return Decimal(settings.DEFAULT_MONTHLY_BUDGET_USD)
    return limit_usd


def reserve(charge: Charge, *, now: dt.datetime) -> list[uuid.UUID]:
    """Set the amount aside in every budget that applies; returns their usages' ids.

    For the transaction that accepts the work. Raises BudgetExceeded, which names the budget, what
    is left of it and when it begins anew.
    """
    if charge.amount_usd <= 0:
        return []
    rows = _limits(
        team_id=charge.team_id,
        user_id=charge.user_id,
        api_key_id=charge.api_key_id,
        agent_id=charge.agent_id,
        run_id=charge.run_id,
    )
    limits = [_Limit(*row) for row in rows]
    return [_reserve_in(limit, charge.amount_usd, now=now) for limit in limits]


def settle(settlements: Iterable[Settlement]) -> None:
    """Give back what was reserved and count what it cost, for the transaction that ends work."""
    reserved: defaultdict[uuid.UUID, Decimal] = defaultdict(Decimal)
    used: defaultdict[uuid.UUID, Decimal] = defaultdict(Decimal)
    for one in settlements:
        for usage_id in one.usage_ids:
            reserved[usage_id] += one.reserved_usd
            used[usage_id] += one.cost_usd
    if not reserved:
        return
    usages = BudgetUsage.objects.select_for_update(of=("self",)).filter(id__in=reserved)
    for usage in usages.select_related("budget").order_by("budget_id", "starts_at"):
        usage.reserved_usd -= reserved[usage.id]
        usage.used_usd += used[usage.id]
        _alert(usage)
        usage.save()


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


def _reserve_in(limit: _Limit, amount: Decimal, *, now: dt.datetime) -> uuid.UUID:
    start = period_start(limit.period, now)
    key = usage_id(limit.budget_id, start)
    if _try_reserve(key, amount, most=limit.most):
        return key
    BudgetUsage.objects.bulk_create(
        [BudgetUsage(id=key, budget_id=limit.budget_id, starts_at=start)],
        ignore_conflicts=True,
    )
    if _try_reserve(key, amount, most=limit.most):
        return key
    raise _exceeded(limit, key, amount, start)


def _try_reserve(key: uuid.UUID, amount: Decimal, *, most: Decimal) -> bool:
    room = BudgetUsage.objects.filter(
        id=key, used_usd__lte=most - amount - F("reserved_usd")
    )
    return bool(room.update(reserved_usd=F("reserved_usd") + amount))


def _exceeded(
    limit: _Limit, key: uuid.UUID, amount: Decimal, start: dt.datetime
) -> BudgetExceeded:
    usage = BudgetUsage.objects.get(id=key)
    left = max(limit.most - usage.used_usd - usage.reserved_usd, Decimal(0))
    return BudgetExceeded(
        budget=BudgetScope(limit.scope).label,
        limit_usd=limit.most,
        left_usd=left.quantize(CENT, rounding=ROUND_DOWN),
        needed_usd=amount,
        resets_at=period_end(limit.period, start),
    )


def _alert(usage: BudgetUsage) -> None:
    """Tell the team once a period that a threshold was reached."""
    most = limit_of(usage.budget.limit_usd)
    share = 100 if most <= 0 else int(usage.used_usd * 100 / most)
    reached = max((step for step in THRESHOLDS if share >= step), default=0)
    if reached <= usage.alerted_percent:
        return
    usage.alerted_percent = reached
    record_event(
        BudgetAlerted(
            aggregate_id=usage.budget_id,
            team_id=usage.budget.team_id,
            scope=usage.budget.scope,
            percent=reached,
            used_usd=usage.used_usd,
            limit_usd=most,
        )
    )
    dispatch.tell_budget_alert(usage_id=usage.id)
