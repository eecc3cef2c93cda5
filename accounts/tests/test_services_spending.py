"""Setting money aside and settling it: what is spent never passes a limit."""

import datetime as dt
import threading
import uuid
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.choices import BudgetPeriod, BudgetScope
from accounts.errors import BudgetExceeded
from accounts.models import BudgetUsage
from accounts.selectors.budgets import period_end, period_start, usage_id
from accounts.services import Charge, Settlement, reserve, settle
from accounts.tests.factories import BudgetFactory, TeamFactory
from aiagents.common import ids
from aiagents.common.connections import in_own_connection
from analytics.models import Event

NOW = dt.datetime(2026, 12, 31, 23, 30, tzinfo=dt.UTC)
TOMORROW = NOW + dt.timedelta(days=1)


def charge(team, amount, **who):
    return Charge(
        **{
            "team_id": team.id,
            "user_id": ids.new_id(),
            "api_key_id": None,
            "agent_id": ids.new_id(),
            "amount_usd": Decimal(amount),
            **who,
        }
    )


def settled(usages, *, reserved, cost):
    settle(
        [
            Settlement(
                usage_ids=usages, reserved_usd=Decimal(reserved), cost_usd=Decimal(cost)
            )
        ]
    )


@pytest.mark.django_db
class TestReserve:
    def test_sets_the_amount_aside(self):
        budget = BudgetFactory(limit_usd="10")
        (key,) = reserve(charge(budget.team, "4"), now=NOW)
        usage = budget.usages.get(id=key)
        assert (usage.reserved_usd, usage.used_usd) == (Decimal(4), Decimal(0))

    def test_refuses_more_than_is_left_and_says_what_is(self):
        budget = BudgetFactory(limit_usd="10", period=BudgetPeriod.MONTH)
        reserve(charge(budget.team, "6.5"), now=NOW)
        with pytest.raises(BudgetExceeded) as refusal:
            reserve(charge(budget.team, "4"), now=NOW)
        assert refusal.value.left_usd == Decimal("3.50")
        assert refusal.value.resets_at == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
        for words in ("the team", "3.50 USD left", "2027-01-01 00:00 UTC"):
            assert words in refusal.value.message

    def test_fills_a_limit_to_the_last_cent(self):
        budget = BudgetFactory(limit_usd="10")
        reserve(charge(budget.team, "10"), now=NOW)
        with pytest.raises(BudgetExceeded):
            reserve(charge(budget.team, "0.000001"), now=NOW)

    def test_every_period_begins_anew(self):
        budget = BudgetFactory(limit_usd="10", period=BudgetPeriod.DAY)
        reserve(charge(budget.team, "10"), now=NOW)
        reserve(charge(budget.team, "10"), now=TOMORROW)
        assert budget.usages.count() == 2

    def test_asks_every_budget_that_applies_and_no_other(self):
        team, person, agent, key = TeamFactory(), *(ids.new_id() for _ in range(3))
        mine = [
            BudgetFactory(team=team),
            BudgetFactory(team=team, period=BudgetPeriod.DAY),
            BudgetFactory(team=team, scope=BudgetScope.USER, subject_id=person),
            BudgetFactory(team=team, scope=BudgetScope.AGENT, subject_id=agent),
            BudgetFactory(team=team, scope=BudgetScope.API_KEY, subject_id=key),
        ]
        BudgetFactory(limit_usd="0")
        BudgetFactory(team=team, scope=BudgetScope.USER, limit_usd="0")
        usages = reserve(
            charge(team, "1", user_id=person, agent_id=agent, api_key_id=key), now=NOW
        )
        touched = BudgetUsage.objects.filter(id__in=usages)
        assert set(touched.values_list("budget_id", flat=True)) == {b.id for b in mine}

    def test_one_full_budget_leaves_the_others_untouched(self):
        team, person = TeamFactory(), ids.new_id()
        wide = BudgetFactory(team=team)
        BudgetFactory(
            team=team, scope=BudgetScope.USER, subject_id=person, limit_usd="0"
        )
        with pytest.raises(BudgetExceeded), transaction.atomic():
            reserve(charge(team, "1", user_id=person), now=NOW)
        assert not wide.usages.exists()

    def test_what_costs_nothing_asks_nobody(self, django_assert_num_queries):
        team = BudgetFactory(limit_usd="0").team
        with django_assert_num_queries(0):
            assert reserve(charge(team, "0"), now=NOW) == []

    def test_the_default_limit_is_that_of_the_installation(self, settings):
        settings.DEFAULT_MONTHLY_BUDGET_USD = 3
        budget = BudgetFactory(limit_usd=None)
        reserve(charge(budget.team, "3"), now=NOW)
        with pytest.raises(BudgetExceeded, match="3 USD"):
            reserve(charge(budget.team, "1"), now=NOW)


@pytest.mark.django_db
class TestSettle:
    def test_gives_back_what_was_not_needed(self):
        budget = BudgetFactory(limit_usd="10")
        usages = reserve(charge(budget.team, "4"), now=NOW)
        settled(usages, reserved="4", cost="0.25")
        usage = budget.usages.get()
        assert (usage.reserved_usd, usage.used_usd) == (Decimal(0), Decimal("0.25"))

    def test_counts_into_the_period_in_which_it_began(self):
        budget = BudgetFactory(limit_usd="10", period=BudgetPeriod.DAY)
        usages = reserve(charge(budget.team, "4"), now=NOW)
        reserve(charge(budget.team, "1"), now=TOMORROW)
        settled(usages, reserved="4", cost="2")
        first, second = budget.usages.order_by("starts_at")
        assert (first.used_usd, second.used_usd) == (Decimal(2), Decimal(0))

    def test_tells_each_threshold_once(self):
        budget = BudgetFactory(limit_usd="10")
        for cost in ("4", "1", "1", "2", "3"):
            usages = reserve(charge(budget.team, "0.000001"), now=NOW)
            settled(usages, reserved="0.000001", cost=cost)
        events = Event.objects.filter(aggregate_id=budget.id).order_by("sequence")
        assert [event.data["percent"] for event in events] == [50, 80, 100]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_room_for_one_exactly_one_gets_it():
    budget = BudgetFactory(limit_usd="1")
    barrier, results = threading.Barrier(12), []

    def ask():
        barrier.wait()
        try:
            with transaction.atomic():
                reserve(charge(budget.team, "0.6"), now=NOW)
            results.append("got it")
        except BudgetExceeded:
            results.append("refused")

    threads = [
        threading.Thread(target=in_own_connection, args=[ask]) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["got it"] + ["refused"] * 11
    assert budget.usages.get().reserved_usd == Decimal("0.6")


class TestPeriods:
    def test_begin_and_end_in_utc(self):
        east = NOW.astimezone(dt.timezone(dt.timedelta(hours=9)))
        start = period_start(BudgetPeriod.MONTH, east)
        assert start == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
        assert period_end(BudgetPeriod.MONTH, start) == dt.datetime(
            2027, 1, 1, tzinfo=dt.UTC
        )
        day = period_start(BudgetPeriod.DAY, east)
        assert period_end(BudgetPeriod.DAY, day) - day == dt.timedelta(days=1)

    def test_once_never_ends(self):
        start = period_start(BudgetPeriod.ONCE, NOW)
        assert start == period_start(BudgetPeriod.ONCE, TOMORROW)
        assert period_end(BudgetPeriod.ONCE, start) is None


def test_a_usage_is_found_without_a_query():
    budget = uuid.UUID(int=7)
    assert usage_id(budget, NOW) == usage_id(budget, NOW)
    assert usage_id(budget, NOW) != usage_id(budget, TOMORROW)
