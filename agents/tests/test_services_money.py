"""What a run may cost is set aside when it is accepted, and settled when it ends."""

import datetime as dt
from decimal import Decimal

import pytest

from accounts.errors import BudgetExceeded
from accounts.models import BudgetUsage
from accounts.tests.factories import BudgetFactory, UserFactory, principal_for
from agents import selectors, services
from agents.models import Execution, ModelPrice, ModelProfile
from agents.runtime import Usage
from agents.selectors.plans import Plans
from agents.services import attempts
from agents.services.attempts import Outcome
from agents.services.claims import claim_executions
from agents.services.executions import Request
from agents.tests.factories import AgentFactory
from aiagents.common import clock

pytestmark = pytest.mark.django_db
INPUTS = {"text": "1. The buyer pays.", "side": "buyer"}
COST = Decimal("0.001234")


@pytest.fixture(autouse=True)
def price(monkeypatch):
    """The model of the tier costs 3 USD a million tokens read and 15 written."""
    monkeypatch.setattr("agents.selectors.plans._plans", Plans())
    ModelProfile.objects.filter(tier="standard").delete()
    ModelPrice.objects.filter(model_id="model-1").delete()
    ModelProfile.objects.create(tier="standard", model_id="model-1", max_tokens=1000)
    return ModelPrice.objects.create(
        model_id="model-1",
        valid_from=clock.now() - dt.timedelta(days=1),
        input_usd=3,
        output_usd=15,
        cache_read_usd=Decimal("0.3"),
        cache_write_usd=Decimal("3.75"),
    )


@pytest.fixture
def anna():
    return principal_for(UserFactory())


@pytest.fixture
def budget(anna):
    return BudgetFactory(team_id=anna.team_id, subject_id=anna.team_id)


def start(anna, agent=None):
    agent = agent or AgentFactory()
    return services.start_execution(
        slug=agent.slug, request=Request(inputs=INPUTS), by=anna, now=clock.now()
    )


def usage():
    return BudgetUsage.objects.get()


def finish(cost=COST):
    (claim,) = claim_executions(owner="w1", limit=1)
    outcome = Outcome(
        text="Done.", usage=Usage(input_tokens=9, output_tokens=9), cost_usd=cost
    )
    return claim, outcome


def test_the_most_that_a_run_can_cost_is_set_aside(anna, budget):
    row = start(anna)
    answer = Decimal(1000) * 15 / 1_000_000
    assert answer < row.reserved_usd < answer + Decimal("0.1")
    assert usage().reserved_usd == row.reserved_usd
    assert row.budget_usages == [str(usage().id)]


def test_longer_inputs_may_cost_more(price):
    agent = AgentFactory()
    costs = [
        selectors.most_cost(
            agent.live_version_id,
            inputs={"text": "x" * length, "side": "buyer"},
            is_free_text=False,
        )
        for length in (1, 1001)
    ]
    assert costs[1] - costs[0] == Decimal(1000) * Decimal("3.75") / 1_000_000


def test_success_settles_the_true_cost(anna, budget):
    start(anna)
    attempts.succeed([finish()])
    assert (usage().reserved_usd, usage().used_usd) == (0, COST)


def test_a_second_attempt_keeps_what_was_set_aside(anna, budget):
    row = start(anna)
    claim, _ = finish()
    attempts.release(claim)
    assert usage().reserved_usd == row.reserved_usd


def test_cancelling_gives_everything_back(anna, budget):
    row = start(anna)
    services.cancel_execution(execution_id=str(row.id), by=anna, now=clock.now())
    assert (usage().reserved_usd, usage().used_usd) == (0, 0)


def test_a_run_that_is_swept_gives_everything_back(anna, budget):
    row = start(anna)
    Execution.objects.filter(id=row.id).update(deadline_at=clock.now())
    services.sweep_executions()
    row.refresh_from_db()
    assert row.status == "timed_out"
    assert (usage().reserved_usd, usage().used_usd) == (0, 0)


def test_a_run_that_the_budget_does_not_cover_is_not_stored(anna, budget):
    budget.limit_usd = Decimal("0.01")
    budget.save()
    with pytest.raises(BudgetExceeded, match="the team"):
        start(anna)
    assert not Execution.objects.exists()


def test_the_demo_model_is_free(anna, budget, settings):
    settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
    row = start(anna)
    assert row.reserved_usd == 0
    assert not BudgetUsage.objects.exists()


def test_repeating_a_run_is_paid_for_again(anna, budget):
    row = start(anna)
    attempts.succeed([finish()])
    again = services.retry_execution(execution_id=str(row.id), by=anna, now=clock.now())
    assert usage().reserved_usd == again.reserved_usd > 0
    assert usage().used_usd == COST
