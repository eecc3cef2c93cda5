"""Measuring agents from their runs, and reading what was measured."""

import datetime as dt
from decimal import Decimal

import pytest

from accounts.tests.factories import UserFactory
from agents import selectors, services
from agents.models import AgentFigures, ExecutionFeedback
from agents.tests.factories import AgentFactory, ExecutionFactory

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)


def run(agent, *, days_ago=1.0, cost="0.01", seconds=10, **more):
    """A finished run, so long ago, that took so long from its claim."""
    created = NOW - dt.timedelta(days=days_ago)
    return ExecutionFactory(
        **{
            "agent": agent,
            "succeeded": True,
            "created_at": created,
            "started_at": created,
            "finished_at": created + dt.timedelta(seconds=seconds),
            "cost_usd": Decimal(cost),
            **more,
        }
    )


def rate(execution, rating):
    moment = NOW - dt.timedelta(hours=1)
    ExecutionFeedback.objects.create(
        execution=execution, user=UserFactory(), rating=rating, created_at=moment
    )


def figures(agent, *, now=NOW):
    services.refresh_figures(now=now)
    return selectors.figures_of([agent.id])[agent.id]


def test_are_unknown_for_an_agent_that_never_ran():
    assert figures(AgentFactory()) == selectors.Figures()


def test_are_medians_of_successful_runs():
    agent = AgentFactory()
    for cost, seconds in (("0.01", 4), ("0.02", 6), ("0.90", 300)):
        run(agent, cost=cost, seconds=seconds)
    run(agent, failed=True, succeeded=False, cost="5", seconds=1)
    found = figures(agent)
    assert found.median_cost_usd == Decimal("0.02")
    assert found.median_seconds == 6
    assert found.runs == 4


def test_leave_the_demo_model_out():
    agent = AgentFactory()
    rate(run(agent, provider="demo"), 1)
    ExecutionFactory(agent=agent)
    assert figures(agent) == selectors.Figures()


def test_leave_old_runs_out_of_medians():
    agent = AgentFactory()
    run(agent, days_ago=200, cost="9")
    found = figures(agent)
    assert found.median_cost_usd is None
    assert found.runs == 1


def test_look_at_the_newest_runs_only(monkeypatch):
    monkeypatch.setattr("agents.services.figures.SAMPLE_RUNS", 2)
    agent = AgentFactory()
    for days, cost in ((3, "9"), (2, "0.03"), (1, "0.01")):
        run(agent, days_ago=days, cost=cost)
    assert figures(agent).median_cost_usd == Decimal("0.02")


def test_count_people_of_the_last_week():
    agent, person = AgentFactory(), UserFactory()
    run(agent, user=person)
    run(agent, user=person, days_ago=2)
    run(agent, days_ago=6.9)
    run(agent, days_ago=7.1)
    assert figures(agent).users_7d == 2


def test_forget_the_people_of_the_week_before():
    agent = AgentFactory()
    run(agent)
    assert figures(agent).users_7d == 1
    assert figures(agent, now=NOW + dt.timedelta(days=8)).users_7d == 0


def test_turn_ratings_into_quality():
    agent = AgentFactory()
    rate(run(agent), 5)
    rate(run(agent), 4)
    found = figures(agent)
    assert found.quality == 87.5
    assert found.rating_count == 2


def test_count_each_run_once_however_often_they_are_refreshed():
    agent = AgentFactory()
    run(agent)
    assert figures(agent).runs == 1
    later = NOW + dt.timedelta(minutes=1)
    assert figures(agent, now=later).runs == 1
    run(agent, days_ago=-2 / 24)
    assert figures(agent, now=NOW + dt.timedelta(hours=3)).runs == 2


def test_wait_for_what_may_still_be_in_an_open_transaction():
    agent = AgentFactory()
    run(agent, days_ago=0, seconds=0)
    assert figures(agent, now=NOW + dt.timedelta(seconds=29)).runs == 0
    assert figures(agent, now=NOW + dt.timedelta(seconds=31)).runs == 1


def test_measure_only_what_has_changed():
    run(AgentFactory())
    assert services.refresh_figures(now=NOW) == 1
    assert services.refresh_figures(now=NOW) == 0
    assert AgentFigures.objects.count() == 1
