"""What lists and pages read, and the figures beside it."""

import datetime as dt

import pytest

from agents import selectors
from agents.choices import VersionStatus
from agents.errors import AgentNotFound
from agents.models import Agent, AgentFigures
from agents.tests.factories import (
    AgentFactory,
    AgentVersionFactory,
    CategoryFactory,
    TopicFactory,
)

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)


def measured(agent, **figures):
    AgentFigures.objects.create(agent=agent, measured_at=NOW, **figures)


class TestListCategories:
    def test_counts_listed_agents(self):
        topic = TopicFactory()
        TopicFactory(slug="second", name="Second", category=topic.category, position=1)
        CategoryFactory(slug="empty", name="Empty", position=1)
        AgentFactory(topic=topic)
        AgentFactory(topic=topic)
        AgentFactory(topic=topic, live=False)
        first, empty = selectors.list_categories()
        assert (first.slug, first.agent_count) == ("finance_legal", 2)
        assert [(t.slug, t.agent_count) for t in first.topics] == [
            ("contracts", 2),
            ("second", 0),
        ]
        assert (empty.slug, empty.agent_count, empty.topics) == ("empty", 0, ())


class TestListAgents:
    def slugs(self, **wanted):
        return set(selectors.list_agents(**wanted).values_list("slug", flat=True))

    def test_lists_what_is_published(self):
        agent = AgentFactory()
        AgentFactory(live=False)
        assert self.slugs() == {agent.slug}

    def test_narrows_by_every_wish(self):
        other = TopicFactory(slug="taxes", category=CategoryFactory(slug="taxes_only"))
        agent = AgentFactory(
            topic=other, risk="high", tier="deep", tags=["vat", "tax-law"]
        )
        AgentFactory(tags=["tax", "vat-return"])
        for wish in (
            {"category": "taxes_only"},
            {"topic": "taxes"},
            {"risk": "high"},
            {"tier": "deep"},
            {"tag": "vat"},
            {"tag": "tax-law"},
            {"slugs": [agent.slug, "not-there"]},
        ):
            assert self.slugs(**wish) == {agent.slug}, wish
        assert self.slugs(tag="ta") == set()
        assert self.slugs(slugs=[]) == set()
        assert self.slugs(risk="high", tier="fast") == set()


class TestOrderedSlugs:
    def order(self, ordering):
        rows = Agent.objects.listed()
        return list(selectors.ordered_slugs(rows, ordering=ordering))

    def test_orders_by_what_was_measured_and_the_rest_last(self):
        cheap, dear, new = (AgentFactory(name=name) for name in ("B", "C", "A"))
        measured(cheap, runs=2, median_cost_usd="0.01", quality=25)
        measured(dear, runs=3, median_cost_usd="0.10", quality=100)
        assert self.order("cost") == [cheap.slug, dear.slug, new.slug]
        assert self.order("-quality") == [dear.slug, cheap.slug, new.slug]
        assert self.order("-runs") == [dear.slug, cheap.slug, new.slug]
        assert self.order("name") == [new.slug, cheap.slug, dear.slug]

    def test_orders_by_novelty(self):
        old, new = AgentFactory(), AgentFactory()
        Agent.objects.filter(id=old.id).update(published_at=NOW)
        Agent.objects.filter(id=new.id).update(published_at=NOW + dt.timedelta(hours=1))
        assert self.order("-published_at") == [new.slug, old.slug]

    def test_refuses_another_order(self):
        with pytest.raises(KeyError, match="owner"):
            self.order("owner")


class TestAgentRows:
    def test_come_in_the_asked_order(self):
        one, two = AgentFactory(), AgentFactory(suspended_at=NOW)
        hidden = AgentFactory(live=False)
        rows = selectors.agent_rows([two.slug, hidden.slug, "none", one.slug])
        assert [row.slug for row in rows] == [two.slug, one.slug]
        assert rows[0].is_suspended
        assert (rows[1].version, rows[1].category, rows[1].topic_name) == (
            1,
            "finance_legal",
            "Contracts",
        )

    @pytest.mark.parametrize("count", [1, 10])
    def test_take_two_queries(self, count, django_assert_num_queries):
        agents = AgentFactory.create_batch(count)
        for agent in agents:
            measured(agent, runs=1)
        with django_assert_num_queries(2):
            selectors.agent_rows([agent.slug for agent in agents])


class TestGetAgentDetail:
    def test_holds_the_form_and_the_versions(self):
        agent = AgentFactory()
        AgentVersionFactory(agent=agent, number=2, status=VersionStatus.DEPRECATED)
        AgentVersionFactory(agent=agent, number=3, status=VersionStatus.DRAFT)
        detail = selectors.get_agent_detail(agent.slug, by=None)
        assert [version.number for version in detail.versions] == [2, 1]
        assert detail.input_schema["required"] == ["text"]
        assert detail.definition.slug == agent.slug
        assert detail.system_prompt is None

    def test_shows_the_prompt_to_curators(self, curator, administrator, owner, api_key):
        slug = AgentFactory().slug
        for actor in (curator, administrator):
            detail = selectors.get_agent_detail(slug, by=actor.principal)
            assert detail.system_prompt.startswith("<rules>")
            assert "You are a careful reader." in detail.system_prompt
        for actor in (owner, api_key):
            detail = selectors.get_agent_detail(slug, by=actor.principal)
            assert detail.system_prompt is None

    def test_raises_for_what_is_not_listed(self):
        hidden = AgentFactory(live=False)
        for slug in (hidden.slug, "not-there", ""):
            with pytest.raises(AgentNotFound):
                selectors.get_agent_detail(slug, by=None)


class TestCatalogueStamp:
    def test_changes_with_the_catalogue(self):
        stamps = [selectors.catalogue_stamp()]
        agent = AgentFactory()
        stamps.append(selectors.catalogue_stamp())
        Agent.objects.filter(id=agent.id).update(suspended_at=NOW)
        stamps.append(selectors.catalogue_stamp())
        Agent.objects.filter(id=agent.id).update(
            published_at=NOW + dt.timedelta(days=900)
        )
        stamps.append(selectors.catalogue_stamp())
        assert len(set(stamps)) == 4
        assert selectors.catalogue_stamp() == stamps[-1]


class TestSearchDocuments:
    def test_hold_what_people_may_search(self):
        agent = AgentFactory(suspended_at=NOW)
        AgentFactory(live=False)
        (document,) = selectors.iterate_search_documents()
        assert document.slug == agent.slug
        assert document.is_suspended
        assert document.fields["tags"] == "contract, clause, review"
        assert document.fields["samples"] == "Short contract"
        assert "Text of the contract" in document.fields["method"]
