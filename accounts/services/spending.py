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

from django.db import models
from django.db.models import F, Q

from accounts import dispatch
from accounts.choices import BudgetScope, Role
from accounts.errors import BudgetExceeded
from accounts.events import BudgetAlerted
from accounts.models import Budget, BudgetUsage, Membership
from accounts.selectors.budgets import limit_of, period_end, period_start, usage_id
from aiagents.common.prepared import Prepared
from analytics.services import record_event

#: Shares of a limit, in per cent, at which the team is told.
THRESHOLDS = (50, 80, 100)
CENT = Decimal("0.01")


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
    return [_reserve_in(limit, charge, now=now) for limit in limits]


def settle(settlements: Iterable[Settlement]) -> None:
    """Give back what was reserved and count what it cost, for the transaction that ends work."""
    reserved: defaultdict[uuid.UUID, Decimal] = defaultdict(Decimal)
    used: defaultdict[uuid.UUID, Decimal] = defaultdict(Decimal)
    for one in settlements:
        for key in one.usage_ids:
            reserved[key] += one.reserved_usd
            used[key] += one.cost_usd
    if not reserved:
        return
    usages = BudgetUsage.objects.select_for_update(of=("self",)).filter(id__in=reserved)
    for usage in usages.select_related("budget__team").order_by(
        "budget_id", "starts_at"
    ):
        usage.reserved_usd -= reserved[usage.id]
        usage.used_usd += used[usage.id]
        _alert(usage)
        usage.save()


def _reserve_in(limit: _Limit, charge: Charge, *, now: dt.datetime) -> uuid.UUID:
    amount, start = charge.amount_usd, period_start(limit.period, now)
    key = usage_id(limit.budget_id, start)
    if _try_reserve(key, amount, most=limit.most):
        return key
    BudgetUsage.objects.bulk_create(
        [BudgetUsage(id=key, budget_id=limit.budget_id, starts_at=start)],
        ignore_conflicts=True,
    )
    if _try_reserve(key, amount, most=limit.most):
        return key
    raise _exceeded(limit, key, charge, start)


def _try_reserve(key: uuid.UUID, amount: Decimal, *, most: Decimal) -> bool:
    room = BudgetUsage.objects.filter(
        id=key, used_usd__lte=most - amount - F("reserved_usd")
    )
    return bool(room.update(reserved_usd=F("reserved_usd") + amount))


def _exceeded(
    limit: _Limit, key: uuid.UUID, charge: Charge, start: dt.datetime
) -> BudgetExceeded:
    usage = BudgetUsage.objects.get(id=key)
    left = max(limit.most - usage.used_usd - usage.reserved_usd, Decimal(0))
    return BudgetExceeded(
        budget=BudgetScope(limit.scope).label,
        limit_usd=limit.most,
        left_usd=left.quantize(CENT, rounding=ROUND_DOWN),
        needed_usd=charge.amount_usd,
        budget_id=limit.budget_id,
        team_id=charge.team_id,
        user_id=charge.user_id,
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
    # Refusals write events of the same budget; its lock numbers them one after another.
    Budget.objects.select_for_update().get(id=usage.budget_id)
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
    admins = Membership.objects.filter(team=usage.budget.team, role=Role.ADMIN)
    dispatch.send_budget_alert(
        to=list(admins.exclude(user__email="").values_list("user__email", flat=True)),
        team=usage.budget.team.name,
        budget=str(usage.budget),
        percent=reached,
        used_usd=usage.used_usd,
        limit_usd=most,
    )
