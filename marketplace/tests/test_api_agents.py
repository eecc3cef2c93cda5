"""`GET /agents`, `GET /agents/library` and `POST /agents/match`."""

import datetime as dt

import pytest
from rest_framework.test import APIClient

from agents import services as agent_services
from agents.models import Agent
from agents.tests.factories import (
    AgentFactory,
    CategoryFactory,
    ExecutionFactory,
    TopicFactory,
    definition,
)
from aiagents.common import clock

pytestmark = pytest.mark.django_db
LIST = "/api/v1/agents"
MATCH = "/api/v1/agents/match"
ROW = [
    "slug",
    "name",
    "category",
    "topic",
    "purpose",
    "deliverable",
    "tags",
    "tier",
    "risk",
    "version",
    "quality",
    "median_cost_usd",
    "median_seconds",
    "users_7d",
    "url",
]


@pytest.fixture
def nobody():
    return APIClient()


def about(slug, purpose):
    """A listed agent with a purpose of its own."""
    parts = definition(slug) | {"name": slug.title(), "purpose": purpose}
    return AgentFactory(slug=slug, name=slug.title(), live__definition=parts)


def found(answer):
    assert answer.status_code == 200, answer.json()
    return [row["slug"] for row in answer.json()["results"]]


class TestListAgents:
    def test_is_open_to_everybody(self, nobody):
        agent = AgentFactory()
        AgentFactory(live=False)
        body = nobody.get(LIST).json()
        assert (body["count"], body["next"], body["previous"]) == (1, None, None)
        (row,) = body["results"]
        assert list(row) == ROW
        assert row["slug"] == agent.slug
        assert (row["category"], row["topic"]) == ("finance_legal", "contracts")
        assert row["version"] == 1
        assert row["url"] == f"/marketplace/{agent.slug}"
        assert row["quality"] is row["median_cost_usd"] is row["users_7d"] is None

    def test_shows_what_was_measured(self, nobody):
        agent = AgentFactory()
        ExecutionFactory(agent=agent, succeeded=True)
        ExecutionFactory(agent=agent, succeeded=True, provider="demo", cost_usd="9")
        agent_services.refresh_figures(now=clock.now() + dt.timedelta(minutes=1))
        (row,) = nobody.get(LIST).json()["results"]
        assert row["median_cost_usd"] == "0.005678"
        assert row["median_seconds"] == 8.0
        assert row["users_7d"] == 1

    @pytest.mark.parametrize(
        "address", ["/agents/library", "/agents", f"{LIST}/library"]
    )
    def test_has_the_names_of_the_architecture_document(self, nobody, address):
        AgentFactory()
        assert (
            nobody.get(address).json()["results"] == nobody.get(LIST).json()["results"]
        )

    def test_pages(self, nobody):
        AgentFactory.create_batch(5)
        body = nobody.get(LIST, {"page_size": 2, "page": 2}).json()
        assert (body["count"], len(body["results"])) == (5, 2)
        assert "page=3" in body["next"]
        assert "page_size=2" in body["previous"]

    def test_pages_through_a_search(self, nobody):
        for number in range(5):
            about(f"ledger-agent-{number}", "Balance a ledger.")
        first = found(nobody.get(LIST, {"q": "ledger", "page_size": 3}))
        rest = found(nobody.get(LIST, {"q": "ledger", "page_size": 3, "page": 2}))
        assert len(set(first + rest)) == 5

    @pytest.mark.parametrize("name", ["category", "topic", "tag", "tier", "risk"])
    def test_filters(self, nobody, name):
        other = TopicFactory(slug="taxes", category=CategoryFactory(slug="taxes_only"))
        agent = AgentFactory(topic=other, tier="deep", risk="high", tags=["vat"])
        AgentFactory()
        wish = {"category": "taxes_only", "topic": "taxes", "tag": "vat"}
        wish |= {"tier": "deep", "risk": "high"}
        assert found(nobody.get(LIST, {name: wish[name]})) == [agent.slug]

    def test_finds_by_words_the_best_first(self, nobody):
        about("ship-agent", "Load a ship and balance its ledger of goods at sea.")
        about("ledger-agent", "Balance a ledger.")
        about("bread-agent", "Bake bread.")
        assert found(nobody.get(LIST, {"q": "ledger"})) == [
            "ledger-agent",
            "ship-agent",
        ]
        by_name = found(nobody.get(LIST, {"q": "ledger", "ordering": "name"}))
        assert by_name == ["ledger-agent", "ship-agent"]
        assert found(nobody.get(LIST, {"q": "ledger", "ordering": "-published_at"}))
        assert found(nobody.get(LIST, {"q": "ledger", "risk": "high"})) == []

    @pytest.mark.parametrize("junk", ["!!!", "xqzwv", "%", "\u200b", "('--", "a" * 500])
    def test_finds_nothing_for_junk(self, nobody, junk):
        AgentFactory()
        assert found(nobody.get(LIST, {"q": junk})) == []

    @pytest.mark.parametrize("blank", ["", "   "])
    def test_lists_all_without_words(self, nobody, blank):
        AgentFactory()
        assert len(found(nobody.get(LIST, {"q": blank, "ordering": "relevance"}))) == 1

    @pytest.mark.parametrize(
        "ordering", ["name", "-runs", "-quality", "cost", "-published_at"]
    )
    def test_orders(self, nobody, ordering):
        AgentFactory.create_batch(3)
        assert len(found(nobody.get(LIST, {"ordering": ordering}))) == 3

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ordering", "owner__password"),
            ("ordering", "runs"),
            ("risk", "extreme"),
            ("tier", "claude-3"),
            ("category", "not_there"),
            ("topic", "not-there"),
            ("tag", 'a" OR 1=1'),
            ("tag", "x" * 31),
            ("q", "x" * 501),
            ("q", "a\x00b"),
            ("page_size", "0"),
            ("page_size", "1000000000"),
            ("fields", "secret"),
            ("expand", "owner.api_keys"),
        ],
    )
    def test_refuses_by_name(self, nobody, name, value):
        answer = nobody.get(LIST, {name: value})
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        if "\x00" not in value:
            assert name in answer.json()["errors"]

    @pytest.mark.parametrize("number", ["0", "-1", "last", "1000000000000000000", "2"])
    def test_has_no_such_page(self, nobody, number):
        AgentFactory()
        assert nobody.get(LIST, {"page": number}).status_code in {400, 404}

    @pytest.mark.parametrize("query", [{}, {"q": "contract"}, {"ordering": "cost"}])
    def test_takes_as_many_queries_for_ten(self, nobody, query_counts, query):
        key = f"api:agents.list{'.' if query else ''}{'.'.join(query)}"
        AgentFactory()
        nobody.get(LIST, query)
        with query_counts(key):
            nobody.get(LIST, query)
        AgentFactory.create_batch(9)
        nobody.get(LIST, query)
        with query_counts(key):
            nobody.get(LIST, query)

    def test_shows_a_stranger_what_all_see(self, nobody, stranger, owner, api_key):
        AgentFactory()
        rows = nobody.get(LIST).json()["results"]
        for actor in (stranger, owner, api_key):
            assert actor.client.get(LIST).json()["results"] == rows

    def test_refuses_a_bad_token(self, nobody):
        assert nobody.get(LIST, HTTP_AUTHORIZATION="Bearer nonsense").status_code == 401


class TestMatchAgents:
    def post(self, client, **body):
        return client.post(MATCH, body, format="json")

    def test_tells_which_agent_and_why(self, nobody):
        about("ledger-agent", "Balance a ledger with the bank statement.")
        about("bread-agent", "Bake bread.")
        body = self.post(
            nobody, task="the bank statement does not fit our ledger"
        ).json()
        assert list(body) == ["results"]
        (match,) = body["results"]
        assert list(match) == ["agent", "score", "reasons"]
        assert list(match["agent"]) == ROW
        assert match["agent"]["slug"] == "ledger-agent"
        assert match["score"] > 0
        assert match["reasons"] == ["name: ledger", "purpose: bank, statement"]

    @pytest.mark.parametrize(
        "task", ["", "   ", "!?", "\u202e", "the of and", "x" * 20_000]
    )
    def test_is_polite_about_junk(self, nobody, task):
        AgentFactory()
        answer = self.post(nobody, task=task)
        assert (answer.status_code, answer.json()) == (200, {"results": []})

    def test_keeps_to_a_category_and_a_limit(self, nobody):
        for number in range(3):
            about(f"ledger-agent-{number}", "Balance a ledger.")
        other = TopicFactory(slug="taxes", category=CategoryFactory(slug="taxes_only"))
        Agent.objects.filter(slug="ledger-agent-2").update(
            topic=other, category=other.category, published_at=clock.now()
        )
        body = self.post(nobody, task="ledger", limit=2).json()
        assert len(body["results"]) == 2
        body = self.post(nobody, task="ledger", category="taxes_only").json()
        assert [match["agent"]["slug"] for match in body["results"]] == [
            "ledger-agent-2"
        ]

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({}, "task"),
            ({"task": None}, "task"),
            ({"task": 5}, "task"),
            ({"task": ["a"]}, "task"),
            ({"task": "x" * 20_001}, "task"),
            ({"task": "x", "limit": 0}, "limit"),
            ({"task": "x", "limit": 21}, "limit"),
            ({"task": "x", "limit": "5"}, "limit"),
            ({"task": "x", "limit": True}, "limit"),
            ({"task": "x", "category": "not_there"}, "category"),
            ({"task": "x", "owner": "me"}, "owner"),
        ],
    )
    def test_refuses_by_name(self, nobody, body, name):
        answer = self.post(nobody, **body)
        assert answer.status_code == 400
        assert name in answer.json()["errors"]

    def test_is_open_to_a_stranger(self, stranger):
        assert self.post(stranger.client, task="ledger").status_code == 200

    def test_only_answers_post(self, nobody):
        assert nobody.get(MATCH).status_code == 405
