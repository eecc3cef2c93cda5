"""Switching agents off and on, and setting models."""

import datetime as dt

import pytest

from accounts.models import AuditEntry
from agents import services
from agents.errors import AgentNotFound
from agents.models import ModelPrice, ModelProfile
from agents.tests.factories import AgentFactory
from aiagents.common import clock
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed
from analytics.models import Event

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)


def suspend(agent, by, reason="Wrong limits since the new edition."):
    return services.suspend_agent(
        slug=agent.slug, reason=reason, by=by.principal, now=NOW
    )


class TestSuspendAgent:
    def test_refuses_new_runs_with_a_reason(self, curator):
        agent = suspend(AgentFactory(), curator, "  Wrong limits\n since May. ")
        assert agent.is_suspended
        assert agent.suspended_at == NOW
        assert agent.suspended_reason == "Wrong limits since May."
        event = Event.objects.get(aggregate_id=agent.id)
        assert event.type == "agent.suspended"
        assert event.user_id == curator.user.id
        assert event.data == {"agent": agent.slug, "category": "finance_legal"}

    def test_is_for_curators(self, stranger, api_key):
        agent = AgentFactory()
        for actor in (stranger, api_key):
            with pytest.raises(NotAllowed):
                suspend(agent, actor)
        agent.refresh_from_db()
        assert not agent.is_suspended

    @pytest.mark.parametrize("reason", ["", "  \n", "x" * 201])
    def test_needs_a_reason(self, curator, reason):
        with pytest.raises(InvalidInput) as caught:
            suspend(AgentFactory(), curator, reason)
        assert "reason" in caught.value.errors

    def test_refuses_a_suspended_agent(self, curator):
        agent = AgentFactory()
        suspend(agent, curator)
        with pytest.raises(Conflict, match="suspended already"):
            suspend(agent, curator)
        assert Event.objects.filter(aggregate_id=agent.id).count() == 1

    def test_refuses_an_agent_that_is_not_there(self, curator):
        with pytest.raises(AgentNotFound):
            suspend(AgentFactory.build(slug="not-there"), curator)


class TestResumeAgent:
    def test_accepts_runs_again(self, administrator):
        agent = AgentFactory()
        suspend(agent, administrator)
        resumed = services.resume_agent(
            slug=agent.slug, by=administrator.principal, now=clock.now()
        )
        assert not resumed.is_suspended
        assert resumed.suspended_reason == ""
        events = Event.objects.filter(aggregate_id=agent.id).order_by("sequence")
        assert [event.type for event in events] == ["agent.suspended", "agent.resumed"]

    def test_refuses_an_agent_that_runs(self, curator):
        with pytest.raises(Conflict, match="not suspended"):
            services.resume_agent(
                slug=AgentFactory().slug, by=curator.principal, now=clock.now()
            )

    def test_is_for_curators(self, stranger):
        with pytest.raises(NotAllowed):
            services.resume_agent(
                slug=AgentFactory().slug, by=stranger.principal, now=clock.now()
            )


class TestModels:
    def test_are_set_by_administrators_only(self, administrator, curator):
        profile = ModelProfile.objects.create(tier="fast", model_id="one")
        price = ModelPrice(
            model_id="two",
            valid_from=NOW,
            input_usd=1,
            output_usd=1,
            cache_read_usd=1,
            cache_write_usd=1,
        )
        profile.model_id = "two"
        with pytest.raises(NotAllowed):
            services.change_profile(
                profile=profile, by=curator.principal, now=clock.now()
            )
        with pytest.raises(NotAllowed):
            services.add_price(price=price, by=curator.principal, now=clock.now())
        services.change_profile(
            profile=profile, by=administrator.principal, now=clock.now()
        )
        services.add_price(price=price, by=administrator.principal, now=clock.now())
        assert ModelProfile.objects.get().model_id == "two"
        assert ModelPrice.objects.get().model_id == "two"


def test_the_audit_tells_who_changed_the_catalogue(administrator):
    agent, by = AgentFactory(), administrator.principal
    suspend(agent, administrator)
    services.resume_agent(slug=agent.slug, by=by, now=NOW)
    profile = ModelProfile.objects.create(tier="fast", model_id="one")
    services.change_profile(profile=profile, by=by, now=NOW)
    price = ModelPrice(
        model_id="one",
        valid_from=NOW,
        input_usd=1,
        output_usd=5,
        cache_read_usd=0,
        cache_write_usd=1,
    )
    services.add_price(price=price, by=by, now=NOW)
    told = AuditEntry.objects.filter(user_id=by.user_id, at=NOW).order_by("sequence")
    assert [(entry.action, entry.target) for entry in told] == [
        ("agent.suspended", f"agent:{agent.slug}"),
        ("agent.resumed", f"agent:{agent.slug}"),
        ("model.changed", "tier:fast"),
        ("price.added", f"price:{price.id}"),
    ]
